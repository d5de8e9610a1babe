package validator_test

import (
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
)

// hushed has the first miner hold some data and be silent, of what it is asked by
// audits, about one datum, whose hash it returns: the one that it was asked about
// first. After that it has failed once.
func hushed(t *testing.T, c *court) (hash string) {
	t.Helper()
	for range 6 {
		c.next(t, time.Second)
	}
	c.set(c.only(0, "Challenge", unreached))
	c.next(t, time.Second)
	p, owes := c.owes(t, 0)
	if !owes {
		t.Fatal("it owes nothing")
	}
	h, err := c.Index.Holding(t.Context(), p.Miner, p.Hash)
	must(t, err)
	c.set(func(a ask) fate {
		if about, _, _ := strings.Cut(a.text, " "); a.miner == c.Miners[0].Hotkey() && about == h.Replica {
			return unreached
		}
		return through
	})
	c.silence(t)
	return p.Hash
}

// silence lets the time pass in which the first miner has to answer a question
// that was put.
func (c *court) silence(t *testing.T) {
	t.Helper()
	for _, pause := range c.cfg.Repeats {
		c.next(t, pause)
	}
	if got := c.trials(t, 0)[0]; got.Passed || got.Tries != 4 {
		t.Fatalf("not failed by silence: %+v", got)
	}
}

// holds says whether the index has that the first miner holds a datum.
func (c *court) holds(t *testing.T, hash string) bool {
	t.Helper()
	_, err := c.Index.Holding(t.Context(), c.Miners[0].Hotkey(), hash)
	return err == nil
}

func hushing() validator.Config {
	cfg := settings()
	cfg.Repeats = []time.Duration{time.Second, time.Second, time.Second}
	return cfg
}

// Who is silent about a datum is asked about nothing else, by new questions, across
// restarts and the dropping of random data, until it answers. Meanwhile it is given
// data as ever.
func TestSilenceAboutADatumIsNotForgotten(t *testing.T) {
	c := newCourt(t, 3, hushing())
	hash := hushed(t, c)
	texts := map[string]bool{}
	stored := c.stats(t, 0).TotalSuccesses
	const more = 40 // than the trials that are kept
	for i := range more {
		if i%7 == 0 {
			c.restart()
		}
		if i == more/2 {
			c.block = 3600 - 3 // random data is dropped
		}
		c.next(t, time.Second)
		if p, owes := c.owes(t, 0); !owes || p.Hash != hash || p.Tries != 1 || texts[string(p.Question)] {
			t.Fatalf("after %d silences it owes %+v, %v", i, p, owes)
		} else {
			texts[string(p.Question)] = true
		}
		c.silence(t)
	}
	for range 40 { // the dropping is over
		c.next(t, time.Second)
	}
	if !c.holds(t, hash) || c.random(t, 0, c.start.Add(20*time.Second)) != 1 {
		t.Errorf("held %v, of the first %d data are left", c.holds(t, hash), c.random(t, 0, c.start.Add(20*time.Second)))
	}
	if now := c.stats(t, 0).TotalSuccesses; now < stored+more {
		t.Errorf("%d stores became %d", stored, now)
	}
	for i := range c.Miners[1:] {
		if s := c.stats(t, i+1); s.Challenge.Attempts < 10 || s.Challenge.Successes != s.Challenge.Attempts {
			t.Errorf("miner %d: %+v", i+1, s.Challenge)
		}
	}
}

// A miner that was down for hours answers the first question when it is back, and
// is asked about others again.
func TestWhoIsBackFromSilenceIsAskedAsBefore(t *testing.T) {
	c := newCourt(t, 3, settings())
	for range 6 {
		c.next(t, time.Second)
	}
	c.set(func(a ask) fate {
		if a.miner == c.Miners[0].Hotkey() {
			return unreached
		}
		return through
	})
	for began := c.elapsed(); c.elapsed() < began+3*time.Hour; {
		c.next(t, time.Minute)
	}
	failed := c.stats(t, 0).Challenge
	owed := c.trials(t, 0)[0].Hash
	c.set(nil)
	for c.next(t, time.Minute); ; c.next(t, time.Minute) {
		if _, owes := c.owes(t, 0); !owes { // what was put while it was down
			break
		}
	}
	back := c.elapsed()
	if got := c.trials(t, 0)[0]; !got.Passed || got.Hash != owed {
		t.Fatalf("%+v about %s", got, owed)
	}
	others := 0
	for range 20 {
		c.next(t, time.Minute)
		if got := c.trials(t, 0)[0]; got.Hash != owed {
			others++
		}
	}
	// Three hours are eight times 21 minutes; after that it fails nothing.
	now := c.stats(t, 0).Challenge
	if n := failed.Attempts - failed.Successes; now.Attempts-now.Successes != n || n > 9 {
		t.Errorf("%+v became %+v", failed, now)
	}
	if others < 10 {
		t.Errorf("%d of 20 audits since %v are about others", others, back)
	}
}

