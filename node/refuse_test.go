package node

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// TestMinersThatRefusePassAllAudits runs a validator that challenges two of five
// miners a step, all of which refuse what is not due.
func TestMinersThatRefusePassAllAudits(t *testing.T) {
	dev, err := devchain.Open(devchain.Config{BlockTime: 100 * time.Millisecond, NetUID: 21}, devchain.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var ended []chan error
	run := func(part func(context.Context) error) {
		done := make(chan error, 1)
		ended = append(ended, done)
		go func() { done <- part(ctx) }()
	}
	run(dev.Run)
	key := func(name string) *wallet.Keypair {
		k := keypair(t, "//"+name)
		if err := dev.Register(t.Context(), keypair(t, "//Alice"), chain.NetUID(21), k.Address(), 0); err != nil {
			t.Fatal(err)
		}
		return k
	}
	ix, err := OpenIndex(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var miners []*Miner
	for i := range 5 {
		m, err := NewMiner(MinerConfig{
			Common: Common{Chain: dev, NetUID: 21, Hotkey: key(fmt.Sprint("Refuses", i)), Listen: "127.0.0.1:0", Dir: t.TempDir(), Door: wire.DoorConfig{RequestsPerWindow: -1}},
			Miner:  miner.Config{RefuseNotDue: true}, Due: DueConfig{Sample: 2},
		})
		if err != nil {
			t.Fatal(err)
		}
		miners = append(miners, m)
		run(m.Run)
	}
	for _, m := range miners { // from then on the same miners can be drawn
		<-m.Ready()
	}
	v, err := NewValidator(ValidatorConfig{
		Common: Common{Chain: dev, NetUID: 21, Hotkey: key("Refused"), Dir: t.TempDir()}, Index: ix,
		Validator: validator.Config{ChallengeSample: 2, UniformSize: 4 << 10, DisableWeights: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	run(v.Run)
	for nativeAudits(t, ix, miners) < 20 {
		if err := v.follower.WaitBlock(ctx, v.follower.Head().Number+1); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range miners {
		if got := m.Stats().NotDue; got != 0 {
			t.Errorf("%s: %d audits were not due", m.Hotkey(), got)
		}
	}
	cancel()
	stopped(t, ended, ix.Close, dev.Close)
}

// stopped waits for the parts of a network, and closes what they worked with.
func stopped(t *testing.T, ended []chan error, closers ...func() error) {
	t.Helper()
	for _, done := range ended {
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	for _, closer := range closers {
		if err := closer(); err != nil {
			t.Error(err)
		}
	}
}

// nativeAudits are how many there were, none of which may have failed.
func nativeAudits(t *testing.T, ix *index.Index, miners []*Miner) (native int) {
	t.Helper()
	for _, m := range miners {
		trials, err := ix.Trials(t.Context(), m.Hotkey())
		if err != nil {
			t.Fatal(err)
		}
		for _, trial := range trials {
			if !trial.Passed {
				t.Fatalf("%+v", trial)
			}
			if len(trial.Dossier) > 0 {
				native++
			}
		}
	}
	return native
}
