package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

func pledgeOf(t *testing.T, h index.Holding) receipt.Pledge {
	t.Helper()
	if h.Native == nil {
		t.Fatal("there is no pledge")
	}
	p, err := receipt.ParsePledge(h.Native.Pledge)
	if err == nil {
		err = errors.Join(p.VerifyAsker(h.Native.Asked), p.VerifyMiner(h.Native.Receipt))
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNativeAudit(t *testing.T) {
	b := newBench(t, true)
	p := pledgeOf(t, b.Holding)
	if p.Hash.String() != b.Replica || p.Size != b.Size || !p.Until.Equal(b.Stored.Add(b.TTL).Truncate(time.Second)) {
		t.Errorf("pledge %+v of %+v", p, b.Holding)
	}
	o := b.put(t, b.question(t, fleet.TaskChallenge), none)
	if !o.OK() || !o.Native || o.Task != fleet.TaskChallenge || o.Bytes != b.Size || o.Dossier == nil {
		t.Fatalf("%+v", o)
	}
	if d := o.Dossier; d.Verdict != receipt.Passed || d.Key != nil || d.Judge().Ruling != receipt.Open {
		t.Errorf("%+v: %+v", d, d.Judge())
	}
	if text, err := json.Marshal(o.Dossier); err != nil || len(text) > receipt.MaxDossier {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	q, err := receipt.ParseQuestion(o.Dossier.Question)
	if err != nil || q.Epoch != block.Number || q.Block != block.Hash {
		t.Errorf("%+v, %v", q, err)
	}
	if n := b.Miners[0].Asked("Challenge") + b.Miners[0].Asked("Retrieve"); n != 0 {
		t.Errorf("asked %d times in another way", n)
	}
	if s := stats(t, b.Net, 0); s.Challenge != (index.Tally{Attempts: 1, Successes: 1}) || s.Store.Attempts != 1 || s.TotalSuccesses != 2 {
		t.Errorf("tags count for nothing: %+v", s)
	}
}

// After a wrong answer the key is revealed, in a dossier that anybody can check,
// and never used again; the next retrieval gives fresh tags.
func TestWrongAnswersRevealTheKey(t *testing.T) {
	b := newBench(t, true)
	q := b.question(t, fleet.TaskChallenge)
	b.Miners[0].Behave(fleettest.Liar, "Audit")
	o := b.put(t, q, none)
	if !errors.Is(o.Err, proof.ErrProof) || o.Silent() || o.Void || !o.Native || o.Status() != wire.StatusUnparsable {
		t.Fatalf("%+v", o)
	}
	d := o.Dossier
	if d == nil || d.Key == nil || d.Verdict != receipt.Failed || d.Judge().Ruling != receipt.Confirmed {
		t.Fatalf("%+v", d)
	}
	if holding(t, b.Net, 0, b.Hash).Native != nil {
		t.Fatal("the pledge is still used")
	}
	if o := b.put(t, q, none); !o.Void || !errors.Is(o.Err, fleet.ErrMoot) {
		t.Errorf("asked again under a revealed key: %+v", o)
	}
	b.Holding = holding(t, b.Net, 0, b.Hash)
	if o := b.put(t, b.question(t, fleet.TaskChallenge), none); !o.OK() || o.Native || o.Task != fleet.TaskChallenge {
		t.Errorf("meanwhile the reference's way: %+v", o)
	}
	if _, o := b.Retrieve(t.Context(), b.Neuron(0), b.Holding); !o.OK() {
		t.Fatal(o.Err)
	}
	b.Miners[0].Behave(fleettest.Honest, "Audit")
	was := b.Holding
	b.Holding = holding(t, b.Net, 0, b.Hash)
	p := pledgeOf(t, b.Holding)
	if old, err := receipt.ParseQuestion(q.Audit); err != nil || p.Digest() == old.Pledge || p.Key == d.Key.Commitment() || was.Native != nil {
		t.Errorf("the old tags again: %v", err)
	}
	if o := b.put(t, b.question(t, fleet.TaskChallenge), none); !o.OK() || !o.Native {
		t.Errorf("%+v", o)
	}
}

// edit changes the answers to audits.
type edit struct {
	wire.Transport
	audit func(*wire.Audit)
}

func (e *edit) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	x, err := e.Transport.Call(ctx, to, msg)
	if a, ok := msg.(*wire.Audit); ok && err == nil {
		e.audit(a)
	}
	return x, err
}

// askEdited puts a native question under the first pledge, whatever became of
// that, and changes the answer.
func (b *bench) askEdited(t *testing.T, change func(*wire.Audit)) fleet.Outcome {
	t.Helper()
	if err := b.Index.PutNative(t.Context(), b.Holder, b.Hash, b.Native); err != nil {
		t.Fatal(err)
	}
	f := fleet.New(fleet.Config{}, deps(b.Net, &edit{Transport: b.Net, audit: change}))
	return f.Ask(t.Context(), b.Neuron(0), b.question(t, fleet.TaskChallenge))
}

// What the miner has not signed fails it, and reveals nothing.
func TestUnsignedAnswers(t *testing.T) {
	b := newBench(t, true)
	if o := b.askEdited(t, func(*wire.Audit) {}); !o.OK() {
		t.Fatal(o.Err)
	}
	unsigned := map[string]func(*wire.Audit){
		"nothing":    func(a *wire.Audit) { a.Proof, a.Receipt = nil, nil },
		"no receipt": func(a *wire.Audit) { a.Receipt = nil },
		"long":       func(a *wire.Audit) { a.Proof = append(a.Proof, 0) },
	}
	for name, change := range unsigned {
		o := b.askEdited(t, change)
		if !errors.Is(o.Err, proof.ErrProof) || o.Void || o.Silent() || o.Dossier == nil || o.Dossier.Key != nil || len(o.Dossier.Proof) != 0 {
			t.Errorf("%s: %+v", name, o)
		}
		if holding(t, b.Net, 0, b.Hash).Native == nil {
			t.Errorf("%s: a pledge was given up for what nobody signed", name)
		}
	}
	for at := range 64 {
		if o := b.askEdited(t, func(a *wire.Audit) { a.Receipt[at] ^= 1 }); o.OK() || o.Dossier.Key != nil {
			t.Errorf("receipt, byte %d: %+v", at, o)
		}
	}
}

// cut breaks off in the midst of the answer to an audit, and says so.
type cut struct{ wire.Transport }

func (c cut) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	x, err := c.Transport.Call(ctx, to, msg)
	if a, ok := msg.(*wire.Audit); ok && err == nil {
		a.Receipt, err = nil, wire.Unparsable("broken off")
	}
	return x, err
}

// What came of an answer before it turned out to be none is in no dossier.
func TestHalfAnAnswerIsNone(t *testing.T) {
	b := newBench(t, true)
	f := fleet.New(fleet.Config{}, deps(b.Net, cut{b.Net}))
	o := f.Ask(t.Context(), b.Neuron(0), b.question(t, fleet.TaskChallenge))
	if o.OK() || o.Void || o.Silent() || o.Dossier == nil || len(o.Dossier.Proof) != 0 {
		t.Fatalf("%+v", o)
	}
	if _, err := json.Marshal(o.Dossier); err != nil {
		t.Error(err)
	}
}

// Every byte of a proof counts, and what the miner has signed convicts it, with
// the key.
func TestSignedWrongAnswers(t *testing.T) {
	b := newBench(t, true)
	key := b.Miners[0].Key()
	resign := func(a *wire.Audit) {
		q, err := receipt.ParseQuestion(a.Question)
		if err != nil {
			t.Error(err)
			return
		}
		if a.Receipt, err = (receipt.Answer{Question: q.Digest(), Proof: a.Proof}).Sign(key); err != nil {
			t.Error(err)
		}
	}
	for at := 0; at < 4369; at += 31 {
		if o := b.askEdited(t, func(a *wire.Audit) { a.Proof[at] ^= 1 }); o.OK() || o.Dossier.Key != nil {
			t.Errorf("proof, byte %d: %+v", at, o)
		}
		o := b.askEdited(t, func(a *wire.Audit) { a.Proof[at] ^= 1; resign(a) })
		if o.OK() || o.Void || o.Dossier.Key == nil || o.Dossier.Judge().Ruling != receipt.Confirmed {
			t.Errorf("signed proof, byte %d: %+v", at, o)
		}
		if holding(t, b.Net, 0, b.Hash).Native != nil {
			t.Fatalf("byte %d: the pledge is still used", at)
		}
	}
	if o := b.askEdited(t, func(a *wire.Audit) { a.Proof = a.Proof[:100]; resign(a) }); o.OK() || o.Dossier.Judge().Ruling != receipt.Confirmed {
		t.Errorf("short: %+v", o)
	}
}

// An answer is good for one question to one miner about one datum.
func TestNativeAnswersAreBound(t *testing.T) {
	net := native(fleettest.New(t, 2))
	var kept []wire.Audit
	replay := -1
	e := &edit{Transport: net, audit: nil}
	f := fleet.New(fleet.Config{}, deps(net, e))
	chunk, other := spreadChunk(t, f, net, make([]byte, 20_000)), spreadChunk(t, f, net, make([]byte, 30_000))
	e.audit = func(a *wire.Audit) {
		if replay < 0 {
			kept = append(kept, *a)
			return
		}
		a.Proof, a.Receipt = kept[replay].Proof, kept[replay].Receipt
	}
	ask := func(i int, hash string) fleet.Outcome {
		t.Helper()
		q, err := f.Question(t.Context(), net.Neuron(i), holding(t, net, i, hash), block, fleet.TaskChallenge)
		if err != nil || !q.Native() {
			t.Fatalf("%+v, %v", q, err)
		}
		return f.Ask(t.Context(), net.Neuron(i), q)
	}
	for _, o := range []fleet.Outcome{ask(0, chunk.Hash), ask(0, other.Hash), ask(1, chunk.Hash)} {
		if !o.OK() {
			t.Fatal(o.Err)
		}
	}
	for i, name := range []string{"an old answer", "of another datum", "of another miner"} {
		replay = i
		if o := ask(0, chunk.Hash); !errors.Is(o.Err, proof.ErrProof) || o.Void {
			t.Errorf("%s: %+v", name, o)
		}
	}
	// A question to one miner put to the other one is no question of its.
	q, err := f.Question(t.Context(), net.Neuron(0), holding(t, net, 0, chunk.Hash), chain.Block{}, fleet.TaskChallenge)
	if err != nil {
		t.Fatal(err)
	}
	if o := f.Ask(t.Context(), net.Neuron(1), q); !o.Void || !errors.Is(o.Err, fleet.ErrMoot) {
		t.Errorf("to the other miner: %+v", o)
	}
}

// A peer that answers 404 to tags is a reference miner, for an hour or until it
// serves elsewhere.
func TestReferenceMinersAreNotAskedForTags(t *testing.T) {
	net := fleettest.New(t, 1)
	l, f := newLossy(net)
	want := func(n int) {
		t.Helper()
		if got := net.Miners[0].Asked("Tags"); got != n {
			t.Errorf("%d tags, want %d", got, n)
		}
	}
	d := fleet.NewDatum([]byte("one"))
	if o := f.Store(t.Context(), net.Neuron(0), d, index.User, 100*time.Hour); !o.OK() {
		t.Fatal(o.Err)
	}
	h := holding(t, net, 0, d.Hash())
	want(1)
	store(t, f, net, 0, []byte("two"))
	l.wait(59 * time.Minute)
	if _, o := f.Retrieve(t.Context(), net.Neuron(0), h); !o.OK() {
		t.Fatal(o.Err)
	}
	want(1)
	l.wait(time.Minute)
	if _, o := f.Retrieve(t.Context(), net.Neuron(0), h); !o.OK() {
		t.Fatal(o.Err)
	}
	want(2)
	net.Change(func(m *chain.Metagraph) { m.Neurons[1].Axon.Port++ })
	native(net)
	if h := store(t, f, net, 0, []byte("three")); h.Native == nil {
		t.Error("no pledge of a miner that has moved")
	}
	want(3)
	store(t, f, net, 0, nil)
	want(3) // no bytes, no tags
}

// Whatever becomes of the tags, the Store is good, and a retrieval makes up for
// it; a user's does not wait for that.
func TestTagsAreNoPartOfAStore(t *testing.T) {
	for _, as := range []fleettest.Behaviour{fleettest.Liar, fleettest.Failing, fleettest.Silent, fleettest.Busy} {
		net := native(fleettest.New(t, 1))
		net.Miners[0].Behave(as, "Tags")
		f := newFleet(net, fleet.Config{AuditTimeout: 50 * time.Millisecond})
		h := store(t, f, net, 0, []byte("some data"))
		if h.Native != nil {
			t.Errorf("behaviour %d: %+v", as, h.Native)
		}
		if o := f.Challenge(t.Context(), net.Neuron(0), h); !o.OK() || o.Native {
			t.Errorf("behaviour %d: %+v", as, o)
		}
		net.Miners[0].Behave(fleettest.Honest, "Tags")
		if _, _, err := f.Fetch(t.Context(), index.Chunk{Hash: h.Hash, Size: h.Size}); err != nil {
			t.Fatal(err)
		}
		if n := net.Miners[0].Asked("Tags"); n != 1 {
			t.Errorf("behaviour %d: tags were handed over %d times", as, n)
		}
		if data, o := f.Retrieve(t.Context(), net.Neuron(0), h); !o.OK() || string(data) != "some data" {
			t.Fatalf("%q, %v", data, o.Err)
		}
		if o := f.Challenge(t.Context(), net.Neuron(0), holding(t, net, 0, h.Hash)); !o.OK() || !o.Native {
			t.Errorf("behaviour %d: %+v", as, o)
		}
	}
}

// hook runs before a message of a name is answered.
type hook struct {
	wire.Transport
	name string
	run  func()
}

func (k *hook) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	if msg.Name() == k.name && k.run != nil {
		run := k.run
		k.run = nil
		run()
	}
	return k.Transport.Call(ctx, to, msg)
}

