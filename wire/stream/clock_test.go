package stream

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/wire/replay"
)

// must is check for rapid.
func must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// machine is a server's memory of requests on a machine whose clock may be wrong,
// and whose processes end.
type machine struct {
	path  string
	truth time.Time     // the time it is
	wrong time.Duration // by which the clock is ahead of it
	taken *replay.Taken
	used  *used
	made  int
}

func (m *machine) now() time.Time { return m.truth.Add(m.wrong) }

func (m *machine) start() error {
	var err error
	if m.taken, err = replay.Open(m.path, m.now()); err == nil {
		m.used = newUsed(m.now, m.taken)
	}
	return err
}

// take is the server's part, as in verify and admit, when so much was refused
// meanwhile that the table of it says nothing.
func (m *machine) take(q request, digest [32]byte) error {
	clear(m.used.once)
	if err := m.used.fresh(q); err != nil {
		return err
	}
	if err := m.used.claim(q, digest); err != nil {
		return err
	}
	return m.used.keep(q, digest, true)
}

func (m *machine) request(at time.Time, timeout time.Duration) (request, [32]byte) {
	m.made++
	return request{caller: [32]byte{byte(m.made)}, time: at.UnixMilli(), timeout: uint32(timeout.Milliseconds())}, digestAt(m.made)
}

func TestAClockThatWasAhead(t *testing.T) {
	m := &machine{path: filepath.Join(t.TempDir(), "taken"), truth: time.Unix(1_700_000_000, 0)}
	check(t, m.start())
	send := func(at time.Time) error { return m.take(m.request(at, 12*time.Second)) }
	m.truth = m.truth.Add(time.Second)
	check(t, send(m.now()))
	m.wrong = 24 * time.Hour
	check(t, send(m.now())) // by somebody whose clock is as wrong
	first, digest := m.request(m.now(), 12*time.Second)
	check(t, m.take(first, digest))
	m.truth = m.truth.Add(30 * time.Minute)
	check(t, send(m.now()))
	m.wrong = 0
	check(t, send(m.now()))
	m.wrong = 24*time.Hour - 30*time.Minute
	if m.take(first, digest) == nil {
		t.Error("what was let in when the clock was ahead is let in again")
	}
	m.truth, m.wrong = m.truth.Add(2*farOff), 0
	check(t, send(m.now()))
	if len(m.used.ages) > 2 {
		t.Errorf("%d ages are remembered", len(m.used.ages))
	}
}

func TestARestart(t *testing.T) {
	m := &machine{path: filepath.Join(t.TempDir(), "taken"), truth: time.Unix(1_700_000_000, 0)}
	check(t, m.start())
	q, digest := m.request(m.now().Add(10*time.Second), time.Minute)
	check(t, m.take(q, digest))
	for name, wrong := range map[string]time.Duration{"at once": 0, "later": 5 * time.Second, "after the clock was set back": -time.Hour} {
		m.wrong = wrong
		check(t, m.start())
		m.wrong = 0
		if m.take(q, digest) == nil {
			t.Errorf("%s a restart lets it in again", name)
		}
	}
}

// TestClocksAndProcesses: however the clock jumps and whenever the process ends, no
// request is let in twice; and when the clock is right again, what is signed two
// minutes later is let in, by the same process or the next.
func TestClocksAndProcesses(t *testing.T) {
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		m := &machine{path: filepath.Join(dir, fmt.Sprint(run)), truth: time.Unix(1_700_000_000, 0)}
		must(t, m.start())
		type sent struct {
			q      request
			digest [32]byte
			taken  bool
		}
		var all []*sent
		seconds := func(from, to int, what string) time.Duration {
			return time.Duration(rapid.IntRange(from*1000, to*1000).Draw(t, what)) * time.Millisecond
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			m.truth = m.truth.Add(seconds(0, 30, "time"))
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				m.wrong = time.Duration(rapid.IntRange(-3, 3).Draw(t, "days")) * 24 * time.Hour
			case 1:
				m.wrong = seconds(-100, 100, "step")
			case 2:
				if rapid.Bool().Draw(t, "orderly") {
					must(t, m.taken.Close())
				}
				must(t, m.start())
			case 3, 4, 5:
				if len(all) == 0 {
					continue
				}
				s := rapid.SampledFrom(all).Draw(t, "again")
				err := m.take(s.q, s.digest)
				if err == nil && s.taken {
					t.Fatal("taken twice")
				}
				s.taken = s.taken || err == nil
			default:
				q, digest := m.request(m.now().Add(seconds(-70, 12, "ahead")), seconds(1, 90, "timeout"))
				all = append(all, &sent{q, digest, m.take(q, digest) == nil})
			}
		}
		m.wrong = 0
		if rapid.Bool().Draw(t, "restart") {
			must(t, m.start())
		}
		m.truth = m.truth.Add(longBack)
		if err := m.take(m.request(m.truth, 12*time.Second)); err != nil {
			t.Fatal(err)
		}
	})
}

// longBack is over the 100 s that a clock of the test is ahead by without jumping
// a day, and what may be signed ahead of it.
const longBack = 100*time.Second + ahead + oldest + 8*time.Second
