package validator_test

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
)

// earned is a bench on which six miners have a score.
func earned(t *testing.T) (b *bench, next uint64) {
	t.Helper()
	b = newBench(t, 6, settings())
	next = b.steps(t, 10, 20)
	for uid, score := range b.Scores()[1:7] {
		if score <= 0 {
			t.Fatalf("UID %d has a score of %v", uid+1, score)
		}
	}
	return b, next
}

// steps makes some steps from a block on, and returns the one to go on with.
func (b *bench) steps(t *testing.T, from uint64, steps int) uint64 {
	t.Helper()
	for range steps {
		b.step(t, from)
		b.pass(36 * time.Second)
		from += 3
	}
	return from
}

// Nobody asks a validator with stake to store or to prove anything, so that its
// score stays what it was as a miner.
func TestWhoCannotBeAskedGetsNoWeight(t *testing.T) {
	b, next := earned(t)
	b.Net.Change(func(g *chain.Metagraph) { g.Neurons[1].ValidatorPermit, g.Neurons[1].Stake = true, 501*chain.TAO })
	b.steps(t, next, 5)
	if b.Scores()[1] <= 0 {
		t.Fatal("the score went by itself: this shows nothing")
	}
	if ok, err := b.SetWeights(t.Context(), b.advance(t, 4001)); !ok || err != nil {
		t.Fatal(ok, err)
	}
	sent := b.chain.answer(nil)
	uids := []chain.UID{}
	for _, w := range sent[len(sent)-1] {
		if w.Value > 0 {
			uids = append(uids, w.UID)
		}
	}
	if slices.Contains(uids, 1) || !slices.Contains(uids, 2) {
		t.Errorf("weights for %v", uids)
	}
}

// A miner that answers no pings when it is to be handed data has failed at it: it
// would be asked about nothing any more, and keep its score.
func TestWhoIsNotThereLosesItsScore(t *testing.T) {
	b, next := earned(t)
	before := b.Scores()
	b.Miners[0].Behave(fleettest.Busy, "Synapse")
	for h, err := range b.Index.Holdings(t.Context(), b.Neuron(0).Hotkey) { // random data is dropped now and then
		if err == nil {
			err = b.Index.RemoveHolding(t.Context(), h.Holder, h.Hash)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b.steps(t, next, 20)
	after := b.Scores()
	if after[1] > before[1]/2 {
		t.Errorf("the score of who is not there went from %v to %v", before[1], after[1])
	}
	if after[2] < before[2]/2 {
		t.Errorf("the score of who is there went from %v to %v", before[2], after[2])
	}
}

// scored has the next validator begin with the scores of the miners.
func (b *bench) scored(t *testing.T, scores ...float64) {
	t.Helper()
	rows := fmt.Sprintf(`{"hotkey":%q,"score":0,"failures":0}`, b.Asker.Address())
	for i, score := range scores {
		rows += fmt.Sprintf(`,{"hotkey":%q,"score":%v,"failures":0}`, b.Miners[i].Hotkey(), score)
	}
	if err := b.Index.PutState(t.Context(), "validator/"+string(b.Asker.Address()),
		[]byte(`{"v":3,"block":2,"steps":1,"window":1,"dropped":1,"uids":[`+rows+`]}`)); err != nil {
		t.Fatal(err)
	}
	b.Validator = b.again(settings(), b.Net)
}

// Weights made of scores that pay nobody would pay everybody alike.
func TestNoScoreAboveZeroSetsNoWeights(t *testing.T) {
	for _, c := range []struct {
		scores []float64
		told   string
	}{{[]float64{0, -0.001, -0.002}, "level=WARN"}, {[]float64{0, 0, 0}, "level=INFO"}} {
		b := newBench(t, 3, settings())
		said := new(strings.Builder)
		b.log = slog.New(slog.NewTextHandler(said, nil))
		b.scored(t, c.scores...)
		for number := uint64(400); number < 800; number++ {
			if set, err := b.weigh(t, number); set || err != nil {
				t.Fatal(set, err)
			}
		}
		if sent := b.chain.answer(nil); len(sent) > 0 {
			t.Errorf("sent %v", sent)
		}
		if n := strings.Count(said.String(), c.told+` msg="no weights are sent: `); n != 2 {
			t.Errorf("it was said %d times in two epochs\n%s", n, said)
		}
		b.scored(t, 0, -0.001, 0.001)
		if set, err := b.weigh(t, 801); !set || err != nil {
			t.Error(set, err)
		}
		if sent := b.chain.answer(nil); len(sent) != 1 || !slices.Equal(sent[0], []chain.Weight{{UID: 3, Value: 65535}}) {
			t.Errorf("sent %v", sent)
		}
	}
}

// Holdings whose time is over hide none of those that can be asked about.
func TestExpiredHoldingsHideNothing(t *testing.T) {
	cfg := settings()
	cfg.StoreSample = 1
	b := newBench(t, 1, cfg)
	next := b.steps(t, 10, 3)
	f := fleet.New(fleet.Config{}, fleet.Deps{
		Transport: b.Net, Index: b.Index, Metagraph: b.follower.Metagraph, Rand: rand.Reader, Now: b.clock, Key: b.Asker,
	})
	for i := range 100 {
		if o := f.Store(t.Context(), b.Neuron(0), fleet.NewDatum(fmt.Append(nil, "tiny", i)), index.User, time.Second); !o.OK() {
			t.Fatal(o.Err)
		}
	}
	b.pass(time.Minute)
	before := b.stats(t, 0).Challenge.Attempts
	b.steps(t, next, 20)
	if n := b.stats(t, 0).Challenge.Attempts - before; n < 20 {
		t.Errorf("%d challenges in 20 steps", n)
	}
}

func TestChooseBySize(t *testing.T) {
	sizes := []int64{1, 0, 5, -3, 2}
	got := make([]int, len(sizes))
	for r := range uint64(80) {
		got[validator.Choose(sizes, r)]++
	}
	if want := []int{10, 0, 50, 0, 20}; !slices.Equal(got, want) {
		t.Errorf("chosen %v times, want %v", got, want)
	}
	if validator.Choose([]int64{0, 0}, 7) != 0 || validator.Choose([]int64{9}, 1<<63) != 0 {
		t.Error("without a choice it is the first")
	}
}
