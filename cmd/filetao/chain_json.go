package main

import (
	"net/netip"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// What chain commands print with --json: names in snake case, amounts in rao,
// shares of 65535, no list null. The chain's own types are the development
// chain's wire and journal, which are other promises.

type blockJSON struct {
	Number uint64     `json:"number"`
	Hash   chain.Hash `json:"hash"`
	Parent chain.Hash `json:"parent_hash"`
	Time   time.Time  `json:"time"`
}

func jsonBlock(b chain.Block) blockJSON { return blockJSON(b) }

// chainStatus is what `chain status` says: the newest block and, where there is
// one, the subnet.
type chainStatus struct {
	blockJSON
	Subnet *subnetStatus `json:"subnet,omitempty"`
}

type subnetStatus struct {
	NetUID    chain.NetUID `json:"netuid"`
	Neurons   int          `json:"neurons"`
	Serving   int          `json:"serving"`
	Epoch     uint64       `json:"epoch"`
	NextEpoch uint64       `json:"next_epoch"` // its first block
	Rules     rulesJSON    `json:"rules"`
}

type rulesJSON struct {
	Tempo               uint16    `json:"tempo"`
	ImmunityPeriod      uint16    `json:"immunity_period"`
	MinAllowedWeights   uint16    `json:"min_allowed_weights"`
	MaxWeightsLimit     uint16    `json:"max_weights_limit"`
	MaxUIDs             uint16    `json:"max_uids"`
	MaxValidators       uint16    `json:"max_validators"`
	WeightsVersion      uint64    `json:"weights_version"`
	WeightsRateLimit    uint64    `json:"weights_rate_limit"`
	ServingRateLimit    uint64    `json:"serving_rate_limit"`
	Burn                chain.Rao `json:"burn_rao"`
	MinStake            chain.Rao `json:"min_stake_rao"`
	CommitReveal        bool      `json:"commit_reveal"`
	RevealPeriod        uint64    `json:"reveal_period"`
	CommitRevealVersion uint16    `json:"commit_reveal_version"`
}

type axonJSON struct {
	Block    uint64     `json:"block"`
	Version  uint32     `json:"version"`
	IP       netip.Addr `json:"ip"`
	Port     uint16     `json:"port"`
	Protocol uint8      `json:"protocol"`
}

type neuronJSON struct {
	UID             chain.UID      `json:"uid"`
	Hotkey          wallet.Address `json:"hotkey"`
	Coldkey         wallet.Address `json:"coldkey"`
	Stake           chain.Rao      `json:"stake_rao"`
	ValidatorPermit bool           `json:"validator_permit"`
	Active          bool           `json:"active"`
	ValidatorTrust  uint16         `json:"validator_trust"`
	Trust           uint16         `json:"trust"`
	Consensus       uint16         `json:"consensus"`
	Incentive       uint16         `json:"incentive"`
	Dividends       uint16         `json:"dividends"`
	Emission        chain.Rao      `json:"emission_rao"`
	LastUpdate      uint64         `json:"last_update"`
	RegisteredAt    uint64         `json:"registered_at"`
	Axon            axonJSON       `json:"axon"`
}

func jsonNeuron(n chain.Neuron) neuronJSON {
	return neuronJSON{
		UID: n.UID, Hotkey: n.Hotkey, Coldkey: n.Coldkey, Stake: n.Stake, ValidatorPermit: n.ValidatorPermit, Active: n.Active,
		ValidatorTrust: n.ValidatorTrust, Trust: n.Trust, Consensus: n.Consensus, Incentive: n.Incentive, Dividends: n.Dividends,
		Emission: n.Emission, LastUpdate: n.LastUpdate, RegisteredAt: n.RegisteredAt, Axon: axonJSON(n.Axon),
	}
}

// aNeuron is what `chain neuron` says.
type aNeuron struct {
	neuronJSON
	NetUID chain.NetUID   `json:"netuid"`
	Block  uint64         `json:"block"`
	Row    []chain.Weight `json:"weights"`
}

type metagraphJSON struct {
	NetUID  chain.NetUID `json:"netuid"`
	Block   blockJSON    `json:"block"`
	Neurons []neuronJSON `json:"neurons"`
}

func jsonMetagraph(m *chain.Metagraph) metagraphJSON {
	out := metagraphJSON{NetUID: m.NetUID, Block: jsonBlock(m.Block), Neurons: []neuronJSON{}}
	for _, n := range m.Neurons {
		out.Neurons = append(out.Neurons, jsonNeuron(n))
	}
	return out
}
