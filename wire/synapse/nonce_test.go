package synapse

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/replay"
)

// clock is a settable time.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Unix(1_750_000_000, 0)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

const day = 24 * time.Hour

func nonceTable(t *testing.T, path string, c *clock) *nonces {
	t.Helper()
	taken := replay.InMemory(c.now())
	if path != "" {
		var err error
		taken, err = replay.Open(path+".taken", c.now())
		check(t, err)
	}
	n, err := openNonces(path, 100*time.Second, c.now, taken)
	check(t, err)
	t.Cleanup(func() { check(t, n.close()) })
	return n
}

// send is a request whose signature is good, by a caller that is let in if
// keep says so.
func (n *nonces) send(id string, version, nonce uint64, keep bool) error {
	s := sessionOf("hotkey", id)
	if err := n.check(s, head{version: version, nonce: nonce, timeout: 12 * time.Second}); err != nil {
		return err
	}
	if err := n.claim(s, nonce); err != nil {
		return err
	}
	if keep {
		return n.keep(s, nonce, true)
	}
	return nil
}

func expect(t *testing.T, err error, status int, what string, args ...any) {
	t.Helper()
	if wire.StatusOf(err) != status {
		t.Errorf("%s: %v, want %d", fmt.Sprintf(what, args...), err, status)
	}
}

func TestNoncesAreGoodOnce(t *testing.T) {
	c := newClock()
	n := nonceTable(t, "", c)
	c.add(time.Second)
	for _, keep := range []bool{false, true} {
		id := fmt.Sprint(keep)
		const first = uint64(1000 * time.Second)
		expect(t, n.send(id, 722, first, keep), 200, "the first")
		expect(t, n.send(id, 722, first, keep), 401, "the same again")
		expect(t, n.send(id, 722, first-1, keep), 200, "one that it overtook")
		expect(t, n.send(id, 722, first-1, keep), 401, "that one again")
		expect(t, n.send(id, 722, first-uint64(overtaking), keep), 401, "an old one")
		expect(t, n.send(id, 722, first+1, keep), 200, "the next")
		expect(t, n.send(id, 722, first, keep), 401, "the first once more")
		expect(t, n.send(id+"'", 722, 1, keep), 200, "another dendrite")
		expect(t, n.send(id, 722, uint64(c.now().UnixNano()), true), map[bool]int{true: 401, false: 200}[keep], "another kind of nonce")
	}
}

func TestFreshness(t *testing.T) {
	c := newClock()
	n := nonceTable(t, "", c)
	c.add(day)
	for age, want := range map[time.Duration]int{
		0: 200, 15 * time.Second: 200, 16 * time.Second: 401, day: 401, -11 * time.Second: 200, -13 * time.Second: 401, -day: 401,
	} {
		nonce := uint64(c.now().Add(-age).UnixNano())
		expect(t, n.send(age.String(), timedVersion, nonce, true), want, "%v old", age)
	}
	expect(t, n.send("small", timedVersion, 50, true), 401, "no time at all")
	expect(t, n.send("max", timedVersion, 1<<64-1, true), 401, "the end of time")
	// The timeout is not signed: it cannot stretch the freshness for ever.
	s := sessionOf("hotkey", "long")
	err := n.check(s, head{version: timedVersion, nonce: uint64(c.now().Add(-200 * time.Second).UnixNano()), timeout: time.Hour})
	expect(t, err, 401, "200 s old with a timeout of an hour")
	// Nor is the version.
	expect(t, n.send("other version", 722, uint64(c.now().Add(-2*day).UnixNano()), true), 401, "older than the server, said to be 6.12")
}

func TestRestartForgetsNothing(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "nonces"), newClock()
	n := nonceTable(t, path, c)
	c.add(time.Second)
	before := uint64(c.now().UnixNano())
	early := before + uint64(3*time.Second) // a peer whose clock is fast
	expect(t, n.send("old", 722, 50, true), 200, "monotonic")
	expect(t, n.send("timed", timedVersion, before, true), 200, "timed")
	expect(t, n.send("early", timedVersion, early, true), 200, "of a fast clock")
	n = nonceTable(t, path, c)
	expect(t, n.send("old", 722, 50, true), 401, "monotonic, after a restart")
	expect(t, n.send("timed", timedVersion, before, true), 401, "timed, after a restart")
	expect(t, n.send("timed", 722, before, true), 401, "timed, said to be 6.12, after a restart")
	expect(t, n.send("early", timedVersion, early, true), 401, "of a fast clock, after a restart")
	c.add(2 * time.Second)
	n = nonceTable(t, path, c)
	expect(t, n.send("early", timedVersion, early, true), 401, "of a fast clock, after another restart")
	expect(t, n.send("old", 722, 51, true), 200, "the next")
	expect(t, n.send("early", timedVersion, early+uint64(5*time.Second), true), 200, "a later one of a fast clock")
}

