package sim

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// A script for the product's validator and for a view: who is what kind of miner,
// and when who is down.
const (
	scriptMiners = 24
	scriptSteps  = 130
	downBlock    = 90 // the first of 40 minutes
)

var scriptKinds = []Kind{
	{Name: "steady", reference: true},
	{Name: "liar", drops: 1, reference: true},
	{Name: "mute", drops: 1, silent: true, reference: true},
	{Name: "down", downEvery: 1000 * time.Hour, downFor: 40 * time.Minute, reference: true},
}

// scriptKind is a miner's: two liars, two mutes, four that are down.
func scriptKind(miner int) int { return [12]int{1, 2, 3, 3}[miner%12] }

func scriptConfig() validator.Config {
	cfg := validator.DefaultConfig()
	cfg.StoreSample, cfg.ChallengeSample, cfg.RetrieveSample, cfg.MonitorSample = 5, 5, 5, 8
	cfg.UniformSize, cfg.EpochBlocks = 2048, 100
	return cfg
}

// scriptView is a view of the script, in which every miner holds one datum.
func scriptView() *view {
	cfg := DefaultConfig()
	cfg.Miners, cfg.Validators, cfg.Seed = scriptMiners, 1, 11
	cfg.rules, cfg.product = incentive.DefaultRules(), scriptConfig()
	cfg.product.MaxSize = 2048
	w := &world{cfg: cfg, kinds: scriptKinds, blocks: 3 * (scriptSteps + 1)}
	for miner := range scriptMiners {
		l := life{uid: miner, kind: scriptKind(miner), to: math.MaxUint64}
		l.phase = blocksIn(1000*time.Hour) - downBlock
		w.holder, w.lives = append(w.holder, []int32{int32(miner)}), append(w.lives, l)
	}
	for _, draws := range []*[][]uint16{&w.stores, &w.challenges, &w.retrievals, &w.pings} {
		*draws = make([][]uint16, scriptSteps+1)
	}
	w.draw(0, scriptSteps+1)
	v := newView(w, 0)
	v.schedule = incentive.Schedule{EpochBlocks: 100, WindowEpochs: 2, PeriodEpochs: 10}
	v.adopt(0)
	for miner := range v.miners {
		m := &v.miners[miner]
		m.holdings, m.bytes = append(m.holdings, holding{size: 100, until: math.MaxUint64, kept: scriptKinds[scriptKind(miner)].drops == 0}), 100
		m.standing.Count(incentive.TaskStore, true)
	}
	return v
}

// oneChain is a chain with the blocks of a world.
type oneChain struct {
	chain.Chain
	w     *world
	net   *fleettest.Net
	heads *chain.Heads
}

func (c *oneChain) at(number uint64) chain.Block {
	return chain.Block{Number: number, Hash: c.w.hash(number)}
}

func (c *oneChain) Head(context.Context) (chain.Block, error) {
	b, _ := c.heads.Latest()
	return b, nil
}

func (c *oneChain) Subscribe(ctx context.Context) (<-chan chain.Block, error) {
	out := make(chan chain.Block)
	context.AfterFunc(ctx, func() { close(out) })
	return out, nil
}

func (c *oneChain) Metagraph(context.Context, chain.NetUID) (*chain.Metagraph, error) {
	m := *c.net.Metagraph()
	m.Block, _ = c.heads.Latest()
	return &m, nil
}

// script is the product's side.
type script struct {
	*fleettest.Net
	*validator.Validator
	chain  *oneChain
	now    time.Time
	events map[validator.Task]validator.Event // of the last step
}

func newScript(t *testing.T, w *world) *script {
	t.Helper()
	s := &script{Net: fleettest.New(t, scriptMiners), now: time.Unix(1e9, 0)}
	s.chain = &oneChain{w: w, net: s.Net, heads: chain.NewHeads()}
	s.chain.heads.Set(s.chain.at(1))
	follower := chain.NewFollower(chain.FollowerConfig{NetUID: 21}, chain.FollowerDeps{Chain: s.chain})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- follower.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	<-follower.Ready()
	clock := func() time.Time { return s.now }
	f := fleet.New(fleet.Config{}, fleet.Deps{Transport: s.Net, Index: s.Index, Metagraph: follower.Metagraph, Now: clock, Key: s.Asker})
	s.Validator = validator.New(scriptConfig(), validator.Deps{
		Key: s.Asker, Chain: s.chain, Follower: follower, Fleet: f, Index: s.Index, Now: clock,
		Observe: func(e validator.Event) { s.events[e.Task] = e },
	})
	if _, err := f.Spread(t.Context(), fleet.NewDatum([]byte("the first datum of all")), index.Random, time.Hour*100, scriptMiners, s.Neurons()); err != nil {
		t.Fatal(err)
	}
	return s
}

