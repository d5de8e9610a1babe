package validator_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// fate is what becomes of an exchange.
type fate int

const (
	through   fate = iota
	unreached      // the miner never sees it
	unheard        // the miner does its part, and its answer is lost
)

// ask is an exchange of an audit.
type ask struct {
	miner wallet.Address
	name  string
	text  string // of the question
	at    time.Duration
	addr  netip.AddrPort
}

// line is the way to the miners, which a test decides about.
type line struct {
	wire.Transport
	elapsed func() time.Duration

	mu   sync.Mutex // guards all below
	fate func(ask) fate
	asks []ask
}

func (l *line) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	a := ask{miner: to.Hotkey, name: msg.Name(), at: l.elapsed(), addr: to.Addr}
	switch m := msg.(type) {
	case *wire.Challenge:
		a.text = fmt.Sprintln(m.ChallengeHash, m.ChallengeIndex, m.ChunkSize, m.G, m.H, m.Curve, m.Seed)
	case *wire.Retrieve:
		a.text = fmt.Sprintln(m.DataHash, m.Seed)
	case *wire.Audit:
		a.text = fmt.Sprintf("%x %x", m.Question, m.Signature)
	}
	l.mu.Lock()
	if a.text != "" {
		l.asks = append(l.asks, a)
	}
	is := through
	if l.fate != nil {
		is = l.fate(a)
	}
	l.mu.Unlock()
	if is == unreached {
		return wire.Exchange{}, wire.Unavailable("unreached")
	}
	x, err := l.Transport.Call(ctx, to, msg)
	if is == unheard && err == nil {
		err = wire.Timeout("unheard")
	}
	return x, err
}

// set decides about exchanges from now on; nil lets all through.
func (l *line) set(f func(ask) fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fate = f
}

// of are the audits that a miner was asked, since a time.
func (l *line) of(miner wallet.Address, name string, since time.Duration) (asks []ask) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.asks {
		if a.miner == miner && a.name == name && a.at >= since {
			asks = append(asks, a)
		}
	}
	return asks
}

// court is a bench with a line, and a block and a time that pass.
type court struct {
	*bench
	*line
	cfg   validator.Config
	block uint64
	start time.Time
}

// newCourt has miners that answer all kinds of audits and hold something.
func newCourt(t *testing.T, miners int, cfg validator.Config) *court {
	t.Helper()
	b := newBench(t, miners, cfg)
	c := &court{bench: b, cfg: cfg, start: b.clock()}
	c.line = &line{Transport: b.Net, elapsed: func() time.Duration { return b.clock().Sub(c.start) }}
	c.restart()
	return c
}

func (c *court) restart() { c.Validator = c.again(c.cfg, c.line) }

// next makes the step that comes after a while.
func (c *court) next(t *testing.T, after time.Duration) {
	t.Helper()
	c.pass(after)
	c.block += 3
	c.step(t, c.block)
}

func (c *court) trials(t *testing.T, i int) []index.Trial {
	t.Helper()
	trials, err := c.Index.Trials(t.Context(), c.Miners[i].Hotkey())
	if err != nil {
		t.Fatal(err)
	}
	return trials
}

// owes is the question that a miner has not answered.
func (c *court) owes(t *testing.T, i int) (p index.Pending, owes bool) {
	t.Helper()
	for p, err := range c.Index.AllPending(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if p.Miner == c.Miners[i].Hotkey() {
			return p, true
		}
	}
	return p, false
}

// only has a fate at one miner's messages of a name. It gets nothing new either:
// what it holds has its tags.
func (c *court) only(i int, name string, is fate) func(ask) fate {
	return func(a ask) fate {
		switch {
		case a.miner != c.Miners[i].Hotkey():
			return through
		case a.name == name:
			return is
		case a.name == "Store":
			return unreached
		}
		return through
	}
}

// kinds are those of audits: the message, the task that counts it, and settings
// under which it comes.
var kinds = []struct {
	message string
	task    validator.Task
	every   int // steps between retrievals
	tally   func(index.Stats) index.Tally
}{
	{"Challenge", validator.TaskChallenge, 1 << 30, func(s index.Stats) index.Tally { return s.Challenge }},
	{"Audit", validator.TaskChallenge, 1 << 30, func(s index.Stats) index.Tally { return s.Challenge }},
	{"Retrieve", validator.TaskRetrieve, 2, func(s index.Stats) index.Tally { return s.Retrieve }},
}

// each runs a test with every kind of audit, on a network that has taken a step.
func each(t *testing.T, test func(t *testing.T, c *court, message string, task validator.Task, tally func() index.Tally)) {
	for _, k := range kinds {
		t.Run(k.message, func(t *testing.T) {
			cfg := settings()
			cfg.RetrieveEvery = k.every
			c := newCourt(t, 3, cfg)
			if k.message == "Audit" {
				for _, m := range c.Miners {
					m.Behave(fleettest.Honest, "Tags", "Audit")
				}
			}
			c.next(t, 0)
			test(t, c, k.message, k.task, func() index.Tally { return k.tally(c.stats(t, 0)) })
		})
	}
}

