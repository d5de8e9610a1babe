package validator_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// running is a validator's Run.
type running struct {
	cancel context.CancelFunc
	done   chan error
}

func (b *bench) run(t *testing.T, v *validator.Validator) running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := running{cancel, make(chan error, 1)}
	go func() { r.done <- v.Run(ctx) }()
	return r
}

func (r running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
}

func TestScoresSurviveARestart(t *testing.T) {
	b := newBench(t, 3, settings())
	b.step(t, 3)
	b.Miners[2].Behave(fleettest.Failing, "Synapse")
	for i := range uint64(4) {
		b.step(t, 3*i+6)
	}
	run := b.run(t, b.Validator)
	run.stop(t)
	scores := b.Scores()
	if slices.Max(scores) <= 0 {
		t.Fatal(scores)
	}
	idle := settings()
	idle.BlocksPerStep = 1 << 40
	v := b.again(idle, b.Net)
	run = b.run(t, v)
	for number := uint64(20); len(v.Scores()) == 0 && number < 100_000; number++ {
		b.advance(t, number)
	}
	run.stop(t)
	if got := v.Scores(); !slices.Equal(got, scores) {
		t.Errorf("scores %v, want %v", got, scores)
	}
	b.Validator = b.again(settings(), b.Net)
	b.step(t, 30)
	b.step(t, 33) // the sixth failure in a row, counted across the restart
	if len(b.lost) != 1 || b.lost[0].UID != 3 {
		t.Errorf("lost %+v", b.lost)
	}
	// So is the number of the step: five were before, and retrievals come every
	// fifth.
	if n := len(b.seen(validator.TaskRetrieve)); n != 1 {
		t.Errorf("%d retrievals in seven steps", n)
	}
}

func TestAnUnreadableStateIsNotOverwritten(t *testing.T) {
	b := newBench(t, 1, settings())
	name := "validator/" + string(b.Asker.Address())
	bad := []byte(`{"v":4}`)
	if err := b.Index.PutState(t.Context(), name, bad); err != nil {
		t.Fatal(err)
	}
	if err := b.Run(t.Context()); !errors.Is(err, validator.ErrState) {
		t.Errorf("run: %v", err)
	}
	if err := b.Step(t.Context(), b.advance(t, 3)); !errors.Is(err, validator.ErrState) {
		t.Errorf("step: %v", err)
	}
	if got, err := b.Index.State(t.Context(), name); err != nil || !slices.Equal(got, bad) {
		t.Errorf("the state is %q, %v", got, err)
	}
}

func TestCheckpointsComeByThemselves(t *testing.T) {
	b := newBench(t, 1, settings())
	b.step(t, 3)
	run := b.run(t, b.Validator)
	name := "validator/" + string(b.Asker.Address())
	for number := uint64(101); ; number++ { // the view may miss the first blocks
		b.advance(t, number)
		if _, err := b.Index.State(t.Context(), name); err == nil {
			break
		} else if !errors.Is(err, index.ErrNotFound) || number > 100_000 {
			t.Fatal(err)
		}
	}
	run.stop(t)
}

// held is a transport that holds every call until it is released.
type held struct {
	wire.Transport
	calls   chan string
	release chan struct{}
}

func (h *held) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	select {
	case h.calls <- msg.Name():
	default:
	}
	select {
	case <-h.release:
	case <-ctx.Done():
		return wire.Exchange{}, wire.Timeout("held")
	}
	return h.Transport.Call(ctx, to, msg)
}

// warned keeps the block of the last warning.
type warned struct {
	slog.Handler
	block atomic.Uint64
}

func (w *warned) Enabled(context.Context, slog.Level) bool { return true }

func (w *warned) Handle(_ context.Context, r slog.Record) error {
	if r.Level == slog.LevelWarn {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "block" {
				w.block.Store(a.Value.Uint64())
			}
			return true
		})
	}
	return nil
}

func TestAStepThatIsDueWhileOneRunsIsLeftOut(t *testing.T) {
	b := newBench(t, 1, settings())
	h := &held{Transport: b.Net, calls: make(chan string, 1), release: make(chan struct{})}
	w := &warned{}
	steps := make(chan uint64, 100_000)
	b.log, b.ping = slog.New(w), time.Minute
	v := b.observed(settings(), h, func(e validator.Event) {
		if e.Task == validator.TaskMonitor {
			steps <- e.Block
		}
	})
	run := b.run(t, v)
	defer run.stop(t)
	number := uint64(2)
	next := func() {
		if number++; number > 100_000 {
			t.Fatal("nothing happens")
		}
		b.advance(t, number)
	}
	for len(h.calls) == 0 { // until a step has begun
		next()
	}
	for w.block.Load() == 0 { // until another was due
		next()
	}
	left := w.block.Load()
	close(h.release)
	if first := <-steps; first >= left {
		t.Errorf("the first step was at block %d", first)
	}
	for len(steps) == 0 {
		next()
	}
	if second := <-steps; second <= left {
		t.Errorf("the step of block %d was queued; %d was left out", second, left)
	}
}

// weigh has the validator consider weights at a block.
func (b *bench) weigh(t *testing.T, number uint64) (bool, error) {
	t.Helper()
	return b.SetWeights(t.Context(), b.advance(t, number))
}