// step has the miners behave as they do at a block, and makes the step.
func (s *script) step(t *testing.T, block uint64) {
	t.Helper()
	for i, m := range s.Miners {
		as := map[string]fleettest.Behaviour{"Challenge": fleettest.Honest, "Retrieve": fleettest.Honest, "Store": fleettest.Honest, "Synapse": fleettest.Honest}
		switch scriptKinds[scriptKind(i)].Name {
		case "liar":
			as["Challenge"], as["Retrieve"] = fleettest.Failing, fleettest.Failing
		case "mute":
			as["Challenge"], as["Retrieve"] = fleettest.Busy, fleettest.Busy
		case "down":
			if block >= downBlock && block < downBlock+blocksIn(40*time.Minute) {
				as = map[string]fleettest.Behaviour{"Challenge": fleettest.Busy, "Retrieve": fleettest.Busy, "Store": fleettest.Busy, "Synapse": fleettest.Busy}
			}
		}
		for name, b := range as {
			m.Behave(b, name)
		}
	}
	s.now = time.Unix(1e9, 0).Add(time.Duration(block) * blockTime)
	s.events = map[validator.Task]validator.Event{}
	if err := s.Step(t.Context(), s.chain.at(block)); err != nil {
		t.Fatalf("step at block %d: %v", block, err)
	}
}

// verdict on one miner at one task of a step; UIDs are the product's, from 1 on.
type told struct {
	uid int
	ok  bool
}

func (s *script) told(task validator.Task) (all []told) {
	e := s.events[task]
	for i, uid := range e.UIDs {
		all = append(all, told{int(uid), e.Successful[i]})
	}
	return all
}

func (v *view) told(task validator.Task, step int) (all []told) {
	if task == validator.TaskMonitor {
		for _, uid := range v.w.pings[step] {
			all = append(all, told{int(uid) + 1, v.pinged[uid] > 0})
		}
		slices.SortFunc(all, func(a, b told) int { return a.uid - b.uid })
		return all
	}
	for _, r := range v.batches[slices.Index([]validator.Task{validator.TaskStore, validator.TaskChallenge, validator.TaskRetrieve}, task)] {
		all = append(all, told{r.UID + 1, r.OK})
	}
	return all
}

// TestAViewIsTheProductsValidator plays one script to a view and to the product's
// validator over miners that prove: both ask the same miners at the same blocks,
// and know the same of them in the end. (Data, and which of it is asked about, is
// each one's own, and with it speed and score.)
func TestAViewIsTheProductsValidator(t *testing.T) {
	v := scriptView()
	s := newScript(t, v.w)
	settled := 0
	for step := 1; step <= scriptSteps; step++ {
		block := uint64(3 * step)
		v.step(step, block)
		s.step(t, block)
		for _, task := range []validator.Task{validator.TaskMonitor, validator.TaskStore, validator.TaskChallenge, validator.TaskRetrieve} {
			got, want := v.told(task, step), s.told(task)
			if !slices.Equal(got, want) {
				t.Fatalf("block %d, %s: the view has %v, the product %v", block, task, got, want)
			}
			settled += len(want)
		}
	}
	rows := s.rows(t)
	failed := 0
	for miner := range v.miners {
		stats, err := s.Index.Stats(t.Context(), s.Miners[miner].Hotkey())
		if err != nil {
			t.Fatal(err)
		}
		got, want := v.miners[miner].standing, stats.Standing
		row, _ := v.ledger.Row(miner)
		is, known := row.Possession, rows[miner+1].Possession
		if got.Record != want.Record || got.Tier != want.Tier || got.Window != want.Window || row.Failures != rows[miner+1].Failures {
			t.Errorf("miner %d: the view has %+v, %d pings failed, the product %+v, %d", miner, got, row.Failures, want, rows[miner+1].Failures)
		}
		if is.Challenge != known.Challenge || is.Retrieve != known.Retrieve || (is.Debt > 0) != (known.Debt > 0) || (is.Debt > 0) != (scriptKind(miner) == 1) {
			t.Errorf("miner %d: the view has %+v, the product %+v", miner, is, known)
		}
		if is.Challenge.Failed+is.Retrieve.Failed > 0 {
			failed++
		}
	}
	if settled < 15*scriptSteps || failed < 6 {
		t.Errorf("%d outcomes, %d miners failed audits: this shows little", settled, failed)
	}
}

// rows are the product's saved ones, by UID.
func (s *script) rows(t *testing.T) []incentive.Row[wallet.Address] {
	t.Helper()
	data, err := s.Index.State(t.Context(), "validator/"+string(s.Asker.Address()))
	if err != nil {
		t.Fatal(err)
	}
	var state struct {
		UIDs []incentive.Row[wallet.Address] `json:"uids"`
	}
	if err := json.Unmarshal(data, &state); err != nil {
		t.Fatal(err)
	}
	return state.UIDs
}
