package fleet_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	mrand "math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

// lossy loses questions and answers, and has a clock.
type lossy struct {
	wire.Transport
	lose func() fault

	mu  sync.Mutex // guards now
	now time.Time
}

// fault is what becomes of a question.
type fault int

const (
	none fault = iota
	refused
	questionLost
	answerLost
)

func (l *lossy) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	switch l.lose() {
	case refused:
		return wire.Exchange{}, &wire.Error{Status: 503, Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	case questionLost:
		return wire.Exchange{}, wire.Timeout("lost on the way there")
	case answerLost:
		if _, err := l.Transport.Call(ctx, to, msg); err != nil {
			return wire.Exchange{}, err
		}
		return wire.Exchange{}, wire.Timeout("lost on the way back")
	}
	return l.Transport.Call(ctx, to, msg)
}

func (l *lossy) clock() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now
}

func (l *lossy) wait(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now = l.now.Add(d)
}

func newLossy(n *fleettest.Net) (*lossy, *fleet.Fleet) {
	l := &lossy{Transport: n, lose: func() fault { return none }, now: time.Now()}
	d := deps(n, l)
	d.Now = l.clock
	return l, fleet.New(fleet.Config{}, d)
}

// An honest miner is never failed for more than what was lost, however much
// that is and whatever it is asked. FILETAO_AUDIT_ROUNDS makes it as many rounds.
func TestLostAnswersFailNobody(t *testing.T) {
	rounds := 300
	if text := os.Getenv("FILETAO_AUDIT_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"reference", "native"} {
		t.Run(name, func(t *testing.T) {
			n := fleettest.New(t, 1)
			if name == "native" {
				native(n)
			}
			loseAnswers(t, n, rounds)
		})
	}
}

func loseAnswers(t *testing.T, n *fleettest.Net, rounds int) {
	l, f := newLossy(n)
	random := mrand.New(mrand.NewPCG(1, 2))
	const ttl = 100_000 * time.Hour
	var held []index.Holding
	var data [][]byte
	for i := range 3 {
		b := make([]byte, 1+1500*i)
		_, _ = rand.Read(b)
		data = append(data, b)
		if o := f.Store(t.Context(), n.Neuron(0), fleet.NewDatum(b), index.Random, ttl); !o.OK() {
			t.Fatal(o.Err)
		}
		held = append(held, holding(t, n, 0, fleet.NewDatum(b).Hash()))
	}
	var last fault
	rate := 0.0
	l.lose = func() fault {
		last = none
		if random.Float64() < rate {
			last = fault(1 + random.IntN(3))
		}
		return last
	}
	asked := map[fleet.Task]int{}
	pending := again{hash: held[2].Hash}
	for round := range rounds {
		if round%30 == 0 {
			rate = []float64{0, 0.3, 0.95}[random.IntN(3)]
		}
		l.wait(time.Duration(random.IntN(400)) * time.Second)
		i := random.IntN(len(held))
		var o fleet.Outcome
		switch random.IntN(6) {
		case 5:
			o = pending.ask(t, f, n, random)
		case 0:
			_, o = f.Retrieve(t.Context(), n.Neuron(0), held[i])
		case 1:
			o = f.Store(t.Context(), n.Neuron(0), fleet.NewDatum(data[i]), index.Random, ttl)
		default:
			o = f.Challenge(t.Context(), n.Neuron(0), holding(t, n, 0, held[i].Hash))
		}
		if last == none && !o.OK() {
			t.Fatalf("round %d: nothing was lost: %+v", round, o)
		}
		asked[o.Task]++
		if o.Native {
			asked["native"]++
		}
	}
	t.Log(asked)
}

// again is a question about one holding that is put up to three times.
type again struct {
	hash  string
	q     fleet.Question
	tries int
}

func (a *again) ask(t *testing.T, f *fleet.Fleet, n *fleettest.Net, random *mrand.Rand) fleet.Outcome {
	if a.tries == 0 {
		task := []fleet.Task{fleet.TaskChallenge, fleet.TaskChallenge, fleet.TaskRetrieve}[random.IntN(3)]
		var err error
		if a.q, err = f.Question(t.Context(), n.Neuron(0), holding(t, n, 0, a.hash), chain.Block{}, task); err != nil {
			t.Fatal(err)
		}
	}
	o := f.Ask(t.Context(), n.Neuron(0), a.q)
	if a.tries++; !o.Silent() || a.tries == 3 {
		o, a.tries = f.Failed(t.Context(), n.Neuron(0), a.q, o), 0
	}
	if o.Void && errors.Is(o.Err, fleet.ErrMoot) {
		o.Err = nil // tags were handed over meanwhile: nobody is blamed
	}
	return o
}

