package node

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
	"github.com/filetao/filetao/scale"
)

// bobStarts is Bob's validator on a subtensor of that subnet.
func bobStarts(t *testing.T, heard *said, change func(*substratetest.Genesis), cfg substratetest.Config) (ended <-chan error) {
	t.Helper()
	cfg.Genesis = seated(change)
	s := newTensor(t, cfg)
	return started(t, checkValidator(t, Common{Chain: s.on, Hotkey: s.key("Bob"), Log: heard.log()}, true))
}

func as(*substratetest.Genesis) {}

// What keeps a validator from setting weights is said at its start.
func TestStartOfAValidatorOnSubtensor(t *testing.T) {
	for _, spec := range []uint32{185, 218, 300} {
		cfg := substratetest.Config{Runtime: spec}
		ends(t, bobStarts(t, listen(), func(g *substratetest.Genesis) { g.Neurons = g.Neurons[1:] }, cfg),
			ErrNotRegistered, bob+" on subnet 21; register it with `filetao chain register`")
		ends(t, bobStarts(t, listen(), func(g *substratetest.Genesis) { g.Neurons[0].Permit, g.Neurons[0].Stake = false, 9*chain.TAO }, cfg),
			chain.ErrStakeTooLow, "has 9 TAO, and subnet 21 takes weights from 10 TAO on")
		heard := listen()
		bobStarts(t, heard, func(g *substratetest.Genesis) {
			g.Neurons[0].Permit, g.Rules.WeightsVersion, g.Rules.Tempo = false, 400, 1000
		}, cfg)
		heard.await(t, "this program's is 302, subnet 21 wants 400 or later; update filetao",
			"no validator permit on subnet 21; the 64 highest stakes get one when an epoch ends, the next time in ", "this one has 100 TAO")
		heard = listen()
		bobStarts(t, heard, as, substratetest.Config{Runtime: spec, Now: func() time.Time { return time.Now().Add(time.Hour) }})
		heard.await(t, "behind the chain's newest block")
	}
}

// An axon that nobody can reach is a warning; one that the chain does not take
// ends the node, with what to do.
func TestStartOfAnAxonOnSubtensor(t *testing.T) {
	for _, spec := range []uint32{185, 218, 300} {
		s := newTensor(t, substratetest.Config{Runtime: spec, Genesis: seated(as)})
		c := s.common("Charlie", nil)
		c.Listen = "127.0.0.1:0"
		m, err := NewMiner(MinerConfig{Common: c})
		if err != nil {
			t.Fatal(err)
		}
		ends(t, started(t, m.Node), chain.ErrAxon, "the chain takes no axon at 127.0.0.1:", "--axon.external_ip")

		l, err := net.Listen("tcp", "127.0.0.2:0")
		if err != nil {
			t.Fatal(err)
		}
		closed := netip.MustParseAddrPort(l.Addr().String())
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		heard := listen()
		c = s.common("Charlie", heard.log())
		c.External = closed
		if m, err = NewMiner(MinerConfig{Common: c}); err != nil {
			t.Fatal(err)
		}
		s.start(m.Node)
		heard.await(t, "the chain has another address of this hotkey's axon", "chain=127.0.0.3:8092", "does not answer from here", "axon="+closed.String())
	}
}

// A node that starts again before the chain takes another address waits, and
// asks less and less often.
func TestStartUnderTheServingRateLimit(t *testing.T) {
	for _, spec := range []uint32{185, 218, 300} {
		s := newTensor(t, substratetest.Config{Runtime: spec, Genesis: seated(func(g *substratetest.Genesis) { g.Rules.ServingRateLimit = 60000 })})
		s.register("Dave")
		s.miner("Dave", nil)
		heard := listen()
		m, err := NewMiner(MinerConfig{Common: s.common("Dave", heard.log())})
		if err != nil {
			t.Fatal(err)
		}
		done := started(t, m.Node)
		heard.await(t, "trying again", "in_blocks=1 ", "in_blocks=2 ", "in_blocks=4 ", "rate limit")
		s.node.Put("SubtensorModule", "ServingRateLimit", scale.Uint(uint64(0)), scale.Uint(s.net))
		select {
		case <-m.Ready():
		case err := <-done:
			t.Fatalf("runtime %d: the node ended: %v", spec, err)
		}
	}
}