// What is not held any more is not asked about, and neither is what was proven to
// be lost.
func TestSilenceEndsWithTheDatum(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *court, string){
		"removed": func(t *testing.T, c *court, hash string) {
			must(t, c.Index.RemoveHolding(t.Context(), c.Miners[0].Hotkey(), hash))
		},
		"expired": func(t *testing.T, c *court, hash string) {
			h, err := c.Index.Holding(t.Context(), c.Miners[0].Hotkey(), hash)
			must(t, err)
			h.TTL = c.clock().Add(time.Second).Sub(h.Stored)
			must(t, c.Index.PutHolding(t.Context(), h))
		},
		"lost": func(t *testing.T, c *court, _ string) {
			c.set(nil)
			lose(t, c)
			c.next(t, time.Second)
			if got := c.trials(t, 0); got[0].Passed && got[1].Passed {
				t.Errorf("%+v", got[0])
			}
		},
		"never asked about again": func(_ *testing.T, c *court, _ string) { c.pass(8 * 24 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCourt(t, 3, hushing())
			hash := hushed(t, c)
			end(t, c, hash)
			asked := len(c.of(c.Miners[0].Hotkey(), "Challenge", 0))
			for range 4 {
				c.next(t, time.Second)
				if p, owes := c.owes(t, 0); owes && p.Hash == hash && name != "never asked about again" {
					t.Fatal("asked about it again")
				}
			}
			if n := len(c.of(c.Miners[0].Hotkey(), "Challenge", 0)); n < asked+3 {
				t.Errorf("%d questions in 4 steps", n-asked)
			}
		})
	}
}

// Of two data the one that it was asked about longest ago comes first, so that
// neither falls out of the trials.
func TestTwoSilencesAreAskedAboutInTurn(t *testing.T) {
	c := newCourt(t, 3, hushing())
	hash := hushed(t, c)
	first := c.trials(t, 0)[0]
	var other string
	for h, err := range c.Index.Holdings(t.Context(), c.Miners[0].Hotkey(), index.Random) {
		must(t, err)
		if h.Hash != hash {
			other = h.Hash
		}
	}
	second := first
	second.Hash, second.Dossier, second.Asked = other, nil, c.clock()
	must(t, c.Index.Settle(t.Context(), second))
	c.set(c.only(0, "Challenge", unreached))
	for _, want := range []string{hash, other, hash, other} {
		c.next(t, time.Second)
		if p, owes := c.owes(t, 0); !owes || p.Hash != want {
			t.Fatalf("owes %+v, want it about %s", p, want)
		}
		c.silence(t)
	}
}

// What a miner was asked about lately is asked about less: of 32 trials over 40
// data of each of six miners, some 174 are about different ones, and not 132.
func TestRecentDataIsAskedAboutLess(t *testing.T) {
	if validator.Weight(3200, false) != 3200 || validator.Weight(3200, true) != 200 || validator.Weight(5, true) != 1 || validator.Weight(0, false) != 0 {
		t.Error("weights")
	}
	cfg := settings()
	cfg.UniformSize, cfg.MedianSize, cfg.SizeSigma, cfg.RetrieveEvery = 0, 1000, 1e-9, 1<<30
	c := newCourt(t, 6, cfg)
	for range 40 {
		c.next(t, time.Second)
	}
	c.set(func(a ask) fate {
		if a.name == "Store" {
			return unreached
		}
		return through
	})
	for range 36 {
		c.next(t, time.Second)
	}
	different := 0
	for i := range c.Miners {
		seen := map[string]bool{}
		for _, trial := range c.trials(t, i) {
			seen[trial.Hash] = true
		}
		different += len(seen)
	}
	if different < 153 {
		t.Errorf("%d different data", different)
	}
}
