package substrate

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/chaintest"
	"github.com/filetao/filetao/chain/substratetest"
)

// driven makes blocks when somebody waits for one, so that how long a test takes
// is nothing to the chain.
type driven struct {
	*Client
	n    *substratetest.Node
	subs sync.WaitGroup
}

func (d *driven) Subscribe(ctx context.Context) (<-chan chain.Block, error) {
	head, err := d.Head(ctx)
	if err != nil {
		return nil, err
	}
	blocks, err := d.Client.Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	out := make(chan chain.Block)
	d.subs.Go(func() {
		defer close(out)
		for last := head.Number; ; {
			if d.n.Head().Number == last {
				d.n.Step()
			}
			b, open := <-blocks
			if !open {
				return
			}
			last = b.Number
			select {
			case out <- b:
			case <-ctx.Done():
				return
			}
		}
	})
	return out, nil
}

// variant is a kind of node, and of client.
type variant struct {
	spec      uint32
	style     substratetest.Style
	finalized bool
}

// conforming starts a node whose subnet is as chaintest wants it, and a client.
func conforming(t *testing.T, v variant, commitReveal bool) chaintest.Subject {
	g := substratetest.DefaultGenesis()
	g.Rules.WeightsRateLimit, g.Rules.ServingRateLimit, g.Rules.MinStake = 20, 20, 10*chain.TAO
	if commitReveal {
		g.Rules.CommitReveal, g.Rules.Tempo = true, 40
	}
	n := substratetest.Start(t, substratetest.Config{
		Runtime: v.spec, Genesis: &g, Style: v.style, Instant: true,
	})
	d := &driven{Client: connect(t, Config{Endpoints: []string{n.URL()}, Finalized: v.finalized}), n: n}
	t.Cleanup(d.subs.Wait)
	return chaintest.Subject{
		Chain: d, NetUID: g.NetUID, Unknown: 9, Funded: devKey(t, "Alice"),
		Axon: chain.Axon{Version: 302, IP: netip.MustParseAddr("127.0.0.2"), Port: 8091, Protocol: 4},
	}
}

// The suite of all chains, over the wire and with each runtime's own encoding.
// By hash, weights can be committed under 218 and 300 only: 185 reveals without
// a salt, and its client refuses to commit. The pool of 218 tells too little
// stake to set weights by a code that means another thing since (3, no such
// subnet): there the block refuses them.
func TestConformance(t *testing.T) {
	for _, v := range []variant{
		{185, substratetest.Chopsticks, false}, {218, substratetest.Native, false}, {300, substratetest.Native, false},
		{300, substratetest.Chopsticks, true},
	} {
		t.Run(fmt.Sprintf("%+v", v), func(t *testing.T) {
			chaintest.Run(t, func(t *testing.T) chaintest.Subject { return conforming(t, v, false) })
			if v.spec == 185 {
				return
			}
			chaintest.RunCommitReveal(t, func(t *testing.T) chaintest.Subject { return conforming(t, v, true) })
		})
	}
}

// The pool's codes of early runtimes were others.
func TestTooLittleStakeByOldCodes(t *testing.T) {
	g := substratetest.DefaultGenesis()
	g.Rules.MinStake, g.Rules.CommitReveal = chain.TAO, true
	poor := devKey(t, "Charlie")
	g.Neurons = []substratetest.Neuron{{Hotkey: poor.Address(), Coldkey: substratetest.Alice}}
	n := substratetest.Start(t, substratetest.Config{Runtime: 218, Genesis: &g, Instant: true})
	c := connect(t, Config{Endpoints: []string{n.URL()}})
	row := []chain.Weight{{UID: 0, Value: 1}}
	for name, err := range map[string]error{
		"set":    c.SetWeights(t.Context(), poor, 1, row, 0),
		"reveal": c.RevealWeights(t.Context(), poor, 1, row, nil, 0),
	} {
		if !errors.Is(err, chain.ErrStakeTooLow) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
