package replay

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/internal/durable"
)

func check(t interface {
	Helper()
	Fatal(...any)
}, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string, now time.Time) *Taken {
	t.Helper()
	k, err := Open(path, now)
	check(t, err)
	return k
}

var start = time.Unix(1_750_000_000, 0)

func TestAnEarlierProcess(t *testing.T) {
	path, ms := filepath.Join(t.TempDir(), "taken"), start.UnixMilli()
	k := open(t, path, start)
	if !k.Refuses(ms-1) || k.Refuses(ms) || k.Refuses(start.Add(-recent-time.Second).UnixMilli()) {
		t.Error("not what a first start should refuse")
	}
	at := start.Add(time.Minute)
	check(t, k.Add(at.UnixMilli()))
	if k.Refuses(at.UnixMilli()) {
		t.Error("what is remembered one by one is refused")
	}
	back := start.Add(-24 * time.Hour) // the clock is set back by a day
	crashed := open(t, path, back)
	if !crashed.Refuses(at.UnixMilli()) || crashed.Refuses(at.UnixMilli()+block) || crashed.Refuses(back.UnixMilli()) {
		t.Error("after a crash: not what was let in, and what was reserved with it")
	}
	if until := crashed.RefusesUntil(at); until.Before(at) || until.After(at.Add(block*time.Millisecond)) {
		t.Errorf("refuses until %v", until)
	}
	if !crashed.RefusesUntil(back).Equal(back) {
		t.Error("refuses what is not known")
	}
	check(t, k.Close())
	if after := open(t, path, back); !after.Refuses(at.UnixMilli()) || after.Refuses(at.UnixMilli()+1) {
		t.Error("after an orderly end: not what was let in alone")
	}
	check(t, k.Add(at.UnixMilli()+1))
	if !open(t, path, back).Refuses(at.UnixMilli() + 1) {
		t.Error("what was added after the end is not on the disk")
	}
}

func TestForget(t *testing.T) {
	k, ms := InMemory(start), start.UnixMilli()
	check(t, k.Add(ms+10))
	check(t, k.Add(ms+100_000))
	k.Forget(ms + 50_000)
	if !k.Refuses(ms+10) || k.Refuses(ms+50_000) || k.Refuses(ms+100_000) {
		t.Error("not what was added up to then is refused")
	}
}

// TestManyProcesses: whatever the clock, whichever process ends how, and whichever
// write fails, what one has let in is refused by all that come later.
func TestManyProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "taken")
	rapid.Check(t, func(t *rapid.T) {
		check(t, os.RemoveAll(path))
		now := start
		k, err := Open(path, now)
		check(t, err)
		k.write = faulty(t)
		earlier, mine := map[int64]bool{}, map[int64]bool{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{1, 10, 10, 3000, 90_000, 86_400_000, -86_400_000}).Draw(t, "ms")) * time.Millisecond)
			at := now.UnixMilli() + int64(rapid.IntRange(-20_000, 12_000).Draw(t, "ahead"))
			if !k.Refuses(at) && k.Add(at) == nil {
				mine[at] = true
			}
			how := rapid.IntRange(0, 9).Draw(t, "end")
			if how > 1 {
				continue
			}
			if how == 1 {
				_ = k.Close() // a write that fails loses nothing
			}
			k, err = Open(path, now)
			check(t, err)
			k.write = faulty(t)
			for at := range mine {
				earlier[at] = true
			}
			clear(mine)
			for at := range earlier {
				if !k.Refuses(at) {
					t.Fatalf("%d is not refused", at)
				}
			}
		}
	})
}

var errDisk = errors.New("disk")

// faulty writes, or fails before or after.
func faulty(t *rapid.T) func(string, []byte, os.FileMode) error {
	return func(path string, data []byte, perm os.FileMode) error {
		switch rapid.IntRange(0, 5).Draw(t, "fault") {
		case 0:
			return errDisk
		case 1:
			return errors.Join(errDisk, os.WriteFile(path, data, perm))
		}
		return os.WriteFile(path, data, perm)
	}
}

func TestADiskThatFails(t *testing.T) {
	path, ms := filepath.Join(t.TempDir(), "taken"), start.UnixMilli()
	k := open(t, path, start)
	k.write = func(string, []byte, os.FileMode) error { return errDisk }
	if err := k.Add(ms); !errors.Is(err, errDisk) {
		t.Fatalf("let in, though that is not on the disk: %v", err)
	}
	k.write = durable.WriteFile
	check(t, k.Add(ms))
	if !open(t, path, start.Add(-time.Hour)).Refuses(ms) {
		t.Error("not on the disk")
	}
}

// TestOneWriteForMany: requests of the same time wait for one write.
func TestOneWriteForMany(t *testing.T) {
	path, ms := filepath.Join(t.TempDir(), "taken"), start.UnixMilli()&^(block-1)
	k, writes := open(t, path, start), 0
	k.write = func(path string, data []byte, perm os.FileMode) error {
		writes++
		return durable.WriteFile(path, data, perm)
	}
	var group sync.WaitGroup
	for i := range int64(100) {
		group.Go(func() {
			if err := k.Add(ms + i*40); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if writes != 1 {
		t.Errorf("%d writes", writes)
	}
}

func TestADamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "taken")
	k := open(t, path, start)
	check(t, k.Add(start.UnixMilli()))
	whole, err := os.ReadFile(path)
	check(t, err)
	if len(whole) != len(magic)+16+4 {
		t.Errorf("%d bytes", len(whole))
	}
	refuse := func(what string, data []byte) {
		t.Helper()
		check(t, os.WriteFile(path, data, 0o600))
		if _, err := Open(path, start); !errors.Is(err, errDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range whole {
		spoiled := bytes.Clone(whole)
		spoiled[i] ^= 1
		refuse("a wrong bit", spoiled)
		refuse("a part", whole[:i])
	}
	refuse("too large", make([]byte, maxSize+1))
	for _, list := range [][]span{{{2, 1}}, {{1, 2}, {3, 4}}, {{5, 6}, {1, 2}}, {{1, 1 << 62}, {-1 << 63, 5}}} {
		refuse("no spans", (&Spans{list}).encode())
	}
}

func FuzzTaken(f *testing.F) {
	f.Add([]byte(nil))
	f.Add((&Spans{}).encode())
	f.Add((&Spans{[]span{{1, 2}, {5, 1 << 62}}}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parse(data)
		if err != nil {
			return
		}
		if !bytes.Equal(s.encode(), data) {
			t.Error("encoded anew it is another file")
		}
		for _, x := range s.list {
			if !s.Has(x.from) || !s.Has(x.to) {
				t.Errorf("%v is not in it", x)
			}
		}
	})
}