func TestNonceFileSurvivesTornWrites(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "nonces"), newClock()
	n := nonceTable(t, path, c)
	for i := range 10 {
		expect(t, n.send(fmt.Sprint(i), 722, 50, true), 200, "monotonic")
	}
	whole, err := os.ReadFile(path)
	check(t, err)
	if len(whole) != len(nonceMagic)+10*recordSize {
		t.Fatalf("the file has %d bytes", len(whole))
	}
	for cut := range recordSize + 1 { // a crash in the last record
		check(t, os.WriteFile(path, whole[:len(whole)-cut], 0o600))
		n := nonceTable(t, path, c)
		for i := range 9 {
			expect(t, n.send(fmt.Sprint(i), 722, 50, true), 401, "cut by %d: %d", cut, i)
		}
		expect(t, n.send("9", 722, 50, true), map[bool]int{true: 401, false: 200}[cut == 0], "cut by %d: the last", cut)
		expect(t, n.send("new", 722, 1, true), 200, "cut by %d: a new one", cut)
		n = nonceTable(t, path, c)
		expect(t, n.send("new", 722, 1, true), 401, "cut by %d: the new one, after a restart", cut)
	}
	torn := append(bytes.Clone(whole), make([]byte, 3*recordSize)...) // room that was given, never filled
	check(t, os.WriteFile(path, torn, 0o600))
	n = nonceTable(t, path, c)
	for i := range 10 {
		expect(t, n.send(fmt.Sprint(i), 722, 50, true), 401, "before empty records: %d", i)
	}
	spoiled := bytes.Clone(whole)
	spoiled[len(nonceMagic)+recordSize+3] ^= 1
	check(t, os.WriteFile(path, spoiled, 0o600))
	if _, err := openNonces(path, time.Second, c.now, nil); err == nil || !strings.Contains(err.Error(), "record 2") {
		t.Errorf("a record damaged in the middle was passed over: %v", err)
	}
	check(t, os.WriteFile(path, []byte("something else"), 0o600))
	if _, err := openNonces(path, time.Second, c.now, nil); err == nil {
		t.Error("a file of another kind was overwritten")
	}
}

func TestNonceFileIsCompacted(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "nonces"), newClock()
	n := nonceTable(t, path, c)
	n.file.written = compactionSlop
	for i := range uint64(100) {
		expect(t, n.send("one", 722, 50+i, true), 200, "monotonic")
	}
	if info, err := os.Stat(path); err != nil || info.Size() > int64(len(nonceMagic)+100*recordSize) {
		t.Errorf("the file was not compacted: %v %v", info, err)
	}
	n = nonceTable(t, path, c)
	expect(t, n.send("one", 722, 149, true), 401, "the last, after a restart")
	expect(t, n.send("one", 722, 150, true), 200, "the next")
}

// When the disk fails, the request is refused; when it is back, nothing that
// was written before or after is lost.
func TestNonceFileFails(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "nonces"), newClock()
	n := nonceTable(t, path, c)
	expect(t, n.send("a", 722, 50, true), 200, "before")
	good := n.file.file
	readOnly, err := os.Open(path)
	check(t, err)
	n.file.file = readOnly
	expect(t, n.send("a", 722, 51, true), 500, "when the disk fails")
	check(t, good.Close())
	expect(t, n.send("b", 722, 50, true), 200, "when it is back")
	n = nonceTable(t, path, c)
	expect(t, n.send("a", 722, 51, true), 401, "the one that failed, after a restart")
	expect(t, n.send("b", 722, 50, true), 401, "the one after it")
}

