package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

var block = chain.Block{Number: 7200, Hash: chain.Hash{1, 2, 3}}

// form is one of the three kinds of question.
type form struct {
	name   string
	native bool
	task   fleet.Task
}

var forms = []form{
	{"native", true, fleet.TaskChallenge}, {"challenge", false, fleet.TaskChallenge}, {"retrieval", false, fleet.TaskRetrieve},
}

// bench is a miner with a datum, and questions and answers that get lost.
type bench struct {
	*fleettest.Net
	*lossy
	*fleet.Fleet
	index.Holding
}

func newBench(t *testing.T, native bool) *bench {
	t.Helper()
	net := fleettest.New(t, 1)
	if native {
		net.Miners[0].Behave(fleettest.Honest, "Tags", "Audit")
	}
	l, f := newLossy(net)
	h := store(t, f, net, 0, bytes.Repeat([]byte("some data "), 2000))
	if (h.Native != nil) != native {
		t.Fatalf("native: %+v", h.Native)
	}
	return &bench{net, l, f, h}
}

func (b *bench) question(t *testing.T, task fleet.Task) fleet.Question {
	t.Helper()
	q, err := b.Question(t.Context(), b.Neuron(0), b.Holding, block, task)
	if err != nil || q.Task != task {
		t.Fatalf("%+v, %v", q, err)
	}
	return q
}

func (b *bench) put(t *testing.T, q fleet.Question, f fault) fleet.Outcome {
	t.Helper()
	b.lose = func() fault { return f }
	defer func() { b.lose = func() fault { return none } }()
	return b.Ask(t.Context(), b.Neuron(0), q)
}

