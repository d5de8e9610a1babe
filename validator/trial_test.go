package validator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wire"
)

// spoil changes a byte of all that the first miner has.
func spoil(_ *testing.T, c *court) {
	for _, hash := range c.Miners[0].Holds() {
		c.Miners[0].Bytes(hash)[0] ^= 1
	}
}

// lose has the first miner lose all.
func lose(t *testing.T, c *court) {
	for _, hash := range c.Miners[0].Holds() {
		if _, err := c.Net.Call(t.Context(), wire.Peer{Hotkey: c.Miners[0].Hotkey()}, &wire.Delete{DataHash: hash}); err != nil {
			t.Fatal(err)
		}
	}
}

// What an operator reads of every way to pass and to fail.
func TestTrialsSayWhy(t *testing.T) {
	as := func(b fleettest.Behaviour) func(*testing.T, *court) {
		return func(_ *testing.T, c *court) { c.Miners[0].Behave(b, "Challenge", "Audit", "Retrieve") }
	}
	for _, k := range []struct {
		message, want string
		spoil         func(*testing.T, *court)
	}{
		{"Challenge", "passed: a piece of ", as(fleettest.Honest)},
		{"Audit", "passed: the only block proven in ", as(fleettest.Honest)},
		{"Retrieve", "passed: all ", as(fleettest.Honest)},
		{"Challenge", "failed: the piece is not the one that was stored; the disk", as(fleettest.Liar)},
		{"Audit", "failed: the proof over the only block is wrong: a block or its tag", spoil},
		{"Retrieve", "failed: what came back is not what was stored (", as(fleettest.Liar)},
		{"Challenge", "failed: the miner does not have the data", lose},
		{"Audit", `or does not know the question any more (status 404: "failed")`, lose},
		{"Retrieve", "Does it run on the folder that it stored the data in?", lose},
		{"Challenge", `failed: an error came in the place of an answer (status 500: "failed")`, as(fleettest.Failing)},
		{"Audit", "The miner's log says more", as(fleettest.Failing)},
	} {
		t.Run(k.message+" "+k.want, func(t *testing.T) {
			cfg := settings()
			cfg.StoreSample, cfg.RetrieveEvery = 1, 1
			c := newCourt(t, 1, cfg)
			if k.message == "Audit" {
				c.Miners[0].Behave(fleettest.Honest, "Tags", "Audit")
			}
			c.Miners[0].Behave(fleettest.Honest)
			c.next(t, 0)
			c.Miners[0].Behave(fleettest.Failing, "Store")
			k.spoil(t, c)
			c.next(t, time.Second)
			task := map[string]string{"Retrieve": "retrieve"}[k.message]
			if task == "" {
				task = "challenge"
			}
			for _, got := range c.trials(t, 0) {
				if got.Task != task || !got.Asked.Equal(c.clock()) {
					continue
				}
				if !strings.Contains(got.Reason, k.want) || got.Passed != strings.HasPrefix(k.want, "passed") ||
					len(got.Reason) > 400 || got.Tries != 1 || got.Block != c.block || got.Size == 0 || got.Replica == "" {
					t.Errorf("%+v", got)
				}
				checkDossier(t, got, k.message == "Audit")
				return
			}
			t.Errorf("no such trial in %+v", c.trials(t, 0))
		})
	}
}

// checkDossier wants a dossier of native audits that says what the trial says,
// and nothing that refutes it.
func checkDossier(t *testing.T, trial index.Trial, native bool) {
	t.Helper()
	if !native {
		if trial.Dossier != nil {
			t.Errorf("a dossier of what nobody signed: %s", trial.Dossier)
		}
		return
	}
	d, err := receipt.ParseDossier(trial.Dossier)
	if err != nil {
		t.Fatal(err)
	}
	if (d.Verdict == receipt.Passed) != trial.Passed || d.Reason != trial.Reason || d.Tries != trial.Tries ||
		!d.Asked.Equal(trial.Asked) || !d.Settled.Equal(trial.Settled) {
		t.Errorf("%+v in %+v", d, trial)
	}
	want := receipt.Open // a pass, whose key stays secret, or silence
	if !trial.Passed && len(d.Proof) > 0 {
		want = receipt.Confirmed
	}
	if f := d.Judge(); f.Ruling != want {
		t.Errorf("the dossier is %s, want %s: %q", f.Ruling, want, f.Reasons)
	}
}

