package validator_test

import (
	"crypto/rand"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/validator"
)

// beside is another validator over the same index.
func (b *bench) beside(t *testing.T, cfg validator.Config) *validator.Validator {
	t.Helper()
	key := fleettest.Key(t, "second validator")
	return validator.New(cfg, validator.Deps{
		Key: key, Chain: b.chain, Follower: b.follower, Index: b.Index, Now: b.clock,
		Fleet: fleet.New(fleet.Config{}, fleet.Deps{
			Transport: b.Net, Index: b.Index, Metagraph: b.follower.Metagraph, Rand: rand.Reader, Now: b.clock, Key: key,
		}),
	})
}

// A validator that was down sees late who was registered meanwhile. It gives them
// no score, and leaves them what they have earned since in the eyes of another
// one that shares its index, which was there, or began after the registration.
func TestAValidatorThatWasDownResetsNobodyTwice(t *testing.T) {
	cfg := settings()
	cfg.RetrieveEvery = 1
	for _, c := range []struct {
		name   string
		change func(*chain.Metagraph)
	}{
		{"another hotkey", func(m *chain.Metagraph) {
			m.Neurons[1].Hotkey, m.Neurons[1].RegisteredAt = m.Neurons[4].Hotkey, 5
			m.Neurons[4].Hotkey, m.Neurons[4].RegisteredAt = fleettest.Key(t, "x").Address(), 5
		}},
		{"the same again", func(m *chain.Metagraph) { m.Neurons[1].RegisteredAt = 5 }},
	} {
		for _, there := range []bool{true, false} {
			b := newBench(t, 4, cfg)
			b.Change(func(m *chain.Metagraph) {
				for i := range m.Neurons {
					m.Neurons[i].RegisteredAt = 1
				}
			})
			first, second := b.Validator, b.beside(t, cfg)
			step := func(v *validator.Validator, block uint64) {
				t.Helper()
				if err := v.Step(t.Context(), b.advance(t, block)); err != nil {
					t.Fatal(err)
				}
			}
			if there {
				step(first, 3)
			}
			step(second, 4)
			step(second, 5)
			b.Change(c.change)
			for block := uint64(6); block < 15; block += 3 {
				step(first, block)
			}
			i := 0
			if hotkey := b.Neuron(0).Hotkey; hotkey != b.Miners[0].Hotkey() {
				i = 3
			}
			b.owing(t, i)
			before := b.stats(t, i)
			trials, err := b.Index.Trials(t.Context(), b.Miners[i].Hotkey())
			must(t, err)
			if before.TotalSuccesses < 5 || before.RegisteredAt != 5 || len(trials) < 3 {
				t.Fatalf("%s: %+v and %d trials show nothing", c.name, before, len(trials))
			}
			step(second, 15)
			if scores := second.Scores(); scores[1] > scores[2]/2 {
				t.Errorf("%s: the newcomer has a score of %v", c.name, scores)
			}
			if after := b.stats(t, i); after.TotalSuccesses < before.TotalSuccesses || after.Store.Attempts < before.Store.Attempts {
				t.Errorf("%s, first there %v: %+v became %+v", c.name, there, before, after)
			}
			if what, err := b.known(t.Context(), b.Miners[i].Hotkey()); err != nil || len(what) != 3 {
				t.Errorf("%s, first there %v: left are %v, %v", c.name, there, what, err)
			}
		}
	}
}