// restart is another fleet of the same hotkey, and the question as it was kept.
func (b *bench) restart(t *testing.T, q fleet.Question) (again fleet.Question) {
	t.Helper()
	d := deps(b.Net, b.lossy)
	d.Now = b.clock
	b.Fleet = fleet.New(fleet.Config{}, d)
	text, err := json.Marshal(q)
	if err == nil {
		err = json.Unmarshal(text, &again)
	}
	if err != nil || len(text) > 4<<10 {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	return again
}

// tries are all exchanges that count.
func (b *bench) tries(t *testing.T) (all index.Tally) {
	t.Helper()
	s := stats(t, b.Net, 0)
	for _, tally := range []index.Tally{s.Challenge, s.Retrieve} {
		all.Attempts += tally.Attempts
		all.Successes += tally.Successes
	}
	return all
}

// A miner whose answer was lost passes when the very same question is put again,
// by another process too, whatever was lost before and in between; and goes on to
// pass whatever comes then.
func TestTheSameQuestionAgain(t *testing.T) {
	for _, form := range forms {
		for _, faults := range [][]fault{
			{answerLost}, {questionLost}, {refused}, {answerLost, answerLost}, {answerLost, refused}, {refused, answerLost, refused}, {answerLost, questionLost},
		} {
			b := newBench(t, form.native)
			q := b.question(t, form.task)
			if q.Native() != form.native {
				t.Fatalf("%s: %+v", form.name, q)
			}
			for _, fault := range faults {
				if o := b.put(t, q, fault); !o.Silent() || o.OK() || o.Void || o.Dossier != nil {
					t.Fatalf("%s, %v: %+v", form.name, faults, o)
				}
				if got := b.tries(t); got.Attempts != 0 {
					t.Fatalf("%s, %v: silence was counted: %+v", form.name, faults, got)
				}
				b.wait(16 * time.Minute)
				q = b.restart(t, q)
			}
			if o := b.put(t, q, none); !o.OK() || o.Silent() || o.Task != form.task || o.Native != form.native {
				t.Fatalf("%s, %v: %+v", form.name, faults, o)
			}
			for range 2 {
				for _, task := range []fleet.Task{fleet.TaskChallenge, fleet.TaskRetrieve} {
					if o := b.put(t, b.question(t, task), none); !o.OK() {
						t.Fatalf("%s, %v, then a %s: %+v", form.name, faults, task, o)
					}
				}
			}
			// Also when it was settled, and a crash forgot that.
			if o := b.put(t, q, none); !o.OK() {
				t.Errorf("%s, %v, a settled one again: %+v", form.name, faults, o)
			}
			if got := b.tries(t); got.Attempts != 6 || got.Successes != 6 {
				t.Errorf("%s: %+v", form.name, got)
			}
		}
	}
}

// Other questions in between are no reason to fail either.
func TestOthersInBetween(t *testing.T) {
	for _, form := range forms {
		b := newBench(t, form.native)
		q := b.question(t, form.task)
		b.put(t, q, answerLost)
		b.wait(19 * time.Minute)
		if _, o := b.Retrieve(t.Context(), b.Neuron(0), b.Holding); !o.OK() {
			t.Fatalf("%s: in between: %+v", form.name, o)
		}
		b.wait(time.Minute)
		b.put(t, q, answerLost)
		b.wait(time.Minute)
		if _, o := b.Retrieve(t.Context(), b.Neuron(0), b.Holding); !o.OK() {
			t.Fatalf("%s: in between again: %+v", form.name, o)
		}
		if o := b.put(t, q, none); !o.OK() {
			t.Errorf("%s: %+v", form.name, o)
		}
	}
}

// Nor is another one that overtakes a question put again long after the first
// time: the miner's seed is still known.
func TestOvertakenAgain(t *testing.T) {
	for _, becomes := range []fault{none, answerLost} {
		for _, form := range forms {
			b := newBench(t, form.native)
			q := b.question(t, form.task)
			b.put(t, q, questionLost)
			b.wait(20 * time.Minute)
			b.lose = func() fault {
				b.lose = func() fault { return none }
				if _, o := b.Retrieve(t.Context(), b.Neuron(0), b.Holding); !o.OK() {
					t.Errorf("%s: in between: %+v", form.name, o)
				}
				return becomes
			}
			if o := b.Ask(t.Context(), b.Neuron(0), q); o.Silent() != (becomes == answerLost) || o.OK() == o.Silent() {
				t.Errorf("%s: again: %+v", form.name, o)
			}
			if o := b.put(t, b.question(t, form.task), none); !o.OK() {
				t.Errorf("%s: then: %+v", form.name, o)
			}
		}
	}
}

func TestSilenceAndRefusal(t *testing.T) {
	names := map[fleet.Task]string{fleet.TaskChallenge: "Challenge", fleet.TaskRetrieve: "Retrieve"}
	for _, form := range forms {
		b := newBench(t, form.native)
		name := names[form.task]
		if form.native {
			name = "Audit"
		}
		q := b.question(t, form.task)
		b.Miners[0].Behave(fleettest.Busy, name)
		o := b.put(t, q, none)
		if !o.Silent() || o.Status() != 503 || b.tries(t).Attempts != 0 {
			t.Fatalf("%s: busy: %+v", form.name, o)
		}
		o = b.Failed(t.Context(), b.Neuron(0), q, o)
		if o.Silent() || o.OK() || o.Void || b.tries(t) != (index.Tally{Attempts: 1}) {
			t.Errorf("%s: given up: %+v", form.name, o)
		}
		if (o.Dossier != nil) != form.native {
			t.Errorf("%s: dossier %+v", form.name, o.Dossier)
		}
		if f := b.Failed(t.Context(), b.Neuron(0), q, o); f.Err != o.Err || b.tries(t).Attempts != 1 {
			t.Errorf("%s: given up twice: %+v", form.name, f)
		}
		for i, as := range []fleettest.Behaviour{fleettest.Failing, fleettest.Reference} {
			b.Miners[0].Behave(as, name)
			if o := b.put(t, b.question(t, form.task), none); o.Silent() || o.OK() || o.Void || b.tries(t).Attempts != uint64(2+i) {
				t.Errorf("%s: refused: %+v", form.name, o)
			}
		}
		if b.tries(t).Successes != 0 {
			t.Errorf("%s: %+v", form.name, b.tries(t))
		}
	}
}

// refuser answers audits with a status.
type refuser struct {
	wire.Transport
	status int
}

func (r refuser) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	switch msg.(type) {
	case *wire.Audit, *wire.Challenge, *wire.Retrieve:
		return wire.Exchange{}, wire.Errorf(r.status, "no")
	}
	return r.Transport.Call(ctx, to, msg)
}

// A wrong clock, on either side, and a miner that is ending say nothing about the
// data.
func TestRefusalsThatSayNothing(t *testing.T) {
	for _, form := range forms {
		b := newBench(t, form.native)
		for status, silent := range map[int]bool{401: true, 403: true, 429: true, 499: true, 409: false, 413: false, 507: false} {
			f := fleet.New(fleet.Config{}, deps(b.Net, refuser{b.Net, status}))
			before := b.tries(t).Attempts
			o := f.Ask(t.Context(), b.Neuron(0), b.question(t, form.task))
			if counted := b.tries(t).Attempts != before; o.Silent() != silent || counted == silent || o.OK() || o.Void || o.Status() != status {
				t.Errorf("%s: status %d: %+v", form.name, status, o)
			}
		}
	}
}

// A miner that users have asked too often is not charged with that; one that says
// nothing is.
func TestTooManyRequestsAreVoid(t *testing.T) {
	b := newBench(t, false)
	for status, void := range map[int]bool{429: true, 503: false} {
		f := fleet.New(fleet.Config{}, deps(b.Net, refuser{b.Net, status}))
		before := b.tries(t)
		_, o := f.Retrieve(t.Context(), b.Neuron(0), b.Holding)
		c := f.Challenge(t.Context(), b.Neuron(0), b.Holding)
		for _, o := range []fleet.Outcome{o, c} {
			if o.Void != void || o.Silent() || o.OK() || o.Status() != status {
				t.Errorf("%+v", o)
			}
		}
		if uncounted := b.tries(t) == before; uncounted != void {
			t.Errorf("status %d: uncounted %v", status, uncounted)
		}
	}
}

