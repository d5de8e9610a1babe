package validator_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// replace gives a miner's UID to another hotkey.
func (b *bench) replace(t *testing.T, i int, name string) wallet.Address {
	t.Helper()
	hotkey := fleettest.Key(t, name).Address()
	b.Change(func(m *chain.Metagraph) { m.Neurons[i+1].Hotkey = hotkey })
	return hotkey
}

// saved are the rows of the saved state.
func (b *bench) saved(ctx context.Context) (rows []incentive.Row[wallet.Address], err error) {
	data, err := b.Index.State(ctx, "validator/"+string(b.Asker.Address()))
	if err != nil {
		return nil, err
	}
	var state struct {
		UIDs []incentive.Row[wallet.Address] `json:"uids"`
	}
	return state.UIDs, json.Unmarshal(data, &state)
}

// known says whether the index has a record of a hotkey: statistics, trials, an
// open question.
func (b *bench) known(ctx context.Context, hotkey wallet.Address) (what []string, err error) {
	stats, err := b.Index.Stats(ctx, hotkey)
	if stats != (index.Stats{Hotkey: hotkey, RegisteredAt: stats.RegisteredAt}) {
		what = append(what, "statistics")
	}
	trials, trialsErr := b.Index.Trials(ctx, hotkey)
	if len(trials) > 0 {
		what = append(what, "trials")
	}
	_, pendingErr := b.Index.Pending(ctx, hotkey)
	if pendingErr == nil {
		what = append(what, "a question")
	} else if errors.Is(pendingErr, index.ErrNotFound) {
		pendingErr = nil
	}
	return what, errors.Join(err, trialsErr, pendingErr)
}

