package validator_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// lot is what becomes of a transaction.
type lot int

const (
	sent     lot = iota
	mute         // in a block, and its sender does not hear of it
	slow         // in a later block, and its sender does not hear of it
	gone         // never in a block, and its sender does not hear of it
	answered     // in a block, and its sender is killed before it hears of it
	orphaned     // in a later block, and its sender is killed at once
	unsent       // its sender is killed before it goes out
)

// fatal is a chain on which a lot is cast for each of the transactions.
type fatal struct {
	*devchain.Devchain
	lots  map[int]lot // by number
	delay uint64      // blocks until one that is slow is in a block
	sends int
	dead  bool   // the validator was killed
	tempo uint16 // that the subnet is said to have now; 0: as it was
}

func (f *fatal) Hyperparameters(ctx context.Context, net chain.NetUID) (chain.Hyperparameters, error) {
	h, err := f.Devchain.Hyperparameters(ctx, net)
	h.Tempo = cmp.Or(f.tempo, h.Tempo)
	return h, err
}

func (f *fatal) send(ctx context.Context, do func(context.Context) error) error {
	f.sends++
	switch f.lots[f.sends-1] {
	case mute:
		return errors.Join(do(ctx), chain.ErrInFlight)
	case slow:
		return errors.Join(f.later(ctx, do), chain.ErrInFlight)
	case orphaned:
		f.dead = true
		return errors.Join(f.later(ctx, do), errKilled)
	case gone:
		return chain.ErrInFlight
	case unsent:
		f.dead = true
		return errKilled
	case answered:
		f.dead = true
		return errors.Join(do(ctx), errKilled)
	}
	return do(ctx)
}

// later has a transaction in the block that is delay later than the newest.
func (f *fatal) later(ctx context.Context, do func(context.Context) error) error {
	head, err := f.Head(ctx)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx) // the chain's end is the end of it
	blocks, err := f.Subscribe(ctx)
	go func() {
		number := head.Number
		for number < head.Number+f.delay-1 {
			b, open := <-blocks
			if !open {
				return
			}
			number = b.Number
		}
		_ = do(ctx)
		for range blocks {
		}
	}()
	return err
}

func (f *fatal) CommitWeights(ctx context.Context, k *wallet.Keypair, net chain.NetUID, h chain.Hash) error {
	return f.send(ctx, func(ctx context.Context) error { return f.Devchain.CommitWeights(ctx, k, net, h) })
}

func (f *fatal) RevealWeights(ctx context.Context, k *wallet.Keypair, net chain.NetUID, w []chain.Weight, salt []uint16, version uint64) error {
	return f.send(ctx, func(ctx context.Context) error { return f.Devchain.RevealWeights(ctx, k, net, w, salt, version) })
}

// committer is a validator on a chain with commit-reveal, both on a clock of
// their own. It asks nobody: its scores are those that were saved.
type committer struct {
	*fatal
	t        *testing.T
	key      *wallet.Keypair
	follower *chain.Follower
	store    *mortal
	cfg      validator.Config
	log      *strings.Builder
	v        *validator.Validator
	told     []validator.Event
	deaths   int
}

// newCommitter has epochs of 20 blocks, and weights every 25.
func newCommitter(t *testing.T, change func(*chain.Hyperparameters)) *committer {
	t.Helper()
	owner := fleettest.Key(t, "owner")
	rules := devchain.DefaultHyperparameters()
	rules.Tempo, rules.WeightsRateLimit, rules.ServingRateLimit, rules.CommitReveal = 19, 0, 0, true
	change(&rules)
	dev, err := devchain.Open(devchain.Config{
		NetUID: 21, Hyperparameters: rules, Genesis: map[wallet.Address]chain.Rao{owner.Address(): 1_000_000 * chain.TAO},
	}, devchain.Deps{})
	must(t, err)
	c := &committer{
		fatal: &fatal{Devchain: dev, lots: map[int]lot{}}, t: t, key: fleettest.Key(t, "asker"),
		store: &mortal{groups: map[string]map[string][]byte{}, left: -1}, log: &strings.Builder{},
	}
	c.cfg = settings()
	c.cfg.EpochBlocks = 25
	c.follower = chain.NewFollower(chain.FollowerConfig{NetUID: 21}, chain.FollowerDeps{Chain: dev})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() { _ = dev.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		must(t, dev.Close())
	})
	must(t, dev.Register(ctx, owner, 21, c.key.Address(), 0))
	must(t, dev.AddStake(ctx, owner, 21, c.key.Address(), 5000*chain.TAO))
	rows := fmt.Sprintf(`{"hotkey":%q,"score":0,"failures":0}`, c.key.Address())
	for i := range 3 {
		k := fleettest.Key(t, fmt.Sprintf("miner%d", i))
		must(t, dev.Register(ctx, owner, 21, k.Address(), 0))
		must(t, dev.ServeAxon(ctx, k, 21, chain.Axon{IP: netip.MustParseAddr("10.0.0.1"), Port: 9000, Protocol: 4}))
		rows += fmt.Sprintf(`,{"hotkey":%q,"score":%d,"failures":0}`, k.Address(), i+1)
	}
	must(t, index.New(c.store).PutState(ctx, "validator/"+string(c.key.Address()),
		[]byte(`{"v":2,"block":2,"steps":1,"window":1,"dropped":1,"uids":[`+rows+`]}`)))
	wg.Go(func() { _ = c.follower.Run(ctx) })
	<-c.follower.Ready()
	c.start()
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start begins a new life on what the last one left.
func (c *committer) start() {
	c.store.live(-1)
	c.dead = false
	ix := index.New(c.store)
	c.v = validator.New(c.cfg, validator.Deps{
		Key: c.key, Chain: c.fatal, Follower: c.follower, Index: ix, Log: slog.New(slog.NewTextHandler(c.log, nil)),
		Fleet:   fleet.New(fleet.Config{}, fleet.Deps{Index: ix, Metagraph: c.follower.Metagraph, Key: c.key}),
		Observe: func(e validator.Event) { c.told = append(c.told, e) },
	})
}