// Over real sockets: all miners of an asker whose clock is ahead refuse it.
func TestAWrongClockFailsNobody(t *testing.T) {
	net := fleettest.New(t, 1)
	h := store(t, fleet.New(fleet.Config{}, deps(net, net.Serve(t))), net, 0, []byte("some data"))
	ahead := synapse.NewClient(synapse.ClientConfig{Key: net.Asker}, synapse.ClientDeps{
		Now: func() time.Time { return time.Now().Add(time.Minute) },
	})
	f := fleet.New(fleet.Config{}, deps(net, ahead))
	q, err := f.Question(t.Context(), net.Neuron(0), h, block, fleet.TaskChallenge)
	if err != nil {
		t.Fatal(err)
	}
	if o := f.Ask(t.Context(), net.Neuron(0), q); !o.Silent() || o.Status() != 401 {
		t.Errorf("%+v", o)
	}
	if err := ahead.Close(); err != nil {
		t.Error(err)
	}
}

// Nobody can prove silence: the dossier says what was asked, reveals nothing, and
// leaves the pledge as it is.
func TestDossierOfSilence(t *testing.T) {
	b := newBench(t, true)
	q := b.question(t, fleet.TaskChallenge)
	o := b.Failed(t.Context(), b.Neuron(0), q, b.put(t, q, questionLost))
	d := o.Dossier
	if d == nil || d.Key != nil || len(d.Proof) != 0 || d.Verdict != receipt.Failed || d.Reason != o.Err.Error() || !d.Asked.Equal(q.Made) {
		t.Fatalf("%+v", d)
	}
	if finding := d.Judge(); finding.Ruling != receipt.Open {
		t.Errorf("%+v", finding)
	}
	if holding(t, b.Net, 0, b.Hash).Native == nil {
		t.Error("the pledge is gone")
	}
}

// A question that the miner need not answer any more has no outcome.
func TestMootQuestions(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, b *bench){
		"removed": func(t *testing.T, b *bench) {
			if err := b.Index.RemoveHolding(t.Context(), b.Holder, b.Hash); err != nil {
				t.Error(err)
			}
		},
		"tagged anew": func(t *testing.T, b *bench) {
			store(t, b.Fleet, b.Net, 0, bytes.Repeat([]byte("some data "), 2000))
		},
		"without tags": func(t *testing.T, b *bench) {
			if err := b.Index.PutNative(t.Context(), b.Holder, b.Hash, nil); err != nil {
				t.Error(err)
			}
		},
	} {
		for _, when := range []string{"before", "while"} {
			b := newBench(t, true)
			b.wait(time.Hour / 2)
			q := b.question(t, fleet.TaskChallenge)
			if when == "before" {
				change(t, b)
			} else {
				b.lose = func() fault {
					b.lose = func() fault { return none }
					change(t, b)
					return questionLost
				}
			}
			if o := b.Ask(t.Context(), b.Neuron(0), q); !o.Void || !errors.Is(o.Err, fleet.ErrMoot) || o.Silent() || o.Dossier != nil {
				t.Errorf("%s %s: %+v", name, when, o)
			}
			if got := b.tries(t); got.Attempts != 0 {
				t.Errorf("%s %s: counted: %+v", name, when, got)
			}
		}
	}
	b := newBench(t, false)
	for name, q := range map[string]fleet.Question{
		"nothing":      {},
		"no statement": {Task: fleet.TaskChallenge, Hash: b.Hash, Replica: b.Replica, Size: b.Size, Audit: []byte("x"), Signature: []byte("y")},
		"no piece":     {Task: fleet.TaskChallenge, Hash: b.Hash, Replica: b.Replica, Size: b.Size, Seed: "a seed"},
	} {
		if o := b.Ask(t.Context(), b.Neuron(0), q); !o.Void || !errors.Is(o.Err, fleet.ErrMoot) || b.tries(t).Attempts != 0 {
			t.Errorf("%s: %+v", name, o)
		}
	}
}

// Who gave up, or went away, is not the miner.
func TestGivenUpAudits(t *testing.T) {
	b := newBench(t, true)
	b.Miners[0].Behave(fleettest.Silent, "Audit")
	d := deps(b.Net, b.Net)
	f := fleet.New(fleet.Config{AuditTimeout: 50 * time.Millisecond}, d)
	q := b.question(t, fleet.TaskChallenge)
	if o := f.Ask(t.Context(), b.Neuron(0), q); !o.Silent() || o.Status() != wire.StatusTimeout || o.Elapsed > 5*time.Second {
		t.Errorf("an audit's own limit: %+v", o)
	}
}