func TestWeightsAreSetOnceAnEpoch(t *testing.T) {
	b := newBench(t, 3, settings())
	b.Change(func(m *chain.Metagraph) { m.Neurons[0].LastUpdate = 50 })
	if set, err := b.weigh(t, 1000); set || err != nil {
		t.Errorf("before any step: %v, %v", set, err)
	}
	b.step(t, 1003)
	b.Miners[2].Behave(fleettest.Liar)
	b.Change(func(m *chain.Metagraph) { m.Neurons[0].LastUpdate = 700 })
	for _, c := range []struct {
		block uint64
		set   bool
	}{{1059, false}, {1060, true}, {1061, false}, {1419, false}, {1420, true}} {
		if set, err := b.weigh(t, c.block); set != c.set || err != nil {
			t.Errorf("block %d: %v, %v", c.block, set, err)
		}
	}
	sent := b.chain.answer(nil)
	if len(sent) != 2 || len(sent[0]) != 3 {
		t.Fatalf("sent %v", sent)
	}
	for i, w := range sent[0] {
		if w.UID != chain.UID(i+1) || w.Value == 0 {
			t.Errorf("sent %v", sent[0])
		}
	}
	events := b.seen(validator.TaskWeights)
	if len(events) != 2 || len(events[0].SetWeights) != 3 || len(events[0].UIDs) != 3 {
		t.Errorf("events %+v", events)
	}
}

func TestRefusedWeightsAreTriedAgainWithBackOff(t *testing.T) {
	b := newBench(t, 2, settings())
	b.step(t, 3)
	b.chain.answer(chain.ErrUnavailable)
	var tried []uint64
	for number := uint64(400); number < 520; number++ {
		if _, err := b.weigh(t, number); errors.Is(err, chain.ErrUnavailable) {
			tried = append(tried, number)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(tried, []uint64{400, 401, 403, 407, 415, 431, 463}) {
		t.Errorf("tried at %v", tried)
	}
	b.chain.answer(nil)
	if set, err := b.weigh(t, 527); !set || err != nil {
		t.Errorf("in the end: %v, %v", set, err)
	}
	b.chain.answer(chain.ErrUnavailable)
	if _, err := b.weigh(t, 887); err == nil {
		t.Error("the next epoch's were not tried")
	}
	if _, err := b.weigh(t, 888); err == nil {
		t.Error("the back-off did not begin anew")
	}
}

// late sends weights at block 400 and does not hear what became of them; came is
// the block in which they are, 0 for never. It returns when others were sent.
func late(t *testing.T, came uint64, killed bool, during func(*bench)) (tried []uint64) {
	t.Helper()
	b := newBench(t, 2, settings())
	b.scored(t, 1, 1)
	b.chain.answer(chain.ErrInFlight)
	b.chain.during = func() { during(b) }
	if _, err := b.weigh(t, 400); !errors.Is(err, chain.ErrInFlight) {
		t.Fatal(err)
	}
	b.chain.during = nil
	from := max(b.follower.Head().Number, 400) + 1
	if killed {
		b.Validator = b.again(settings(), b.Net)
	}
	b.chain.answer(nil)
	for number := from; number < 450; number++ {
		if number == came {
			b.Change(func(m *chain.Metagraph) { m.Neurons[0].LastUpdate = number })
		}
		set, err := b.weigh(t, number)
		if err != nil {
			t.Fatal(err)
		}
		if set {
			tried = append(tried, number)
		}
	}
	return tried
}

// What became of weights that were sent is not known, or whoever sent them was
// killed: the chain says whether they came, and is given the time that they may
// take, counted from when they were signed at the latest.
func TestWeightsInFlightAreNotSentAgain(t *testing.T) {
	at400 := func(*bench) {}
	for _, killed := range []bool{false, true} {
		for delay := uint64(1); delay <= 16; delay++ {
			if tried := late(t, 400+delay, killed, at400); len(tried) > 0 {
				t.Errorf("included after %d blocks, killed %v: sent again at %v", delay, killed, tried)
			}
		}
	}
	if tried := late(t, 0, false, at400); !slices.Equal(tried, []uint64{416}) {
		t.Errorf("lost: sent again at %v", tried)
	}
	if tried := late(t, 0, true, at400); !slices.Equal(tried, []uint64{417}) {
		t.Errorf("lost and killed: sent again at %v", tried)
	}
	slow := func(b *bench) { b.advance(t, 410) } // then it is signed
	for _, killed := range []bool{false, true} {
		if tried := late(t, 425, killed, slow); len(tried) > 0 {
			t.Errorf("signed late, killed %v: sent again at %v", killed, tried)
		}
	}
}

func TestNotRegisteredSetsNoWeights(t *testing.T) {
	b := newBench(t, 2, settings())
	b.step(t, 3)
	b.Change(func(m *chain.Metagraph) { m.Neurons[0].Hotkey = wallet.Address("somebody else") })
	if set, err := b.weigh(t, 400); set || !errors.Is(err, chain.ErrNotRegistered) {
		t.Errorf("%v, %v", set, err)
	}
	cfg := settings()
	cfg.DisableWeights = true
	b = newBench(t, 2, cfg)
	b.step(t, 3)
	if set, err := b.weigh(t, 500); set || err != nil {
		t.Errorf("disabled: %v, %v", set, err)
	}
}
