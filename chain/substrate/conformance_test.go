package substrate

import (
	"context"
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

// conforming starts a node whose subnet is as chaintest wants it, and a client.
func conforming(t *testing.T, spec uint32, commitReveal bool) chaintest.Subject {
	g := substratetest.DefaultGenesis()
	g.Rules.WeightsRateLimit, g.Rules.ServingRateLimit, g.Rules.MinStake = 20, 20, 10*chain.TAO
	if commitReveal {
		g.Rules.CommitReveal, g.Rules.Tempo = true, 40
	}
	n := substratetest.Start(t, substratetest.Config{Runtime: spec, Genesis: &g, Instant: true, LateChecks: spec == 218 && !commitReveal})
	d := &driven{Client: connect(t, Config{Endpoints: []string{n.URL()}}), n: n}
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
	for _, spec := range []uint32{185, 218, 300} {
		t.Run(fmt.Sprint(spec), func(t *testing.T) {
			t.Parallel()
			chaintest.Run(t, func(t *testing.T) chaintest.Subject { return conforming(t, spec, false) })
			if spec == 185 {
				return
			}
			chaintest.RunCommitReveal(t, func(t *testing.T) chaintest.Subject { return conforming(t, spec, true) })
		})
	}
}