// What changes while tags are being handed over leaves no pledge that the miner
// does not have.
func TestTagsMeetOthers(t *testing.T) {
	net := native(fleettest.New(t, 1))
	k := &hook{Transport: net, name: "Tags"}
	f, other := fleet.New(fleet.Config{}, deps(net, k)), newFleet(net, fleet.Config{})
	k.run = func() { store(t, other, net, 0, []byte("some data")) } // another process stores the same
	h := store(t, f, net, 0, []byte("some data"))
	if h.Native != nil {
		t.Error("one of two pledges is recorded, and the miner has one of two")
	}
	if o := f.Challenge(t.Context(), net.Neuron(0), h); !o.OK() || o.Native {
		t.Errorf("%+v", o)
	}
	k.run = func() {
		if err := net.Index.RemoveHolding(t.Context(), h.Holder, h.Hash); err != nil {
			t.Error(err)
		}
	}
	if o := f.Store(t.Context(), net.Neuron(0), fleet.NewDatum([]byte("some data")), index.Random, time.Hour); !o.OK() {
		t.Error(o.Err)
	}
	if _, err := net.Index.Holding(t.Context(), h.Holder, h.Hash); !errors.Is(err, index.ErrNotFound) {
		t.Errorf("what was removed is back: %v", err)
	}
}

