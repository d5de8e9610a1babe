package substratetest

import (
	"slices"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

func weighing(uids, values []uint16, key int64) arguments {
	return arguments{"netuid": scale.Int(1), "dests": scale.Uints(uids), "weights": scale.Uints(values), "version_key": scale.Int(key)}
}

func TestWeights(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n, c := subnet(t, spec, func(g *Genesis) {
			g.Rules.WeightsVersion, g.Rules.WeightsRateLimit, g.Rules.MinAllowedWeights, g.Rules.MaxWeightsLimit = 302, 4, 2, 45000
			g.Rules.MaxValidators = 1
			for _, name := range []string{"Dave", "Eve"} {
				g.Neurons = append(g.Neurons, Neuron{Hotkey: Key(t, name).Address(), Coldkey: Alice, Stake: 20 * chain.TAO})
			}
		})
		bob, dave := Key(t, "Bob"), Key(t, "Dave")
		fails := func(want string, key *wallet.Keypair, args arguments) {
			t.Helper()
			c.fails(want, key, pallet, "set_weights", args)
		}
		good := weighing([]uint16{1, 2, 3}, []uint16{30000, 60000, 7}, 302)
		poor := map[uint32]string{185: "Transaction call is not expected", 218: "Custom error: 3", 300: "Custom error: 1"}[spec]
		fails(poor, Key(t, "Charlie"), good)
		fails("WeightVecNotEqualSize", bob, weighing([]uint16{1, 2}, []uint16{1}, 302))
		fails(either(spec, "TooManyUids", "UidsLengthExceedUidsInSubNet"), bob, weighing([]uint16{0, 1, 2, 3, 4}, []uint16{1, 1, 1, 1, 1}, 302))
		fails(either(spec, "IncorrectNetworkVersionKey", "IncorrectWeightVersionKey"), bob, weighing([]uint16{1, 2}, []uint16{1, 1}, 301))
		fails(either(spec, "NoValidatorPermit", "NeuronNoValidatorPermit"), dave, good)
		fails("DuplicateUids", bob, weighing([]uint16{1, 1}, []uint16{1, 1}, 302))
		fails(either(spec, "InvalidUid", "UidVecContainInvalidOne"), bob, weighing([]uint16{1, 4}, []uint16{1, 1}, 302))
		fails(either(spec, "NotSettingEnoughWeights", "WeightVecLengthIsLow"), bob, weighing([]uint16{1}, []uint16{1}, 302))
		fails("MaxWeightExceeded", bob, weighing([]uint16{1, 2}, []uint16{1, 9}, 302))
		c.must(dave, pallet, "set_weights", weighing([]uint16{2}, []uint16{5}, 302)) // on itself: no permit, no limits
		c.must(bob, pallet, "set_weights", good)
		set := n.Head().Number
		want := []chain.Weight{{UID: 1, Value: 32767}, {UID: 2, Value: 65535}, {UID: 3, Value: 7}}
		if got := n.Weights(1)[0]; !slices.Equal(got, want) {
			t.Errorf("the row is %v, want %v", got, want)
		}
		events := n.Events(set)
		if !slices.ContainsFunc(events, func(e scale.Event) bool { return e.Name == "WeightsSet" }) {
			t.Errorf("events %v", events)
		}
		fails("SettingWeightsTooFast", bob, good)
		n.Steps(11)
		v, _ := n.Storage(pallet, "Incentive", scale.Int(1))
		incentive, err := v.Uints()
		if err != nil || incentive[0] != 0 || incentive[1] == 0 || incentive[2] <= incentive[1] || incentive[3] == 0 {
			t.Errorf("incentive is %v, %v", v, err)
		}
	})
}

