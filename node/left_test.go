package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// TestPaceForgetsAStop asks a chain that stood still for five minutes.
func TestPaceForgetsAStop(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	at := func(_ context.Context, n uint64) (chain.Block, error) {
		b := chain.Block{Number: n, Time: start.Add(time.Duration(n) * 12 * time.Second)}
		if n > 170 {
			b.Time = b.Time.Add(5 * time.Minute)
		}
		return b, nil
	}
	for head, want := range map[uint64]time.Duration{1: 0, 2: 12 * time.Second, 7: 12 * time.Second, 49: 12 * time.Second, 190: 12 * time.Second} {
		b, _ := at(t.Context(), head)
		if got := Pace(t.Context(), at, b); got != want {
			t.Errorf("at block %d: %v, want %v", head, got, want)
		}
	}
	lost := func(context.Context, uint64) (chain.Block, error) { return chain.Block{}, errors.New("no such block") }
	if got := Pace(t.Context(), lost, chain.Block{Number: 99, Time: start}); got != 0 {
		t.Errorf("of a chain that says nothing: %v", got)
	}
}

// TestAuditsSayThePace has no chain: audits every third block of 2 s, and a night
// between two of them.
func TestAuditsSayThePace(t *testing.T) {
	ix, err := OpenIndex(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	miner, at := address(t, "Paced"), time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	if err := ix.UpdateStats(t.Context(), miner, func(s *index.Stats) error { s.TotalSuccesses = 1; return nil }); err != nil {
		t.Fatal(err)
	}
	for i := range 8 {
		if at = at.Add(6 * time.Second); i == 5 {
			at = at.Add(9 * time.Hour)
		}
		if err := ix.Settle(t.Context(), index.Trial{Miner: miner, Task: "challenge", Hash: fmt.Sprint(i), Block: uint64(3 * i), Asked: at, Settled: at, Tries: 1, Passed: true}); err != nil {
			t.Fatal(err)
		}
	}
	hours := func(v View) float64 {
		v.Index = ix
		rows, err := v.Miners(t.Context())
		if err != nil || len(rows) != 1 || rows[0].Next == nil {
			t.Fatalf("%+v, %v", rows, err)
		}
		return *rows[0].Next.Hours
	}
	if got, want := hours(View{}), hours(View{BlockTime: 2 * time.Second}); !same(got, want) {
		t.Errorf("%v hours, want %v", got, want)
	}
	x, err := View{Index: ix}.Explain(t.Context(), Whom{Hotkey: miner, UID: -1})
	if err != nil || x.BlockSeconds != 2 || !same(*x.Miner.Next.Hours, hours(View{BlockTime: 2 * time.Second})) {
		t.Errorf("%+v, %v", x, err)
	}
}

// TestAStoppedValidatorIsShownAsItRan compares what its folder says with what it
// said itself.
func TestAStoppedValidatorIsShownAsItRan(t *testing.T) {
	dev, key := newChain(t)
	ix, _, _ := audited(t)
	if err := ix.UpdateStats(t.Context(), key.Address(), func(s *index.Stats) error { s.TotalSuccesses = 1; return nil }); err != nil {
		t.Fatal(err)
	}
	dir, cfg := t.TempDir(), validator.Config{BlocksPerStep: 1, ChallengeSample: 4, DisableWeights: true}
	v, err := NewValidator(ValidatorConfig{Common: Common{Chain: dev, NetUID: 21, Hotkey: key, Dir: dir}, Index: ix, Validator: cfg})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	<-v.Ready()
	for v.Role.Scores() == nil || len(v.Role.Scores()) < 1 {
		if err := v.follower.WaitBlock(ctx, v.follower.Head().Number+1); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	view, err := Left(dir)
	if err != nil || view.Self != key.Address() || view.Config.ChallengeSample != 4 || view.Config.BlocksPerStep != 1 || view.Config.StoreSample != 15 {
		t.Fatalf("%+v, %v", view, err)
	}
	view.Index = ix
	rows, err := view.Miners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	row := func(of wallet.Address) (r MinerRow) {
		for _, r = range rows {
			if r.Hotkey == of {
				return r
			}
		}
		t.Fatalf("no row of %s", of)
		return r
	}
	if r := row(key.Address()); r.UID == nil || r.Score == nil || *r.Score != v.Role.Scores()[*r.UID] {
		t.Errorf("%+v", r)
	}
	view.Metagraph = &chain.Metagraph{Neurons: []chain.Neuron{{UID: 0, Hotkey: address(t, "Newer")}}}
	if got, err := view.settled().withSaved(t.Context()); err != nil || len(got.Scores) != 1 || got.Scores[0] != 0 {
		t.Errorf("a UID that changed hands has %v, %v", got.Scores, err)
	}
	if err := os.WriteFile(filepath.Join(dir, leftFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Left(dir); err == nil {
		t.Error("a damaged file is read")
	}
}
