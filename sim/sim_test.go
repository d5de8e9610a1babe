package sim_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/sim"
)

// small is a network of the real one's size, in the eyes of few validators.
func small(seed uint64) sim.Config {
	c := sim.DefaultConfig()
	c.Validators, c.Days, c.Seed = 8, 3, seed
	return c
}

func run(t *testing.T, c sim.Config) *sim.Report {
	t.Helper()
	r, err := sim.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestThePlainSumPaysCheaters(t *testing.T) {
	c := small(1)
	c.Profile, c.Validators, c.Cheaters = "v3-plain", 2, []string{"fabricator"}
	r := run(t, c)
	if k := r.Kinds[len(r.Kinds)-1]; !r.Failed() || k.Kind != "fabricator" || *k.Share < 0.5 {
		t.Errorf("failed %v; %+v", r.Failed(), k)
	}
}

func TestTooFewMinersSaysHowManyItTakes(t *testing.T) {
	_, err := sim.Run(t.Context(), sim.Config{Miners: 24, Validators: 8, Days: 1})
	least := sim.LeastPerKind * len(sim.Kinds())
	honest := sim.LeastPerKind * (len(sim.Kinds()) - len(sim.Cheaters()))
	want := fmt.Sprintf("cannot be simulated: 24 miners, want %d to 4096: 3 of each of %d kinds; fewer cheaters want fewer miners, none %d",
		least, len(sim.Kinds()), honest)
	if !errors.Is(err, sim.ErrConfig) || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	run(t, sim.Config{Miners: honest, Validators: 1, Days: 1, Cheaters: []string{}})
}

func TestTheSameSeedGivesTheSameBytes(t *testing.T) {
	all := func(seed uint64, workers int) []byte {
		c := small(seed)
		c.Validators, c.Days, c.Workers = 3, 1, workers
		r := run(t, c)
		var b bytes.Buffer
		if err := json.NewEncoder(&b).Encode(r); err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Figures() {
			picture, err := f.Render("svg")
			if err != nil || len(picture) < 5_000 {
				t.Fatalf("%s: %d bytes, %v", f.Name, len(picture), err)
			}
			b.Write(picture)
		}
		return b.Bytes()
	}
	one := all(7, 1)
	if !bytes.Equal(one, all(7, 1)) || !bytes.Equal(one, all(7, 5)) {
		t.Error("the same seed gave other bytes")
	}
	if bytes.Equal(one, all(8, 1)) {
		t.Error("another seed gave the same bytes")
	}
}

func TestWhatCannotBePlayedIsRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*sim.Config)
		want   error
	}{
		{"few miners", func(c *sim.Config) { c.Miners = 20 }, sim.ErrConfig},
		{"many miners", func(c *sim.Config) { c.Miners = 5000 }, sim.ErrConfig},
		{"no validators", func(c *sim.Config) { c.Validators = 0 }, sim.ErrConfig},
		{"negative days", func(c *sim.Config) { c.Days = -1 }, sim.ErrConfig},
		{"a strange cheater", func(c *sim.Config) { c.Cheaters = []string{"saint"} }, sim.ErrKind},
		{"an honest cheater", func(c *sim.Config) { c.Cheaters = []string{"steady"} }, sim.ErrKind},
		{"a strange profile", func(c *sim.Config) { c.Profile = "v9" }, incentive.ErrProfile},
	} {
		cfg := small(1)
		c.change(&cfg)
		if _, err := sim.Run(t.Context(), cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestItEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, told := small(1), 0
	c.Progress = func(done, all int) {
		if told++; done != told || all != 3*9 {
			t.Errorf("%d of %d parts, told %d times", done, all, told)
		}
		if done == 6 {
			cancel()
		}
	}
	if _, err := sim.Run(ctx, c); !errors.Is(err, context.Canceled) || told > 6+2*2 {
		t.Errorf("%v after %d parts", err, told)
	}
}

func TestAShortRunLeavesStatementsOpen(t *testing.T) {
	c := small(1)
	c.Days, c.Validators, c.Cheaters = 1, 1, []string{}
	r := run(t, c)
	for i, want := range []sim.Verdict{sim.Open, sim.Open} { // climb, cheaters
		if got := r.Checks[i].Verdict; got != want {
			t.Errorf("%s: %s, %s", r.Checks[i].Statement, got, r.Checks[i].Figures)
		}
	}
	for _, k := range r.Kinds {
		for _, x := range []*float64{k.Share, k.Largest, k.Sank} {
			if x != nil && (math.IsNaN(*x) || math.IsInf(*x, 0)) {
				t.Error(fmt.Sprint(k))
			}
		}
	}
	r.Figures()
}
