package substratetest

import (
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// genesisBlock makes block 0.
func genesisBlock(rt *runtime, g Genesis, style Style) (*block, error) {
	x := &execution{state: newState(rt), phase: scale.Initialization}
	x.subnet(g)
	for address, amount := range g.Balances {
		key, err := address.PublicKey()
		if err != nil {
			return nil, err
		}
		x.setBalance(key, uint64(amount))
	}
	if g.Sudo != "" {
		key, err := g.Sudo.PublicKey()
		if err != nil {
			return nil, err
		}
		x.set("Sudo", "Key", account(key))
	}
	for _, n := range g.Neurons {
		if err := x.seat(g.NetUID, n); err != nil {
			return nil, err
		}
	}
	x.set("System", "Number", scale.Int(0))
	b := &block{state: x.state, next: rt}
	if err := b.seal(style, 0); err != nil {
		return nil, err
	}
	x.set("System", "BlockHash", hashValue(b.hash), scale.Int(0))
	return b, x.err
}

// subnet stores a subnet's rules.
func (x *execution) subnet(g Genesis) {
	net, r := scale.Uint(g.NetUID), g.Rules
	for item, value := range map[string]scale.Value{
		"NetworksAdded": scale.Bool(true), "SubnetworkN": scale.Int(0), "Tempo": scale.Uint(r.Tempo),
		"ImmunityPeriod": scale.Uint(r.ImmunityPeriod), "MinAllowedWeights": scale.Uint(r.MinAllowedWeights),
		"MaxWeightsLimit": scale.Uint(r.MaxWeightsLimit), "MaxAllowedUids": scale.Uint(r.MaxUIDs),
		"MaxAllowedValidators": scale.Uint(r.MaxValidators), "WeightsVersionKey": scale.Uint(r.WeightsVersion),
		"WeightsSetRateLimit": scale.Uint(r.WeightsRateLimit), "ServingRateLimit": scale.Uint(r.ServingRateLimit),
		"Burn": scale.Uint(r.Burn), "MinBurn": scale.Int(1), "NetworkRegistrationAllowed": scale.Bool(true),
		"TargetRegistrationsPerInterval": scale.Int(1000), "MaxRegistrationsPerBlock": scale.Int(1000),
		"AdjustmentInterval": scale.Int(360), "CommitRevealWeightsEnabled": scale.Bool(r.CommitReveal),
		"RevealPeriodEpochs": scale.Uint(r.RevealPeriod), "SubtokenEnabled": scale.Bool(true),
	} {
		if x.rt.has(item) {
			x.put(item, value, net)
		}
	}
	for _, item := range []string{"WeightsMinStake", "StakeThreshold"} {
		if x.rt.has(item) {
			x.put(item, scale.Uint(r.MinStake))
		}
	}
	x.put("TotalNetworks", scale.Int(1))
}

// seat gives a neuron of the genesis its slot.
func (x *execution) seat(net chain.NetUID, n Neuron) error {
	hotkey, err := n.Hotkey.PublicKey()
	if err != nil {
		return fmt.Errorf("hotkey: %w", err)
	}
	coldkey, err := n.Coldkey.PublicKey()
	if err != nil {
		return fmt.Errorf("coldkey: %w", err)
	}
	subnet := scale.Uint(net)
	x.own(hotkey, coldkey)
	uid := x.join(subnet, hotkey)
	if n.Stake > 0 {
		x.giveStake(hotkey, coldkey, subnet, uint64(n.Stake))
	}
	permits := x.flags("ValidatorPermit", int(uid)+1, subnet)
	permits[uid] = n.Permit
	x.putFlags("ValidatorPermit", permits, subnet)
	if !n.Axon.Serving() {
		return nil
	}
	kind := uint8(6)
	if n.Axon.IP.Is4() {
		kind = 4
	}
	x.put("Axons", scale.Record(map[string]scale.Value{
		"block": scale.Uint(n.Axon.Block), "version": scale.Uint(n.Axon.Version), "port": scale.Uint(n.Axon.Port),
		"ip": scale.Big(new(big.Int).SetBytes(n.Axon.IP.AsSlice())), "ip_type": scale.Uint(kind), "protocol": scale.Uint(n.Axon.Protocol),
		"placeholder1": scale.Uint(uint8(0)), "placeholder2": scale.Uint(uint8(0)),
	}), subnet, account(hotkey))
	return nil
}

// recordedBlocks makes a recording's blocks known; the last is the head and has
// the recorded state.
func (n *Node) recordedBlocks(rt *runtime) {
	rec := rt.rec
	n.genesis = rec.genesis
	n.numbers[0] = rec.genesis
	zero := &block{hash: rec.genesis, state: newState(rt), next: rt}
	n.blocks[rec.genesis] = zero
	if err := zero.seal(n.cfg.Style, 0); err != nil {
		n.t.Fatal(err)
	}
	zero.hash = rec.genesis // Chopsticks has a made-up one
	_, key := zero.state.entry("System", "Events", nil)
	for _, r := range rec.blocks {
		var h struct {
			Parent chain.Hash `json:"parentHash"`
		}
		if err := json.Unmarshal(r.Header, &h); err != nil {
			n.t.Fatal(err)
		}
		b := &block{
			number: r.Number, hash: r.Hash, parent: h.Parent, header: r.Header, extrinsics: r.Extrinsics,
			state: newState(rt), next: rt, recorded: true,
		}
		if b.hash == rec.hash {
			for _, v := range rec.storage {
				if v.Value != nil {
					b.state.values[string(v.Key)] = *v.Value
				}
			}
		}
		b.state.values[key] = r.Events
		if n.blocks[b.parent] == nil { // not recorded, but for its hash
			n.blocks[b.parent] = &block{number: b.number - 1, hash: b.parent, state: newState(rt), next: rt}
			n.numbers[b.number-1] = b.parent
		}
		n.blocks[b.hash], n.numbers[b.number], n.head = b, b.hash, b.hash
		n.slot = b.number
	}
	if n.head != rec.hash {
		n.t.Fatalf("the state was recorded at %s, the last block is %s", rec.hash, n.head)
	}
}
