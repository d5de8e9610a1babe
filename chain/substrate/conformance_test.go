package substrate

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/chaintest"
	"github.com/filetao/filetao/chain/substratetest"
)

// conforming starts a node whose subnet is as chaintest wants it, and a client.
func conforming(t *testing.T, spec uint32, commitReveal bool) chaintest.Subject {
	g := substratetest.DefaultGenesis()
	g.Rules.WeightsRateLimit, g.Rules.ServingRateLimit, g.Rules.MinStake = 20, 20, 10*chain.TAO
	if commitReveal {
		g.Rules.CommitReveal, g.Rules.Tempo = true, 40
	}
	tick := time.NewTicker(8 * time.Millisecond)
	t.Cleanup(tick.Stop)
	n := substratetest.Start(t, substratetest.Config{Runtime: spec, Genesis: &g, Ticks: tick.C, LateChecks: spec == 218 && !commitReveal})
	return chaintest.Subject{
		Chain: connect(t, Config{Endpoints: []string{n.URL()}}), NetUID: g.NetUID, Unknown: 9, Funded: devKey(t, "Alice"),
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