// A cheater that keeps half of its data, and says nothing when it is asked for
// the rest, fails from the first time on that it is asked for the rest.
func TestWhoAnswersSomeFailsTheOthers(t *testing.T) {
	cfg := settings()
	cfg.Repeats = []time.Duration{time.Second, time.Second, time.Second}
	c := newCourt(t, 3, cfg)
	kept := func(hash string) bool { return hash != "" && hash[len(hash)-1]%2 == 0 }
	c.set(func(a ask) fate {
		if hash, _, _ := strings.Cut(a.text, " "); a.miner == c.Miners[0].Hotkey() && a.text != "" && !kept(hash) {
			return unreached
		}
		return through
	})
	for range 60 {
		c.next(t, time.Second)
	}
	failed, passed := 0, 0
	for _, trial := range c.trials(t, 0) {
		if trial.Passed != kept(trial.Replica) {
			t.Errorf("%+v", trial)
		}
		if trial.Passed {
			passed++
		} else if failed++; trial.Tries != 4 || passed > 0 {
			t.Errorf("asked %d times, %d audits passed later: %s", trial.Tries, passed, trial.Reason)
		}
	}
	if failed < 8 {
		t.Errorf("%d failed and %d passed", failed, passed)
	}
}

// Over random schedules of loss and pauses: a miner that answers whenever it is
// reached, and is at least once in four, fails nothing, every audit is counted
// once, and none is forgotten.
func TestNobodyIsFailedForLostMessages(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 4))
			cfg := settings()
			cfg.RetrieveEvery = 3
			c := newCourt(t, 3, cfg)
			c.Miners[1].Behave(fleettest.Honest, "Tags", "Audit")
			lossy := 0.2 + 0.6*random.Float64()
			missed := map[string]int{} // questions in a row, by text
			c.set(func(a ask) fate {
				is := through
				if random.Float64() < lossy {
					is = unreached + fate(random.IntN(2))
				}
				if a.text != "" {
					if missed[a.text]++; missed[a.text] > 3 {
						is = through
					}
				} else if a.name != "Synapse" {
					is = through
				}
				return is
			})
			for range 40 {
				if random.IntN(5) == 0 {
					c.restart()
				}
				c.next(t, time.Duration(random.Int64N(int64(8*time.Minute))))
			}
			for i := range c.Miners {
				c.checkHonest(t, i)
			}
		})
	}
}

// checkHonest wants all of a miner's audits passed, each counted and rewarded
// once.
func (c *court) checkHonest(t *testing.T, i int) {
	t.Helper()
	s := c.stats(t, i)
	if s.Challenge.Attempts != s.Challenge.Successes || s.Retrieve.Attempts != s.Retrieve.Successes || s.Challenge.Attempts == 0 {
		t.Errorf("miner %d: %+v", i, s)
	}
	challenges, _ := c.judged(i, validator.TaskChallenge)
	retrievals, _ := c.judged(i, validator.TaskRetrieve)
	trials := c.trials(t, i)
	if uint64(challenges) != s.Challenge.Attempts || uint64(retrievals) != s.Retrieve.Attempts || len(trials) == 0 ||
		trials[0].ID != s.Challenge.Attempts+s.Retrieve.Attempts {
		t.Errorf("miner %d: %+v, in %d and %d events, latest trials %+v", i, s, challenges, retrievals, trials[:min(1, len(trials))])
	}
	for _, trial := range trials {
		if !trial.Passed || !strings.HasPrefix(trial.Reason, "passed: ") || trial.Tries > 4 {
			t.Errorf("miner %d: %+v", i, trial)
		}
	}
	if p, err := c.Index.Pending(t.Context(), c.Miners[i].Hotkey()); err == nil {
		if p.Tries > 3 || !json.Valid(p.Question) {
			t.Errorf("miner %d: %+v", i, p)
		}
	} else if !errors.Is(err, index.ErrNotFound) {
		t.Error(err)
	}
}