// late hands tags over after another process has done so, and loses the answer.
type late struct {
	wire.Transport
	run  func()
	lost error
}

func (l *late) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	if run := l.run; msg.Name() == "Tags" && run != nil {
		l.run = nil
		run()
		if wire.StatusOf(l.lost) != wire.StatusConflict {
			_, _ = l.Transport.Call(ctx, to, msg)
		}
		return wire.Exchange{}, l.lost
	}
	return l.Transport.Call(ctx, to, msg)
}

// Who has not heard whether the miner took its tags knows no better which ones the
// miner has: an honest miner would fail for those that were overtaken.
func TestTagsWithoutAnAnswerMeetOthers(t *testing.T) {
	for _, lost := range []error{wire.Timeout("lost"), wire.Unavailable("broken off"), wire.Conflict("a later one is here")} {
		net := native(fleettest.New(t, 1))
		l := &late{Transport: net, lost: lost}
		f, other := fleet.New(fleet.Config{}, deps(net, l)), newFleet(net, fleet.Config{})
		l.run = func() { store(t, other, net, 0, []byte("some data")) }
		h := store(t, f, net, 0, []byte("some data"))
		if refused := wire.StatusOf(lost) == wire.StatusConflict; (h.Native != nil) != refused {
			t.Errorf("%v: %+v", lost, h.Native)
		}
		if o := f.Challenge(t.Context(), net.Neuron(0), h); !o.OK() {
			t.Errorf("%v: %+v", lost, o)
		}
	}
}