func TestNonceTablesAreBounded(t *testing.T) {
	c := newClock()
	n := nonceTable(t, "", c)
	c.add(time.Second)
	for i := range maxPassers + 100 {
		expect(t, n.send(fmt.Sprint("passer", i), 722, 50, false), 200, "passer %d", i)
	}
	if len(n.passers) != maxPassers || n.order.Len() != maxPassers {
		t.Errorf("%d passers are remembered", len(n.passers))
	}
	expect(t, n.send(fmt.Sprint("passer", maxPassers), 722, 50, false), 401, "a late passer again")
	n.max = 100
	send := func(i int, registered bool) error {
		s := sessionOf(fmt.Sprint("hotkey", i), "u")
		nonce := uint64(c.now().UnixNano())
		if err := n.claim(s, nonce); err != nil {
			return err
		}
		return n.keep(s, nonce, registered)
	}
	for i := range 50 {
		expect(t, send(i, false), 200, "unregistered %d", i)
	}
	expect(t, send(50, false), 503, "one unregistered too many")
	for i := 100; i < 150; i++ {
		expect(t, send(i, true), 200, "registered %d", i)
	}
	expect(t, send(150, true), 503, "one too many")
	first := uint64(c.now().UnixNano())
	c.add(200 * time.Second)
	expect(t, send(151, true), 200, "when the old ones are too old to come again")
	if len(n.kept) != 1 || n.unregistered != 0 || len(n.perHotkey) != 1 {
		t.Errorf("%d sessions of %d hotkeys kept, %d unregistered", len(n.kept), len(n.perHotkey), n.unregistered)
	}
	expect(t, n.claim(sessionOf("hotkey1", "u"), first), 401, "a forgotten one again")
}

func TestSessionsOfOneHotkeyAreBounded(t *testing.T) {
	n := nonceTable(t, "", newClock())
	for i := range maxPerHotkey {
		expect(t, n.send(fmt.Sprint(i), 722, 50, true), 200, "session %d", i)
	}
	expect(t, n.send("more", 722, 50, true), 503, "one session too many")
	expect(t, n.send("0", 722, 51, true), 200, "a known session")
}

// A request that is overtaken between claim and keep does not lower the mark.
func TestOvertakenNonce(t *testing.T) {
	n := nonceTable(t, "", newClock())
	s := sessionOf("hotkey", "u")
	check(t, n.claim(s, 5))
	check(t, n.claim(s, 7))
	check(t, n.keep(s, 5, true))
	expect(t, n.claim(s, 7), 401, "the one that overtook, again")
}

func TestNoncesTogether(t *testing.T) {
	path, c := filepath.Join(t.TempDir(), "nonces"), newClock()
	n := nonceTable(t, path, c)
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			for nonce := range uint64(20) {
				if err := n.send(fmt.Sprint(i), 722, nonce+1, true); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	n = nonceTable(t, path, c)
	for i := range 20 {
		expect(t, n.send(fmt.Sprint(i), 722, 20, true), 401, "after a restart")
	}
}

func FuzzNonceFile(f *testing.F) {
	f.Add([]byte(nonceMagic))
	f.Add(record{sessionOf("a", "b"), 5, true}.appendTo([]byte(nonceMagic)))
	f.Add([]byte("filetao"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "nonces")
		check(t, os.WriteFile(path, data, 0o600))
		n, err := openNonces(path, time.Second, newClock().now, replay.InMemory(newClock().now()))
		if err != nil {
			return
		}
		for s, l := range n.kept {
			if err := n.claim(s, l.highest); err == nil {
				t.Error("a nonce of the file was taken again")
			}
		}
		check(t, n.close())
	})
}

// The version is not signed, so lowering it buys a held back request no more
// than the longest time that any gets.
func TestLoweredVersionDoesNotOutliveTheWindow(t *testing.T) {
	c := newClock()
	n := nonceTable(t, filepath.Join(t.TempDir(), "nonces"), c)
	c.add(time.Second)
	sent := uint64(c.now().UnixNano())
	c.add(n.window - 2*time.Second)
	expect(t, n.send("slow", 722, sent, true), 200, "within the window")
	c.add(3 * time.Second)
	expect(t, n.send("slow", 722, sent+1, true), 401, "later")
	expect(t, n.send("monotonic", 722, 50, true), 200, "of another clock")
}
