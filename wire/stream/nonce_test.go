package stream

import (
	"encoding/binary"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/wire"
)

func digestAt(i int) (d [32]byte) {
	binary.BigEndian.PutUint64(d[:], uint64(i)+1)
	return d
}

func TestAFullMemoryRefuses(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	u := newUsed(func() time.Time { return now })
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
	for caller, want := range map[byte]int{0: 5, 1: 5, 2: 30, 3: 5, 4: 5, 5: 30} {
		if refused[caller] != want {
			t.Errorf("caller %d was refused %d times, want %d", caller, refused[caller], want)
		}
	}
	if got := take(1000, 9, true); got != wire.StatusUnavailable {
		t.Errorf("over the bound: %d", got)
	}
	now = now.Add(2 * (oldest + longest))
	if got := take(1001, 9, true); got != wire.StatusOK || u.total != 1 || u.strangers != 0 {
		t.Errorf("later: %d, %d remembered, %d of strangers", got, u.total, u.strangers)
	}
}

// TestNothingIsTakenTwice: whatever comes when, in any order, however the clock
// goes, no request is worked on twice.
func TestNothingIsTakenTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_700_000_000, 0)
		u := newUsed(func() time.Time { return now })
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
	u := newUsed(time.Now)
	q := request{time: time.Now().UnixMilli()}
	for i := range maxPassed + 1 {
		check(t, u.claim(q, digestAt(i)))
	}
	if len(u.once) != maxPassed || u.claim(q, digestAt(1)) == nil || u.claim(q, digestAt(0)) != nil {
		t.Errorf("%d are remembered", len(u.once))
	}
}
