package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
	"github.com/filetao/filetao/validator"
)

// working runs a miner, Dave, and Bob's validator with a score for it, until
// Bob's weights are on the chain.
func (s *tensor) working() (*Miner, *Validator) {
	s.Helper()
	s.register("Dave")
	m := s.miner("Dave", nil)
	ix := s.index()
	s.seed(ix, "Bob", map[string]float64{"Dave": .5, "Charlie": .25})
	v := s.validator("Bob", ix, validator.Config{BlocksPerStep: 1 << 30, EpochBlocks: 5})
	s.weighs(1, 65535)
	return m, v
}

// weighs waits until Bob has sent that many rows of weights, the last of them
// giving Dave so much and Charlie the half of 65535.
func (s *tensor) weighs(times int, dave uint16) {
	s.Helper()
	want := []chain.Weight{{UID: 1, Value: 32768}, {UID: 2, Value: dave}}
	s.await(fmt.Sprintf("weights, %d times", times), func() bool {
		return len(s.sent("Bob", "set_weights")) >= times && slices.Equal(s.node.Weights(s.net)[0], want)
	})
	for _, x := range s.sent("Bob", "set_weights") {
		if x.Failure != "" {
			s.Errorf("weights in block %d failed: %s", x.Block, x.Failure)
		}
	}
}

// TestNodesThroughAnUpgrade: nodes that run while the chain's runtime is
// replaced notice it by themselves.
func TestNodesThroughAnUpgrade(t *testing.T) {
	for _, step := range [][2]uint32{{185, 218}, {218, 300}, {185, 300}} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			t.Parallel()
			s := newTensor(t, substratetest.Config{Runtime: step[0], Genesis: seated(as)})
			m, v := s.working()
			s.held.Lock()
			s.node.Upgrade(step[1])
			upgraded := s.node.Step().Number
			s.held.Unlock()
			before := len(s.sent("Bob", "set_weights"))
			s.weighs(before+2, 65535)
			s.register("Eve")
			s.miner("Eve", nil)
			for _, n := range []*Node{m.Node, v.Node} {
				if err := n.follower.WaitBlock(t.Context(), upgraded+5); err != nil {
					t.Fatal(err)
				}
				s.await("Eve's axon", func() bool {
					eve, ok := n.Metagraph().ByHotkey(s.key("Eve").Address())
					return ok && eve.Axon.Serving()
				})
			}
			if got, ok := m.Metagraph().ByUID(0); !ok || got.Stake < 100*chain.TAO || got.Hotkey != bob {
				t.Errorf("after the upgrade Bob is %+v", got)
			}
		})
	}
}

// TestNodesThroughAReorganisation: blocks that are replaced by others, with what
// the nodes had in them, stop nobody.
func TestNodesThroughAReorganisation(t *testing.T) {
	for _, spec := range []uint32{185, 218, 300} {
		t.Run(fmt.Sprint(spec), func(t *testing.T) {
			t.Parallel()
			s := newTensor(t, substratetest.Config{Runtime: spec, Genesis: seated(as), FinalityLag: 12})
			m, v := s.working()
			for range 3 {
				before := len(s.sent("Bob", "set_weights"))
				s.await("more weights", func() bool { return len(s.sent("Bob", "set_weights")) > before })
				s.held.Lock()
				s.node.Reorg(6, 7)
				s.held.Unlock()
			}
			s.weighs(len(s.sent("Bob", "set_weights"))+2, 65535)
			if calls := s.sent("Dave", "serve_axon"); len(calls) != 1 {
				t.Errorf("Dave has announced itself %d times", len(calls))
			}
			head := s.node.Head().Number
			for _, n := range []*Node{m.Node, v.Node} {
				if err := n.follower.WaitBlock(t.Context(), head); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestAHotkeyLosesItsUIDAndGetsOneAgain: its node waits, and says each once.
func TestAHotkeyLosesItsUIDAndGetsOneAgain(t *testing.T) {
	for _, spec := range []uint32{185, 218, 300} {
		t.Run(fmt.Sprint(spec), func(t *testing.T) {
			t.Parallel()
			s := newTensor(t, substratetest.Config{Runtime: spec, Genesis: seated(func(g *substratetest.Genesis) {
				g.Rules.MaxUIDs, g.Rules.ImmunityPeriod = 3, 0
			})})
			s.register("Dave")
			heard := listen()
			m := s.miner("Dave", heard.log())
			s.replace(2, "Eve")
			heard.await(t, "no longer registered; waiting to be registered again")
			if err := m.follower.WaitBlock(t.Context(), s.node.Head().Number+3); err != nil {
				t.Fatal(err)
			}
			s.replace(1, "Dave")
			heard.await(t, `msg="registered again"`)
			if said := heard.String(); strings.Count(said, "no longer registered") != 1 {
				t.Errorf("it says\n%s", said)
			}
			if own, ok := m.Metagraph().ByHotkey(s.key("Dave").Address()); !ok || own.UID != 1 || own.Axon.AddrPort() != m.Addr() {
				t.Errorf("the chain has %+v, the miner listens at %s", own, m.Addr())
			}
		})
	}
}