// veterans has miners with something of everything that must not be inherited.
func veterans(t *testing.T) *bench {
	t.Helper()
	cfg := settings()
	cfg.RetrieveEvery = 1
	b := newBench(t, 4, cfg)
	b.Change(func(m *chain.Metagraph) {
		for i := range m.Neurons {
			m.Neurons[i].RegisteredAt = uint64(i + 1)
		}
	})
	b.step(t, 3)
	for i, m := range b.Miners {
		m.Behave(fleettest.Failing, "Synapse")
		if i == 0 {
			m.Behave(fleettest.Liar, "Challenge")
		}
	}
	b.step(t, 6)
	for _, m := range b.Miners {
		if err := b.Index.UpdateStats(t.Context(), m.Hotkey(), func(s *index.Stats) error {
			s.Tier, s.TotalSuccesses, s.Shown, s.AtStart = "Silver", 600, 5<<30, 5<<30
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := b.Index.PutPending(t.Context(), index.Pending{Miner: m.Hotkey(), Hash: "7", Tries: 1, Question: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
		if what, err := b.known(t.Context(), m.Hotkey()); err != nil || len(what) != 3 {
			t.Fatal(what, err)
		}
	}
	rows, err := b.saved(t.Context())
	if err != nil || len(rows) != 5 {
		t.Fatal(rows, err)
	}
	for uid, r := range rows[1:] {
		if r.Score == 0 || r.Failures != 1 || r.Possession.Challenge == (incentive.Evidence{}) || r.Possession.Retrieve == (incentive.Evidence{}) {
			t.Fatalf("UID %d: %+v", uid+1, r)
		}
	}
	return b
}

// hands are ways in which UIDs change hands between two looks of a validator:
// what the metagraph becomes, and whose UIDs those were.
var hands = []struct {
	name   string
	change func(m *chain.Metagraph, name func(string) wallet.Address)
	uids   []chain.UID
	keep   bool // some old hotkey still has a UID, and what it holds
}{
	{"one", func(m *chain.Metagraph, name func(string) wallet.Address) { m.Neurons[1].Hotkey = name("x") }, []chain.UID{1}, false},
	{"several in one block", func(m *chain.Metagraph, name func(string) wallet.Address) {
		m.Neurons[1].Hotkey, m.Neurons[3].Hotkey, m.Neurons[4].Hotkey = name("x"), name("y"), name("z")
	}, []chain.UID{1, 3, 4}, false},
	{"to a UID of its own", func(m *chain.Metagraph, name func(string) wallet.Address) {
		n := m.Neurons[1]
		n.UID, n.RegisteredAt, m.Neurons[1].Hotkey = 5, 50, name("x")
		m.Neurons = append(m.Neurons, n)
	}, []chain.UID{1, 5}, true},
	{"to another's UID", func(m *chain.Metagraph, name func(string) wallet.Address) {
		m.Neurons[2].Hotkey, m.Neurons[1].Hotkey = m.Neurons[1].Hotkey, name("x")
	}, []chain.UID{1, 2}, true},
	{"exchanged", func(m *chain.Metagraph, _ func(string) wallet.Address) {
		m.Neurons[2].Hotkey, m.Neurons[1].Hotkey = m.Neurons[1].Hotkey, m.Neurons[2].Hotkey
		m.Neurons[2].RegisteredAt, m.Neurons[1].RegisteredAt = 50, 51
	}, []chain.UID{1, 2}, true},
	{"back to itself", func(m *chain.Metagraph, _ func(string) wallet.Address) { m.Neurons[1].RegisteredAt = 60 }, []chain.UID{1}, true},
	{"to nobody", func(m *chain.Metagraph, _ func(string) wallet.Address) { m.Neurons = m.Neurons[:4] }, []chain.UID{4}, false},
}

func TestAUIDThatChangesHandsStartsFromZero(t *testing.T) {
	for _, c := range hands {
		for _, down := range []bool{false, true} {
			name := c.name
			if down {
				name += ", while down"
			}
			t.Run(name, func(t *testing.T) {
				b := veterans(t)
				before, err := b.saved(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				check := func(e validator.Event) { b.checkHandover(t, e, before, c.uids, c.keep) }
				b.told = check
				if down {
					b.Validator = b.again(settings(), b.Net)
				}
				b.Change(func(m *chain.Metagraph) {
					c.change(m, func(s string) wallet.Address { return fleettest.Key(t, s).Address() })
				})
				b.step(t, 9)
				if n := len(b.seen(validator.TaskReplaced)); n != 1 {
					t.Errorf("%d events", n)
				}
				b.step(t, 12)
				if n := len(b.seen(validator.TaskReplaced)); n != 1 {
					t.Errorf("%d events after the next step", n)
				}
			})
		}
	}
}

// checkHandover looks at what is known when the event of it is told.
func (b *bench) checkHandover(t *testing.T, e validator.Event, before []incentive.Row[wallet.Address], uids []chain.UID, keep bool) {
	if e.Task != validator.TaskReplaced {
		return
	}
	if !slices.Equal(e.UIDs, uids) || len(e.Hotkeys) != len(uids) || len(e.Replaced) != len(uids) {
		t.Errorf("%+v", e)
		return
	}
	rows, err := b.saved(t.Context())
	if err != nil {
		t.Error(err)
	}
	for i, uid := range uids {
		if int(uid) < len(before) && (e.Replaced[i] != before[uid].Hotkey || e.Before[i] != before[uid].Score) || e.After[i] != 0 {
			t.Errorf("UID %d: %+v", uid, e)
		}
		for _, hotkey := range []wallet.Address{e.Hotkeys[i], e.Replaced[i]} {
			if hotkey == "" {
				continue
			}
			if what, err := b.known(t.Context(), hotkey); err != nil || len(what) > 0 {
				t.Errorf("of %s: %v, %v", hotkey, what, err)
			}
			if stored, err := b.Index.StoredBytes(t.Context(), hotkey); err != nil || !keep && stored != 0 {
				t.Errorf("%s holds %d, %v", hotkey, stored, err)
			}
		}
	}
	for uid, r := range rows {
		want := incentive.Row[wallet.Address]{Hotkey: r.Hotkey}
		if !slices.Contains(uids, chain.UID(uid)) {
			want = before[uid]
		}
		if r != want {
			t.Errorf("UID %d: %+v, want %+v", uid, r, want)
		}
	}
}

// What a hotkey holds goes with the hotkey, not with the UID.
func TestAHotkeyThatMovedKeepsItsData(t *testing.T) {
	b := veterans(t)
	gone, moved := b.Miners[1].Hotkey(), b.Miners[0].Hotkey()
	stored, err := b.Index.StoredBytes(t.Context(), moved)
	if err != nil || stored == 0 {
		t.Fatal(stored, err)
	}
	b.Miners[0].Behave(fleettest.Failing, "Store")
	b.Change(func(m *chain.Metagraph) {
		m.Neurons[2].Hotkey, m.Neurons[1].Hotkey = moved, fleettest.Key(t, "x").Address()
	})
	b.step(t, 9)
	if now, err := b.Index.StoredBytes(t.Context(), moved); now != stored || err != nil {
		t.Errorf("%d bytes, want %d, %v", now, stored, err)
	}
	if now, err := b.Index.StoredBytes(t.Context(), gone); now != 0 || err != nil {
		t.Errorf("the other still holds %d bytes, %v", now, err)
	}
	if want := []validator.Loss{{UID: 2, Hotkey: gone, Replaced: true}}; !slices.Equal(b.lost, want) {
		t.Errorf("lost %+v, want %+v", b.lost, want)
	}
}

// Deregistered, and registered again on another UID steps later.
func TestWhoComesBackIsANewcomer(t *testing.T) {
	b := veterans(t)
	back := b.Miners[0].Hotkey()
	b.replace(t, 0, "x")
	b.step(t, 9)
	// What a gateway's exchange that was under way wrote after that.
	if err := b.Index.UpdateStats(t.Context(), back, func(s *index.Stats) error { s.Tier, s.TotalSuccesses = "Silver", 600; return nil }); err != nil {
		t.Fatal(err)
	}
	b.told = func(e validator.Event) {
		if what, err := b.known(t.Context(), back); e.Task == validator.TaskReplaced && (err != nil || len(what) > 0) {
			t.Errorf("back with %v, %v", what, err)
		}
	}
	b.Change(func(m *chain.Metagraph) {
		m.Neurons = append(m.Neurons, chain.Neuron{UID: 5, Hotkey: back, RegisteredAt: 12, Axon: m.Neurons[1].Axon})
	})
	b.step(t, 12)
	if events := b.seen(validator.TaskReplaced); len(events) != 2 || !slices.Equal(events[1].UIDs, []chain.UID{5}) || events[1].Replaced[0] != "" {
		t.Errorf("%+v", events)
	}
}
