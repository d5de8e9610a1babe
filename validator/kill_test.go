package validator_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// mortal is an index's store in memory that takes so many writes, and then none
// until it is revived: what a validator leaves behind that was killed.
type mortal struct {
	mu     sync.Mutex // guards all below
	groups map[string]map[string][]byte
	writes int
	left   int // < 0: as many as there are
}

var errKilled = errors.New("killed")

func (m *mortal) Get(_ context.Context, group string, fields ...string) (values [][]byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range fields {
		values = append(values, m.groups[group][f])
	}
	return values, nil
}

func (m *mortal) Commit(_ context.Context, group string, when, then []index.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range when {
		if now, ok := m.groups[group][e.Field]; ok != (e.Value != nil) || string(now) != string(e.Value) {
			return index.ErrConflict
		}
	}
	if len(then) == 0 {
		return nil
	}
	if m.left == 0 {
		return errKilled
	}
	m.left--
	m.writes++
	if m.groups[group] == nil {
		m.groups[group] = map[string][]byte{}
	}
	for _, e := range then {
		if e.Value == nil {
			delete(m.groups[group], e.Field)
		} else {
			m.groups[group][e.Field] = slices.Clone(e.Value)
		}
	}
	return nil
}

func (m *mortal) Scan(_ context.Context, group, prefix string) iter.Seq2[index.Entry, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []index.Entry
	for field, value := range m.groups[group] {
		if strings.HasPrefix(field, prefix) {
			all = append(all, index.Entry{Field: field, Value: value})
		}
	}
	return listed(all)
}

func (m *mortal) Groups(_ context.Context, prefix string) iter.Seq2[string, error] {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for group, fields := range m.groups {
		if strings.HasPrefix(group, prefix) && len(fields) > 0 {
			all = append(all, group)
		}
	}
	return listed(all)
}

func listed[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, x := range all {
			if !yield(x, nil) {
				return
			}
		}
	}
}

func (m *mortal) Close() error { return nil }

func (m *mortal) live(writes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = writes
}

func (m *mortal) written() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

// clockwork is a transport over which every miner always takes its own time.
type clockwork struct{ *fleettest.Net }

func (c clockwork) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	x, err := c.Net.Call(ctx, to, msg)
	for i, m := range c.Miners {
		if m.Hotkey() == to.Hotkey {
			x.Elapsed = time.Duration(i+1) * 100 * time.Millisecond
		}
	}
	return x, err
}

// life is a validator's over a few steps in which everything is the same in
// every run: who is asked, what they answer and how fast. In one step a UID
// changes hands, in one a window ends.
type life struct {
	*bench
	store *mortal
	cfg   validator.Config
}

func newLife(t *testing.T) *life {
	t.Helper()
	cfg := settings()
	cfg.UniformSize, cfg.MedianSize, cfg.MaxSize, cfg.SizeSigma = 0, 1<<20, 64, 1e-9 // all of 64 bytes
	cfg.RetrieveEvery, cfg.EpochBlocks, cfg.WindowEpochs, cfg.DropEpochs = 2, 10, 1, 1000
	b := newBench(t, 3, cfg)
	l := &life{bench: b, store: &mortal{groups: map[string]map[string][]byte{}, left: -1}, cfg: cfg}
	b.Index = index.New(l.store)
	l.restart()
	b.step(t, 2) // who holds what before the first audit is chance
	if err := b.Index.PutState(t.Context(), "validator/"+string(b.Asker.Address()), []byte(`{"v":2,"block":2,"steps":1,"window":1,"dropped":1,"uids":[]}`)); err != nil {
		t.Fatal(err)
	}
	b.amend(t, 0, func(s *index.Stats) { s.TotalSuccesses, s.Store = 600, index.Tally{Attempts: 100, Successes: 80} })
	b.Miners[1].Behave(fleettest.Liar, "Challenge", "Retrieve")
	b.Miners[2].Behave(fleettest.Failing, "Synapse")
	l.restart()
	return l
}

func (l *life) restart() { l.Validator = l.again(l.cfg, clockwork{l.Net}) }

// lifeBlocks are the blocks of a life.
var lifeBlocks = [...]uint64{3, 6, 9, 12}

// live makes one of its steps, and says whether the validator survived it.
func (l *life) live(t *testing.T, block uint64) bool {
	t.Helper()
	if block == 9 {
		l.Change(func(m *chain.Metagraph) { m.Neurons[2].RegisteredAt = 7 })
	}
	err := l.Step(t.Context(), l.advance(t, block))
	if err != nil && !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	return err == nil
}

// state is what a start would begin with.
func (l *life) state(t *testing.T) []incentive.Row[wallet.Address] {
	t.Helper()
	rows, err := l.saved(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// alike compares rows as far as sums in another order may differ, and what a miner
// without data is asked about: two losses of one datum are one.
func alike(a, b []incentive.Row[wallet.Address]) bool {
	return slices.EqualFunc(a, b, func(x, y incentive.Row[wallet.Address]) bool {
		near := math.Abs(x.Score-y.Score) < 1e-15 && (x.Possession.Debt > 0) == (y.Possession.Debt > 0)
		for _, r := range []*incentive.Row[wallet.Address]{&x, &y} {
			r.Score, r.Possession.Losses, r.Possession.Last, r.Possession.Debt = 0, 0, "", 0
		}
		return near && x == y
	})
}

// handedOver are rows after the change of hands and before its step's end.
func handedOver(rows []incentive.Row[wallet.Address]) []incentive.Row[wallet.Address] {
	rows = slices.Clone(rows)
	if len(rows) > 2 {
		rows[2] = incentive.Row[wallet.Address]{Hotkey: rows[2].Hotkey}
	}
	return rows
}

// A validator is killed between any two of its writes, and started again on what
// it left. It comes back with the scores of its last whole step, and when it does
// the step under way again, ends where one does that was never killed.
func TestAKillAtAnyInstantCostsOnlyTheStepUnderWay(t *testing.T) {
	l := newLife(t)
	begun := l.store.written()
	want := [][]incentive.Row[wallet.Address]{l.state(t)}
	var ends []int // writes after each step
	for _, block := range lifeBlocks {
		if !l.live(t, block) {
			t.Fatal("killed by nobody")
		}
		want, ends = append(want, l.state(t)), append(ends, l.store.written()-begun)
	}
	final := want[len(lifeBlocks)]
	if final[1].Score < 0.01 || final[1].Score <= final[2].Score || final[3].Failures != 4 || l.stats(t, 0).Tier != "Silver" {
		t.Fatalf("the life is not what it should be: %+v", final)
	}
	for kill := range ends[len(ends)-1] {
		t.Run(fmt.Sprint(kill), func(t *testing.T) {
			l := newLife(t)
			l.store.live(kill)
			killed := false
			for i, block := range lifeBlocks {
				if !killed && !l.live(t, block) {
					killed = true
					l.store.live(-1)
					l.restart()
					if got := l.state(t); !alike(got, want[i]) && !alike(got, handedOver(want[i])) {
						t.Fatalf("block %d: back with %+v, want %+v", block, got, want[i])
					}
				}
				if killed {
					l.live(t, block)
				}
				if got := l.state(t); !alike(got, want[i+1]) {
					t.Fatalf("block %d: %+v, want %+v", block, got, want[i+1])
				}
			}
		})
	}
}
