package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/replay"
)

func digestAt(i int) (d [32]byte) {
	binary.BigEndian.PutUint64(d[:], uint64(i)+1)
	return d
}

func TestAFullMemoryRefuses(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	u := newUsed(func() time.Time { return now }, replay.InMemory(now))
	u.max = 100
	now = now.Add(time.Minute)
	take := func(i int, caller byte, registered bool) int {
		q := request{caller: [32]byte{caller}, time: now.UnixMilli()}
		err := u.claim(q, digestAt(i))
		if err == nil {
			err = u.keep(q, digestAt(i), registered)
		}
		return wire.StatusOf(err)
	}
	i, refused := 0, map[byte]int{}
	for caller := range byte(6) {
		for range 30 {
			if i++; take(i, caller, caller >= 3) != wire.StatusOK {
				refused[caller]++
			}
		}
	}
	for caller, want := range map[byte]int{0: 0, 1: 23, 2: 29, 3: 0, 4: 23, 5: 29} {
		if refused[caller] != want {
			t.Errorf("caller %d was refused %d times, want %d", caller, refused[caller], want)
		}
	}
	for caller := byte(100); u.total < u.max; caller++ { // who has little gets some of the rest
		i++
		if got := take(i, caller, true); got != wire.StatusOK {
			t.Fatalf("with %d remembered: %d", u.total, got)
		}
	}
	if got := take(1000, 9, true); got != wire.StatusUnavailable {
		t.Errorf("over the bound: %d", got)
	}
	now = now.Add(oldest + ageOf)
	if got := take(1001, 9, true); got != wire.StatusOK || u.total != 1 || u.unknown != 0 || len(u.of) != 1 || len(u.ages) != 1 {
		t.Errorf("later: %d, %d remembered, %d of strangers", got, u.total, u.unknown)
	}
}

// TestOneCallerAsksFast: one caller without a UID asks 10,000 times a second, and
// none of it is refused, in memory that does not grow.
func TestOneCallerAsksFast(t *testing.T) {
	const rate, seconds = 10_000, 90
	now := time.Unix(1_700_000_000, 0)
	u := newUsed(func() time.Time { return now }, replay.InMemory(now))
	before := heap()
	for i := range rate * seconds {
		now = now.Add(time.Second / rate)
		q := request{caller: [32]byte{1}, time: now.UnixMilli() + 1, timeout: 100_000}
		d := sha256.Sum256(digestOfInt(i))
		if err := u.claim(q, d); err != nil {
			t.Fatal(i, err)
		}
		if err := u.keep(q, d, false); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if most := rate * int((longest+oldest+2*ageOf)/time.Second); u.total > most {
		t.Errorf("%d are remembered, at most %d should be", u.total, most)
	}
	used := heap() - before
	if used > 24<<20 {
		t.Errorf("%d are remembered in %d MiB", u.total, used>>20)
	}
	t.Logf("%d are remembered in %.1f MiB", u.total, float64(used)/(1<<20))
	runtime.KeepAlive(u)
}

func digestOfInt(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

// heap is how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestNothingIsTakenTwice: whatever comes when, in any order, however the clock
// goes, no request is worked on twice.
func TestNothingIsTakenTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_700_000_000, 0)
		u := newUsed(func() time.Time { return now }, replay.InMemory(now))
		u.max = rapid.IntRange(4, 60).Draw(t, "max")
		times, taken := map[int]int64{}, map[int]bool{}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(-1_000, 5_000).Draw(t, "ms")) * time.Millisecond)
			if rapid.IntRange(0, 50).Draw(t, "set back") == 0 {
				now = now.Add(-time.Minute)
			}
			i := rapid.IntRange(0, 30).Draw(t, "request")
			if _, made := times[i]; !made {
				times[i] = now.UnixMilli() + int64(rapid.IntRange(-2_000, 11_000).Draw(t, "ahead"))
			}
			q := request{caller: [32]byte{byte(i % 3)}, time: times[i], timeout: uint32(i * 2000)}
			err := u.fresh(q)
			if err == nil {
				err = u.claim(q, digestAt(i))
			}
			if err == nil {
				err = u.keep(q, digestAt(i), i%2 == 0)
			}
			if err == nil && taken[i] {
				t.Fatalf("request %d was taken twice", i)
			}
			taken[i] = taken[i] || err == nil
		}
	})
}

func TestWhatWasRefusedIsForgottenInTurn(t *testing.T) {
	u := newUsed(time.Now, replay.InMemory(time.Now()))
	q := request{time: time.Now().UnixMilli()}
	for i := range maxPassed + 1 {
		check(t, u.claim(q, digestAt(i)))
	}
	if len(u.once) != maxPassed || u.claim(q, digestAt(1)) == nil || u.claim(q, digestAt(0)) != nil {
		t.Errorf("%d are remembered", len(u.once))
	}
}