// live has the validator see every block up to a number. Who is killed is started
// again at the next one.
func (c *committer) live(until uint64) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	defer cancel()
	for block := range c.follower.Blocks(ctx) {
		_, err := c.v.SetWeights(ctx, block)
		switch {
		case c.dead || errors.Is(err, errKilled):
			c.deaths++
			c.start()
		case err != nil:
			fmt.Fprintf(c.log, "failed at %d: %v\n", block.Number, err)
		}
		if block.Number >= until {
			return
		}
	}
}

// happened are the blocks in which the validator did something.
func (c *committer) happened(name string) (blocks []uint64) {
	c.t.Helper()
	head, err := c.Head(c.t.Context())
	must(c.t, err)
	for number := range head.Number + 1 {
		events, err := c.Events(c.t.Context(), number)
		if errors.Is(err, chain.ErrNoBlock) {
			continue
		}
		must(c.t, err)
		for _, e := range events {
			if e.Name == name {
				blocks = append(blocks, number)
			}
		}
	}
	return blocks
}

// check holds what the chain has seen against the rules, and returns how many
// commitments were revealed.
func (c *committer) check() int {
	c.t.Helper()
	rules, err := c.Hyperparameters(c.t.Context(), 21)
	must(c.t, err)
	committed, revealed := c.happened("WeightsCommitted"), c.happened("WeightsRevealed")
	epochs := map[uint64]bool{}
	done := 0
	for _, at := range committed {
		if epoch := chain.EpochOf(at, 21, rules.Tempo); epochs[epoch] {
			c.t.Errorf("two commitments in epoch %d: %v", epoch, committed)
		} else {
			epochs[epoch] = true
		}
		first, last := chain.RevealWindow(at, 21, rules)
		if slices.ContainsFunc(revealed, func(r uint64) bool { return first <= r && r <= last }) {
			done++
		}
	}
	if len(revealed) != done {
		c.t.Errorf("committed in blocks %v, revealed in %v", committed, revealed)
	}
	return done
}

// row is what the chain has of the validator's weights.
func (c *committer) row() []chain.Weight {
	c.t.Helper()
	rows, err := c.Weights(c.t.Context(), 21)
	must(c.t, err)
	return rows[0]
}

// saved is the state that the next life begins with.
func (c *committer) saved() string {
	c.t.Helper()
	data, err := index.New(c.store).State(c.t.Context(), "validator/"+string(c.key.Address()))
	must(c.t, err)
	return string(data)
}

const commitLife = 170 // blocks: six commitments, of which five can be revealed

func TestWeightsAreCommittedAndRevealed(t *testing.T) {
	for _, period := range []uint64{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			c := newCommitter(t, func(h *chain.Hyperparameters) { h.RevealPeriod = period })
			c.live(26)
			if n := len(c.happened("WeightsCommitted")); n != 1 || len(c.row()) != 0 || len(c.told) != 0 {
				t.Fatalf("%d commitments, the row is %v, %d events", n, c.row(), len(c.told))
			}
			if !strings.Contains(c.saved(), `"salt":[`) {
				t.Error("nothing to reveal is saved")
			}
			c.live(commitLife)
			if n, all := c.check(), len(c.happened("WeightsCommitted")); all < 6 || n < all-int(period) {
				t.Errorf("%d commitments, %d of them revealed", all, n)
			}
			want := []chain.Weight{{UID: 1, Value: 21845}, {UID: 2, Value: 43690}, {UID: 3, Value: 65535}}
			if row := c.row(); !slices.Equal(row, want) {
				t.Errorf("the row is %v", row)
			}
			if last := c.told[len(c.told)-1]; len(c.told) != c.check() || last.Task != validator.TaskWeights || !slices.Equal(last.SetWeights, []uint16{21845, 43690, 65535}) {
				t.Errorf("%d events, the last %+v", len(c.told), last)
			}
			if strings.Contains(c.log.String(), "level=ERROR") || strings.Contains(c.log.String(), "failed at") {
				t.Error(c.log)
			}
			if n := strings.Count(c.saved(), `"salt":`); n > int(period)+1 {
				t.Errorf("%d salts are kept", n)
			}
		})
	}
}