// A pledge is made anew when the holding outlives it, and only then.
func TestPledgesAreRenewed(t *testing.T) {
	net := native(fleettest.New(t, 1))
	l, f := newLossy(net)
	d := fleet.NewDatum([]byte("some data"))
	var digests [][32]byte
	for _, ttl := range []time.Duration{2 * time.Hour, time.Hour, 4 * time.Hour} {
		if o := f.Store(t.Context(), net.Neuron(0), d, index.User, ttl); !o.OK() {
			t.Fatal(o.Err)
		}
		digests = append(digests, pledgeOf(t, holding(t, net, 0, d.Hash())).Digest())
	}
	if digests[0] != digests[1] || digests[1] == digests[2] {
		t.Errorf("%x", digests)
	}
	l.wait(5 * time.Hour)
	q, err := f.Question(t.Context(), net.Neuron(0), holding(t, net, 0, d.Hash()), block, fleet.TaskChallenge)
	if err != nil || q.Native() {
		t.Errorf("asked about a pledge that has ended: %+v, %v", q, err)
	}
}

// Storing, retrieving and auditing side by side, an honest miner fails nothing.
func TestNativeSideBySide(t *testing.T) {
	net := native(fleettest.New(t, 1))
	f := newFleet(net, fleet.Config{})
	data := bytes.Repeat([]byte("some data "), 500)
	h := store(t, f, net, 0, data)
	var wg sync.WaitGroup
	var mu sync.Mutex // guards kinds
	kinds := map[bool]int{}
	for worker := range 6 {
		wg.Go(func() {
			for i := range 40 {
				var o fleet.Outcome
				switch worker {
				case 0:
					o = f.Store(t.Context(), net.Neuron(0), fleet.NewDatum(data), index.Random, time.Hour+time.Duration(i)*time.Minute)
				case 1:
					_, o = f.Retrieve(t.Context(), net.Neuron(0), h)
				default:
					now, err := net.Index.Holding(t.Context(), h.Holder, h.Hash)
					if err != nil {
						t.Error(err)
						return
					}
					o = f.Challenge(t.Context(), net.Neuron(0), now)
				}
				if !o.OK() && (!o.Void || !errors.Is(o.Err, fleet.ErrMoot)) {
					t.Errorf("%+v", o)
				}
				mu.Lock()
				kinds[o.Native]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if kinds[true] == 0 {
		t.Error("no native audit at all")
	}
	if got := net.Miners[0].Holds(); !slices.Equal(got, []string{h.Held()}) {
		t.Errorf("the miner has %v", got)
	}
}