// judged is how often a miner's outcomes of a task were in an event, and the
// last reward.
func (c *court) judged(i int, task validator.Task) (times int, reward float64) {
	for _, e := range c.seen(task) {
		if at := slices.Index(e.UIDs, chain.UID(i+1)); at >= 0 {
			times, reward = times+1, e.Rewards[at]
		}
	}
	return times, reward
}

func TestALostReplyIsAskedForAgain(t *testing.T) {
	each(t, func(t *testing.T, c *court, message string, task validator.Task, tally func() index.Tally) {
		before := tally()
		times, _ := c.judged(0, task)
		c.set(c.only(0, message, unheard))
		c.next(t, time.Second)
		since, stores := c.elapsed(), c.stats(t, 0).Store
		p, owes := c.owes(t, 0)
		if now, _ := c.judged(0, task); !owes || p.Tries != 1 || !p.Next.Equal(c.clock().Add(time.Minute)) || tally() != before || now != times {
			t.Fatalf("pending %+v, %v; %+v, then %+v; in %d events, then %d", p, owes, before, tally(), times, now)
		}
		c.set(nil)
		c.next(t, 58*time.Second)
		c.next(t, time.Second) // with a retrieval from the others
		if _, owes := c.owes(t, 0); !owes || c.stats(t, 0).Store != stores {
			t.Errorf("before its time: owes %v, and stored %+v", owes, c.stats(t, 0).Store)
		}
		for _, name := range []string{"Challenge", "Audit", "Retrieve"} {
			if n := len(c.of(c.Miners[0].Hotkey(), name, since+1)); n != 0 {
				t.Errorf("%d times asked %s meanwhile", n, name)
			}
		}
		c.next(t, time.Second)
		asks := c.of(c.Miners[0].Hotkey(), message, since)
		if len(asks) != 2 || asks[0].text != asks[1].text {
			t.Fatalf("asked %+v", asks)
		}
		want := index.Tally{Attempts: before.Attempts + 1, Successes: before.Successes + 1}
		now, reward := c.judged(0, task)
		if _, owes := c.owes(t, 0); owes || tally() != want || now != times+1 {
			t.Errorf("owes %v; %+v, want %+v; in %d events", owes, tally(), want, now)
		}
		if task == validator.TaskRetrieve && reward != 0.6 {
			t.Errorf("alone in its batch it earned %v", reward)
		}
		got := c.trials(t, 0)[0]
		if !got.Passed || got.Tries != 2 || got.Task != string(task) || got.Settled.Sub(got.Asked) != time.Minute ||
			!strings.HasPrefix(got.Reason, "passed: ") || !strings.HasSuffix(got.Reason, ", asked 2 times over 60 seconds") ||
			(message == "Audit") != (len(got.Dossier) > 0) {
			t.Errorf("%+v", got)
		}
	})
}

func TestSilenceFailsAfterFourQuestionsAndOnce(t *testing.T) {
	each(t, func(t *testing.T, c *court, message string, task validator.Task, tally func() index.Tally) {
		before := tally()
		times, _ := c.judged(0, task)
		c.set(c.only(0, message, unreached))
		c.next(t, time.Second)
		since, began := c.elapsed(), len(c.trials(t, 0))
		for range 41 {
			c.next(t, 30*time.Second)
			if n, _ := c.judged(0, task); tally() != before || n != times || len(c.trials(t, 0)) != began {
				t.Fatalf("settled after %v: %+v, %d events", c.elapsed()-since, tally(), n)
			}
		}
		c.next(t, 30*time.Second)
		var at []time.Duration
		asks := c.of(c.Miners[0].Hotkey(), message, since)
		for _, a := range asks {
			at = append(at, a.at-since)
			if a.text != asks[0].text {
				t.Errorf("another question: %s", a.text)
			}
		}
		if want := []time.Duration{0, time.Minute, 5 * time.Minute, 21 * time.Minute}; !slices.Equal(at, want) {
			t.Fatalf("asked after %v, want %v", at, want)
		}
		want := index.Tally{Attempts: before.Attempts + 1, Successes: before.Successes}
		n, reward := c.judged(0, task)
		if _, owes := c.owes(t, 0); owes || tally() != want || n != times+1 || reward > 0 {
			t.Errorf("owes %v; %+v, want %+v; in %d events, reward %v", owes, tally(), want, n, reward)
		}
		got := c.trials(t, 0)
		if len(got) != began+1 || got[0].Passed || got[0].Tries != 4 ||
			!strings.Contains(got[0].Reason, "gave no answer to the same question, asked 4 times over 21 minutes") {
			t.Errorf("%+v", got)
		}
		c.next(t, time.Second) // a new question
		if asks := c.of(c.Miners[0].Hotkey(), message, c.elapsed()); task == validator.TaskChallenge && (len(asks) != 1 || asks[0].text == c.of(c.Miners[0].Hotkey(), message, since)[0].text) {
			t.Errorf("then asked %+v", asks)
		}
	})
}