func TestCommitReveal(t *testing.T) {
	for _, spec := range []uint32{218, 300} {
		n, c := subnet(t, spec, func(g *Genesis) { g.Rules.CommitReveal, g.Rules.Tempo = true, 4 })
		bob := Key(t, "Bob")
		row := []chain.Weight{{UID: 1, Value: 300}}
		hash, err := chain.CommitHash(bob.Address(), 1, row, []uint16{7, 8}, 9)
		if err != nil {
			t.Fatal(err)
		}
		reveal := func(salt uint16) arguments {
			return arguments{"netuid": scale.Int(1), "uids": scale.Uints([]uint16{1}), "values": scale.Uints([]uint16{300}),
				"salt": scale.Uints([]uint16{7, salt}), "version_key": scale.Int(9)}
		}
		refused := func(code, name string) string {
			if spec == 300 {
				return "Custom error: " + code
			}
			return name
		}
		fails := func(want string, args arguments) {
			t.Helper()
			c.fails(want, bob, pallet, "reveal_weights", args)
		}
		c.fails("CommitRevealEnabled", bob, pallet, "set_weights", weighing([]uint16{1}, []uint16{1}, 0))
		fails(refused("16", "NoWeightsCommitFound"), reveal(8))
		for (n.Head().Number+3)%5 != 0 { // in the first block of an epoch
			n.Step()
		}
		commit := arguments{"netuid": scale.Int(1), "commit_hash": hashValue(hash)}
		c.must(bob, pallet, "commit_weights", commit)
		committed := n.Head().Number
		first, _ := chain.RevealWindow(committed, 1, chain.Hyperparameters{Tempo: 4, RevealPeriod: 1})
		fails(refused("17", "RevealTooEarly"), reveal(8))
		for n.Head().Number+1 < first {
			n.Step()
		}
		fails(refused("16", "InvalidRevealCommitHashNotMatch"), reveal(9))
		c.must(bob, pallet, "reveal_weights", reveal(8))
		if got := n.Weights(1)[0]; !slices.Equal(got, []chain.Weight{{UID: 1, Value: 65535}}) {
			t.Errorf("the row is %v", got)
		}
		v, _ := n.Storage(pallet, "LastUpdate", scale.Int(1))
		if updates, err := v.Uints(); err != nil || updates[0] != committed {
			t.Errorf("committed at %d, updates are %v, %v", committed, v, err)
		}
		fails(refused("16", "NoWeightsCommitFound"), reveal(8))
		c.must(bob, pallet, "commit_weights", commit)
		n.Steps(10)
		fails(refused("17", "ExpiredWeightCommit"), reveal(8))
		n.Put(pallet, "CommitRevealWeightsEnabled", scale.Bool(false), scale.Int(1))
		c.fails("CommitRevealDisabled", bob, pallet, "commit_weights", commit)
	}
}

func TestSudo(t *testing.T) {
	eachRuntime(t, func(t *testing.T, spec uint32) {
		n, c := subnet(t, spec, nil)
		tempo, err := n.Metadata().CallValue("AdminUtils", "sudo_set_tempo", arguments{"netuid": scale.Int(1), "tempo": scale.Int(77)})
		if err != nil {
			t.Fatal(err)
		}
		read := func() uint64 {
			v, _ := n.Storage(pallet, "Tempo", scale.Int(1))
			got, err := v.Uint64()
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		c.fails("RequireSudo", Key(t, "Bob"), "Sudo", "sudo", arguments{"call": tempo})
		c.fails("BadOrigin", Key(t, "Alice"), "AdminUtils", "sudo_set_tempo", arguments{"netuid": scale.Int(1), "tempo": scale.Int(77)})
		c.fails("CallFiltered", Key(t, "Alice"), "Balances", "force_transfer", arguments{
			"source": scale.Enum("Id", account([32]byte{})), "dest": scale.Enum("Id", account([32]byte{})), "value": scale.Int(1)})
		if read() != 10 {
			t.Errorf("tempo is %d", read())
		}
		c.must(Key(t, "Alice"), "Sudo", "sudo", arguments{"call": tempo})
		if read() != 77 {
			t.Errorf("tempo is %d", read())
		}
	})
}
