package node

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/validator"
)

// seated is a subnet in which Bob validates with 100 TAO and Charlie serves, from
// block 0 on.
func seated(change func(*substratetest.Genesis)) *substratetest.Genesis {
	g := substratetest.DefaultGenesis()
	g.NetUID, g.Rules.MinStake = 21, 10*chain.TAO
	g.Neurons = []substratetest.Neuron{
		{Hotkey: bob, Coldkey: substratetest.Alice, Stake: 100 * chain.TAO, Permit: true},
		{Hotkey: charlie, Coldkey: substratetest.Alice, Axon: chain.Axon{
			Block: 1, Version: 302, IP: netip.MustParseAddr("127.0.0.3"), Port: 8092, Protocol: 4,
		}},
	}
	change(&g)
	return &g
}

// The addresses of the development keys //Bob and //Charlie.
const (
	bob     = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
	charlie = "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y"
)

// TestCommittedWeightsOnSubtensor: where a subnet has commit-reveal, a validator
// commits in one epoch and reveals in the next.
func TestCommittedWeightsOnSubtensor(t *testing.T) {
	for _, spec := range []uint32{218, 300} {
		t.Run(fmt.Sprint(spec), func(t *testing.T) {
			t.Parallel()
			s := newTensor(t, substratetest.Config{Runtime: spec, Genesis: seated(func(g *substratetest.Genesis) {
				g.Rules.CommitReveal, g.Rules.Tempo = true, 20
			})})
			ix := s.index()
			s.seed(ix, "Bob", map[string]float64{"Charlie": .5})
			v, err := NewValidator(ValidatorConfig{Common: s.common("Bob", nil), Index: ix, Validator: validator.Config{BlocksPerStep: 1 << 30, EpochBlocks: 10}})
			if err != nil {
				t.Fatal(err)
			}
			s.start(v.Node)
			want := []chain.Weight{{UID: 1, Value: 65535}}
			s.await("revealed weights", func() bool { return slices.Equal(s.node.Weights(s.net)[0], want) })
			s.revealed(want)
		})
	}
}

// revealed checks that Bob's first reveal that the chain took is what was committed
// to an epoch before. On a busy machine others before may have missed their epoch,
// which is a fraction of a second here.
func (s *tensor) revealed(want []chain.Weight) {
	s.Helper()
	commits, reveals := s.sent("Bob", "commit_weights"), s.sent("Bob", "reveal_weights")
	if len(commits) == 0 || len(reveals) == 0 || len(s.sent("Bob", "set_weights")) > 0 {
		s.Fatalf("%d commitments, %d reveals, plain weights: %d", len(commits), len(reveals), len(s.sent("Bob", "set_weights")))
	}
	taken := slices.IndexFunc(reveals, func(x substratetest.Submitted) bool { return x.Failure == "" })
	if taken < 0 {
		s.Fatalf("the chain took none of %d reveals", len(reveals))
	}
	reveal := reveals[taken]
	args := scale.NewReader(scale.Record(fields(reveal.Args)))
	var salt []uint16
	for _, n := range args.Uints("salt") {
		salt = append(salt, uint16(n))
	}
	hash, err := chain.CommitHash(bob, s.net, want, salt, args.Uint64("version_key"))
	if err != nil || args.Err() != nil {
		s.Fatal(err, args.Err())
	}
	i := slices.IndexFunc(commits, func(x substratetest.Submitted) bool {
		announced, err := x.Args.Get("commit_hash")
		return err == nil && announced.Equal(scale.Bytes(hash[:]))
	})
	if i < 0 {
		s.Fatalf("revealed %s, to which none of %d transactions commits", hash, len(commits))
	}
	commit := commits[i]
	if a, b := chain.EpochOf(commit.Block, s.net, 20), chain.EpochOf(reveal.Block, s.net, 20); b != a+1 || commit.Failure+reveal.Failure != "" {
		s.Errorf("committed in epoch %d %s, revealed in %d %s", a, commit.Failure, b, reveal.Failure)
	}
	for name, x := range map[string]substratetest.Submitted{"WeightsCommitted": commit, "WeightsRevealed": reveal} {
		if !slices.ContainsFunc(s.node.Events(x.Block), func(e scale.Event) bool { return e.Name == name && e.Phase == scale.Phase(x.Index) }) {
			s.Errorf("no event %s of %s", name, x.Name)
		}
	}
}

func fields(f scale.Fields) map[string]scale.Value {
	m := map[string]scale.Value{}
	for i, name := range f.Names {
		m[name] = f.Values[i]
	}
	return m
}
