package synapse

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/replay"
	"github.com/filetao/filetao/wire/wiretest"
)

// machine is a server's table of nonces on a machine whose clock may be wrong, and
// whose processes end.
type machine struct {
	path  string
	truth time.Time     // the time it is
	wrong time.Duration // by which the clock is ahead of it
	taken *replay.Taken
	table *nonces
}

func (m *machine) clock() time.Time { return m.truth.Add(m.wrong) }

func (m *machine) start(t interface {
	Helper()
	Fatal(...any)
}) {
	t.Helper()
	taken, err := replay.Open(m.path+".taken", m.clock())
	if err != nil {
		t.Fatal(err)
	}
	n, err := openNonces(m.path, 100*time.Second, m.clock, taken)
	if err != nil {
		t.Fatal(err)
	}
	if m.table != nil {
		_ = m.table.close()
	}
	m.taken, m.table = taken, n
}

// forget is what happens when the table is full.
func (m *machine) forget() {
	m.table.mu.Lock()
	defer m.table.mu.Unlock()
	m.table.sweep()
}

func (m *machine) send(id string, at time.Time) error {
	return m.table.send(id, timedVersion, uint64(at.UnixNano()), true)
}

func TestAClockThatWasAhead(t *testing.T) {
	m := &machine{path: filepath.Join(t.TempDir(), "nonces"), truth: newClock().now()}
	m.start(t)
	m.truth = m.truth.Add(time.Second)
	check(t, m.send("before", m.clock()))
	before := m.clock()
	m.wrong = day
	ahead := m.clock()
	check(t, m.send("ahead", ahead))
	m.truth = m.truth.Add(10 * time.Minute)
	m.forget()
	if len(m.table.kept) != 0 {
		t.Errorf("%d sessions are kept", len(m.table.kept))
	}
	m.wrong = 0
	check(t, m.send("after", m.clock()))
	m.wrong = before.Sub(m.truth)
	expect(t, m.send("before", before), 401, "from before the jump, the clock being set back")
	m.wrong = ahead.Sub(m.truth)
	expect(t, m.send("ahead", ahead), 401, "from when the clock was ahead")
	m.wrong = 0
	m.start(t)
	m.truth = m.truth.Add(5 * time.Second)
	check(t, m.send("after a restart", m.clock()))
}

// TestClocksAndProcesses: however the clock jumps, whenever the process ends and the
// table forgets, no request is let in twice; and when the clock is right again, what
// is signed two minutes later is let in, by the same process or the next.
func TestClocksAndProcesses(t *testing.T) {
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		m := &machine{path: filepath.Join(dir, fmt.Sprint(run)), truth: newClock().now()}
		m.start(t)
		type sent struct {
			id    string
			at    time.Time
			taken bool
		}
		var all []*sent
		seconds := func(from, to int, what string) time.Duration {
			return time.Duration(rapid.IntRange(from*1000, to*1000).Draw(t, what)) * time.Millisecond
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			m.truth = m.truth.Add(seconds(0, 30, "time"))
			switch rapid.IntRange(0, 10).Draw(t, "step") {
			case 0:
				m.wrong = time.Duration(rapid.IntRange(-3, 3).Draw(t, "days")) * day
			case 1:
				m.wrong = seconds(-100, 100, "step")
			case 2:
				if rapid.Bool().Draw(t, "orderly") {
					if err := m.taken.Close(); err != nil {
						t.Fatal(err)
					}
				}
				m.start(t)
			case 3:
				m.forget()
			case 4, 5, 6:
				if len(all) == 0 {
					continue
				}
				s := rapid.SampledFrom(all).Draw(t, "again")
				err := m.send(s.id, s.at)
				if err == nil && s.taken {
					t.Fatal("taken twice")
				}
				s.taken = s.taken || err == nil
			default:
				s := &sent{id: fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "session")), at: m.clock().Add(seconds(-15, 12, "ahead") + time.Duration(len(all)))}
				s.taken = m.send(s.id, s.at) == nil
				all = append(all, s)
			}
		}
		m.wrong = 0
		if rapid.Bool().Draw(t, "restart") {
			m.start(t)
		}
		m.truth = m.truth.Add(2 * time.Minute)
		if err := m.send("honest", m.truth); err != nil {
			t.Fatal(err)
		}
	})
}

// TestACallersClockThatWasAhead: when it is right again, so are its calls.
func TestACallersClockThatWasAhead(t *testing.T) {
	c, key := newClock(), wiretest.Key(t, "//Alice")
	server := startServer(t, ServerConfig{}, ServerDeps{Now: newClock().now}, nil)
	client := NewClient(ClientConfig{Key: key, Lanes: 1}, ClientDeps{Now: c.now})
	peer := wire.Peer{Hotkey: server.cfg.Key.Address(), Addr: server.Addr()}
	for _, ahead := range []time.Duration{0, day, 0} {
		c.add(ahead)
		_, err := call(t, client, peer, &wire.Ping{}, 20*time.Second)
		c.add(-ahead)
		if wire.StatusOf(err) != map[bool]int{true: 200, false: 401}[ahead == 0] {
			t.Errorf("ahead by %v: %v", ahead, err)
		}
	}
	check(t, client.Close())
}
