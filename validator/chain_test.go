package validator_test

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// openChain is an embedded chain on which the asker validates and the miners
// serve, making a block every 50 ms until the test ends.
func openChain(t *testing.T, net *fleettest.Net) *devchain.Devchain {
	t.Helper()
	owner := fleettest.Key(t, "owner")
	rules := devchain.DefaultHyperparameters()
	rules.Tempo, rules.WeightsRateLimit, rules.ServingRateLimit = 10, 0, 0
	dev, err := devchain.Open(devchain.Config{
		BlockTime: 50 * time.Millisecond, NetUID: 21, Hyperparameters: rules,
		Genesis: map[wallet.Address]chain.Rao{owner.Address(): 1_000_000 * chain.TAO},
	}, devchain.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := dev.Run(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(dev.Register(t.Context(), owner, 21, net.Asker.Address(), 0))
	must(dev.AddStake(t.Context(), owner, 21, net.Asker.Address(), 5000*chain.TAO))
	for i, m := range net.Miners {
		must(dev.Register(t.Context(), owner, 21, m.Hotkey(), 0))
		must(dev.ServeAxon(t.Context(), m.Key(), 21, net.Neuron(i).Axon))
	}
	return dev
}

// On a chain with blocks, epochs and signed transactions, over sockets: who
// keeps data earns, who lies does not.
func TestWeightsReachTheChain(t *testing.T) {
	net := fleettest.New(t, 4)
	client := net.Serve(t)
	net.Miners[3].Behave(fleettest.Liar)
	dev := openChain(t, net)
	follower := chain.NewFollower(chain.FollowerConfig{NetUID: 21}, chain.FollowerDeps{Chain: dev})
	cfg := settings()
	cfg.EpochBlocks = 20
	v := validator.New(cfg, validator.Deps{
		Key: net.Asker, Chain: dev, Follower: follower, Index: net.Index,
		Fleet: fleet.New(fleet.Config{}, fleet.Deps{
			Transport: client, Index: net.Index, Metagraph: follower.Metagraph, Rand: rand.Reader, Key: net.Asker,
		}),
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = follower.Run(ctx) })
	wg.Go(func() {
		if err := v.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	blocks := 0
	for range follower.Blocks(t.Context()) {
		m := follower.Metagraph()
		if m.Neurons[1].Incentive > 0 && m.Neurons[2].Incentive > 0 && m.Neurons[3].Incentive > 0 {
			if m.Neurons[4].Incentive > m.Neurons[1].Incentive/4 {
				t.Errorf("the liar earns %d, an honest miner %d", m.Neurons[4].Incentive, m.Neurons[1].Incentive)
			}
			return
		}
		if blocks++; blocks > 1200 {
			t.Fatalf("no incentive after %d blocks: scores %v", blocks, v.Scores())
		}
	}
}
