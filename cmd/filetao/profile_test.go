package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"

	"github.com/filetao/filetao/validator"
)

// TestRulesOfAFileReachTheSettings has options win over the file, and the file over
// what a command goes by otherwise.
func TestRulesOfAFileReachTheSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rules.json")
	if err := os.WriteFile(path, []byte(`{"base": "v2", "success": 3, "alpha": 0.2, "capacity": {"start": 5000, "growth": 4}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		alpha float64
		start int64
		tiers int
	}{
		{nil, 0.05, 1 << 30, 8},
		{[]string{"--profile", "v2"}, 0.05, 1 << 30, 5},
		{[]string{"--profile", path}, 0.2, 5000, 5},
		{[]string{"--profile", path, "--neuron.moving_average_alpha", "0.5", "--neuron.start_capacity", "7000"}, 0.5, 7000, 5},
	} {
		var p profileFlag
		cfg := validator.DefaultConfig()
		start := byteSize(cfg.Rules.Capacity.Start)
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		p.add(f)
		f.Float64Var(&cfg.Rules.Alpha, "neuron.moving_average_alpha", cfg.Rules.Alpha, "")
		f.Var(&start, "neuron.start_capacity", "")
		if err := f.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		if err := p.settle(&cfg); err != nil {
			t.Fatal(err)
		}
		if r := cfg.Rules; r.Alpha != c.alpha || int64(start) != c.start || len(r.Tiers) != c.tiers || (r.Success == 3) != (r.Capacity.Growth == 4) {
			t.Errorf("%v: %+v, start %d", c.args, r, start)
		}
	}
}