func TestRefusedQuestionsAreTakenBack(t *testing.T) {
	n := fleettest.New(t, 1)
	l, f := newLossy(n)
	h := store(t, f, n, 0, []byte("some data"))
	l.lose = func() fault { return refused }
	for range 3 {
		if o := f.Challenge(t.Context(), n.Neuron(0), h); o.OK() || o.Void || o.Status() != 503 {
			t.Fatalf("%+v", o)
		}
		if _, o := f.Retrieve(t.Context(), n.Neuron(0), h); o.OK() || o.Void {
			t.Fatalf("%+v", o)
		}
	}
	if s, err := n.Index.Seeds(t.Context(), h.Holder, h.Hash); err != nil || len(s.Known) != 1 || !s.All {
		t.Errorf("%+v, %v", s, err)
	}
	l.lose = func() fault { return answerLost }
	f.Challenge(t.Context(), n.Neuron(0), h)
	if s, err := n.Index.Seeds(t.Context(), h.Holder, h.Hash); err != nil || len(s.Known) != 2 || !s.All {
		t.Errorf("%+v, %v", s, err)
	}
}

// When more answers were lost than seeds are kept, the next challenge is a
// retrieval, and those after it are challenges again.
func TestTooManyLostAnswers(t *testing.T) {
	n := fleettest.New(t, 1)
	l, f := newLossy(n)
	h := store(t, f, n, 0, make([]byte, 5000))
	l.lose = func() fault { return answerLost }
	for range index.MaxSent + 1 {
		f.Challenge(t.Context(), n.Neuron(0), h)
	}
	l.lose = func() fault { return none }
	l.wait(2 * index.Linger)
	for _, want := range []fleet.Task{fleet.TaskRetrieve, fleet.TaskChallenge} {
		if o := f.Challenge(t.Context(), n.Neuron(0), h); !o.OK() || o.Task != want {
			t.Fatalf("want a %s: %+v", want, o)
		}
	}
	if s := stats(t, n, 0); s.Retrieve != (index.Tally{Attempts: 1, Successes: 1}) || s.Challenge.Successes != 1 {
		t.Errorf("%+v", s)
	}
}

// What came from another index is retrieved once, with a seed that may be out
// of date, and challenged from then on. So is what another hotkey recorded.
func TestDataWithoutARecord(t *testing.T) {
	n := fleettest.New(t, 2)
	l, f := newLossy(n)
	h := store(t, f, n, 0, bytes.Repeat([]byte("data"), 1250))
	if err := n.Index.RemoveHolding(t.Context(), h.Holder, h.Hash); err != nil {
		t.Fatal(err)
	}
	h.Seed, h.Stored = "out of date", h.Stored.Add(-time.Hour)
	if err := n.Index.PutHolding(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	again := func(f *fleet.Fleet) {
		t.Helper()
		for _, want := range []fleet.Task{fleet.TaskRetrieve, fleet.TaskChallenge, fleet.TaskChallenge} {
			l.wait(time.Second)
			if o := f.Challenge(t.Context(), n.Neuron(0), h); !o.OK() || o.Task != want {
				t.Fatalf("want a %s: %+v", want, o)
			}
		}
	}
	again(f)
	d := deps(n, l)
	d.Now, d.Key = l.clock, fleettest.Key(t, "another")
	again(fleet.New(fleet.Config{}, d))
	n.Miners[0].Behave(fleettest.Liar)
	if err := n.Index.PutHolding(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if o := f.Challenge(t.Context(), n.Neuron(0), h); !errors.Is(o.Err, proof.ErrProof) || o.Task != fleet.TaskRetrieve || o.Void {
		t.Errorf("a liar: %+v", o)
	}
}

// The record is there when the holding is, and goes with it.
func TestOneRecordForEachHolder(t *testing.T) {
	n := fleettest.New(t, 3)
	f := newFleet(n, fleet.Config{})
	d := fleet.NewDatum(make([]byte, 100_000))
	if _, err := f.Spread(t.Context(), d, index.User, time.Hour, 3, n.Neurons()); err != nil {
		t.Fatal(err)
	}
	for i := range n.Miners {
		holder := n.Neuron(i).Hotkey
		b, err := n.Index.Audit(t.Context(), holder, d.Hash())
		if err != nil || len(b) > 8<<10 {
			t.Fatalf("a record of %d bytes: %v", len(b), err)
		}
		if o := f.Delete(t.Context(), n.Neuron(i), d.Hash()); !o.OK() {
			t.Fatal(o.Err)
		}
		if _, err := n.Index.Audit(t.Context(), holder, d.Hash()); !errors.Is(err, index.ErrNotFound) {
			t.Error(err)
		}
	}
}

// A miner is not failed for data that is dropped while it is being asked.
func TestDroppedWhileAsked(t *testing.T) {
	n := fleettest.New(t, 1)
	l, f := newLossy(n)
	h := store(t, f, n, 0, []byte("some data"))
	l.lose = func() fault {
		if err := n.Index.RemoveHolding(t.Context(), h.Holder, h.Hash); err != nil {
			t.Error(err)
		}
		return questionLost
	}
	if o := f.Challenge(t.Context(), n.Neuron(0), h); o.OK() || !o.Void || !errors.Is(o.Err, index.ErrNotFound) {
		t.Errorf("%+v", o)
	}
}