// A validator is killed between any two of its writes, and around any of its
// transactions, and started again at the next block; or it lives, and a
// transaction or its answer is lost. All that it committed to is
// revealed, nothing is committed to twice in an epoch, and nothing is left out.
func TestAKillCostsNoCommittedWeights(t *testing.T) {
	var writes, sends, want int
	synctest.Test(t, func(t *testing.T) {
		c := newCommitter(t, func(*chain.Hyperparameters) {})
		begun := c.store.written()
		c.live(commitLife)
		writes, sends, want = c.store.written()-begun, c.sends, c.check()
	})
	if writes < 15 || sends < 10 {
		t.Fatalf("%d writes and %d transactions are too few", writes, sends)
	}
	life := func(name string, deaths int, prepare func(*committer)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCommitter(t, func(*chain.Hyperparameters) {})
				prepare(c)
				c.live(commitLife + 20)
				if n := c.check(); n < want || c.deaths != deaths || strings.Contains(c.log.String(), "level=ERROR") {
					t.Errorf("%d commitments were revealed, want %d; it died %d times\n%s", n, want, c.deaths, c.log)
				}
			})
		})
	}
	for n := range writes {
		life(fmt.Sprintf("write %d", n), 1, func(c *committer) { c.store.live(n) })
	}
	for n := range sends {
		life(fmt.Sprintf("before transaction %d", n), 1, func(c *committer) { c.lots[n] = unsent })
		life(fmt.Sprintf("after transaction %d", n), 1, func(c *committer) { c.lots[n] = answered })
		life(fmt.Sprintf("transaction %d lost", n), 0, func(c *committer) { c.lots[n] = gone })
		life(fmt.Sprintf("answer %d lost", n), 0, func(c *committer) { c.lots[n] = mute })
	}
	for delay := uint64(1); delay <= 16; delay++ {
		life(fmt.Sprintf("in a block after %d", delay), 0, func(c *committer) { c.lots[0], c.delay = slow, delay })
		life(fmt.Sprintf("in a block after %d, killed", delay), 1, func(c *committer) { c.lots[0], c.delay = orphaned, delay })
	}
}

// What was not revealed in time is said to be lost, its salt dropped, and the
// next weights go on.
func TestAMissedRevealIsToldAndTheNextGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommitter(t, func(*chain.Hyperparameters) {})
		c.live(26)
		head, err := c.Head(t.Context())
		must(t, err)
		must(t, c.follower.WaitBlock(t.Context(), head.Number+50)) // it is off for two epochs and more
		c.start()
		c.live(head.Number + 110)
		if n := strings.Count(c.log.String(), "level=ERROR"); n != 1 || !strings.Contains(c.log.String(), "were not revealed in their time") {
			t.Error(c.log)
		}
		if committed := len(c.happened("WeightsCommitted")); committed < 3 || c.check() < committed-2 || len(c.row()) != 3 {
			t.Errorf("%d commitments, %d of them revealed, the row is %v", committed, c.check(), c.row())
		}
	})
}

// When a commitment can be revealed the chain works out anew from the rules as they
// are: a longer tempo has the validator wait for that long, and no less.
func TestARevealGoesByTheTempoOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommitter(t, func(*chain.Hyperparameters) {})
		c.live(28)
		at := c.happened("WeightsCommitted")[0]
		c.tempo = 99
		sent := c.sends
		rules, err := c.Hyperparameters(t.Context(), 21)
		must(t, err)
		first, last := chain.RevealWindow(at, 21, rules)
		c.live(first - 2)
		if c.sends != sent {
			t.Errorf("%d transactions before block %d", c.sends-sent, first)
		}
		c.live(first + 2) // the devchain goes by the old tempo, and says that it is too late
		if c.sends == sent || first+2 >= last || !strings.Contains(c.saved(), `"salt":[`) {
			t.Errorf("%d transactions from block %d to %d; %s", c.sends-sent, first, last, c.saved())
		}
	})
}

// The chain lets ten commitments wait, and so many salts are kept.
func TestTenCommitmentsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommitter(t, func(h *chain.Hyperparameters) { h.RevealPeriod = 20 })
		most := 0
		for until := uint64(50); until <= 550; until += 50 {
			c.live(until)
			most = max(most, strings.Count(c.saved(), `"salt":`))
		}
		if n := c.check(); most != 10 || n < 3 || !strings.Contains(c.log.String(), "10 commitments wait") {
			t.Errorf("%d salts were kept, %d revealed\n%s", most, n, c.log)
		}
	})
}

func TestTimelockedWeightsAreNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCommitter(t, func(h *chain.Hyperparameters) { h.CommitRevealVersion = 3 })
		c.live(110)
		if n := strings.Count(c.log.String(), "has commit-reveal version 3"); c.sends != 0 || n < 2 || n > 4 || c.told != nil {
			t.Errorf("%d transactions; told %d times\n%s", c.sends, n, c.log)
		}
	})
}