// Every asking is by a validator that was started for it.
func TestARestartForgivesNobody(t *testing.T) {
	each(t, func(t *testing.T, c *court, message string, _ validator.Task, tally func() index.Tally) {
		before := tally()
		c.set(c.only(0, message, unheard))
		c.next(t, time.Second)
		since := c.elapsed()
		for _, after := range c.cfg.Repeats {
			c.restart()
			if after == 16*time.Minute {
				c.set(nil)
			}
			c.next(t, after)
		}
		asks := c.of(c.Miners[0].Hotkey(), message, since)
		if len(asks) < 4 || asks[0].text != asks[3].text {
			t.Fatalf("asked %+v", asks)
		}
		if got, want := tally(), (index.Tally{Attempts: before.Attempts + 1, Successes: before.Successes + 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if got := c.trials(t, 0)[0]; !got.Passed || got.Tries != 4 {
			t.Errorf("%+v", got)
		}
	})
}

func TestMootQuestionsAreDropped(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *court, index.Pending){
		"deregistered": func(t *testing.T, c *court, _ index.Pending) { c.replace(t, 0, "new") },
		"removed": func(t *testing.T, c *court, p index.Pending) {
			if err := c.Index.RemoveHolding(t.Context(), p.Miner, p.Hash); err != nil {
				t.Fatal(err)
			}
		},
		"expired": func(_ *testing.T, c *court, _ index.Pending) { c.pass(validator.DefaultConfig().TTL) },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, c *court, message string, _ validator.Task, tally func() index.Tally) {
				before := tally()
				c.set(c.only(0, message, unreached))
				c.next(t, time.Second)
				p, owes := c.owes(t, 0)
				if !owes {
					t.Fatal("it owes nothing")
				}
				change(t, c, p)
				first := c.of(p.Miner, message, 0)
				c.set(nil)
				for range 3 {
					c.next(t, time.Minute)
				}
				for _, a := range c.of(p.Miner, message, 0)[len(first):] {
					if a.text == first[len(first)-1].text {
						t.Error("asked again")
					}
				}
				if p, owes := c.owes(t, 0); owes {
					t.Errorf("still owes %+v", p)
				}
				if now := tally(); now.Attempts-now.Successes > before.Attempts-before.Successes {
					t.Errorf("%+v became %+v", before, now)
				}
			})
		})
	}
}

func TestTheNewAddressIsAsked(t *testing.T) {
	each(t, func(t *testing.T, c *court, message string, _ validator.Task, _ func() index.Tally) {
		c.set(c.only(0, message, unreached))
		c.next(t, time.Second)
		since := c.elapsed()
		c.set(nil)
		c.Change(func(m *chain.Metagraph) { m.Neurons[1].Axon.Port = 7777 })
		c.next(t, time.Minute)
		asks := c.of(c.Miners[0].Hotkey(), message, since)
		if len(asks) != 2 || asks[1].addr.Port() != 7777 || asks[1].text != asks[0].text {
			t.Errorf("asked %+v", asks)
		}
	})
}

// When nobody says anything it is rather us. When somebody answers a ping it is
// the miners.
func TestSilenceOfAllIsOurs(t *testing.T) {
	c := newCourt(t, 3, settings())
	c.next(t, 0)
	down := func(ask) fate { return unreached }
	c.set(down)
	for range 8 {
		c.next(t, 16*time.Minute)
	}
	for i := range c.Miners {
		if p, owes := c.owes(t, i); !owes || p.Tries != 0 {
			t.Errorf("miner %d: %+v, %v", i, p, owes)
		}
	}
	c.set(func(a ask) fate { // the network is back, and only two miners are
		if a.miner == c.Miners[0].Hotkey() {
			return unreached
		}
		return through
	})
	c.next(t, 16*time.Minute)
	if p, _ := c.owes(t, 0); p.Tries != 1 || !p.Next.Equal(c.clock().Add(time.Minute)) {
		t.Errorf("miner 0: %+v", p)
	}
	c.set(down)
	c.next(t, time.Minute)
	if p, _ := c.owes(t, 0); p.Tries != 1 || !p.Next.Equal(c.clock().Add(time.Minute)) {
		t.Errorf("miner 0, cut off again: %+v", p)
	}
	c.set(func(a ask) fate {
		if a.name == "Synapse" {
			return through
		}
		return unreached
	})
	for range 12 {
		c.next(t, 16*time.Minute)
	}
	for i := range c.Miners {
		if s := c.stats(t, i).Challenge; s.Attempts-s.Successes < 1 {
			t.Errorf("miner %d answers pings only: %+v", i, s)
		}
	}
}
