package chain

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
	"time"

	"github.com/filetao/filetao/wallet"
)

// NetUID is the number of a subnet.
type NetUID uint16

// UID is the number of a neuron's slot in a subnet. A slot outlives its holder:
// a registration in a full subnet gives it to another hotkey.
type UID uint16

// Hash is a block's hash.
type Hash [32]byte

// String is 0x and 64 lower-case hex digits.
func (h Hash) String() string { return "0x" + hex.EncodeToString(h[:]) }

// Big reads the hash as a big-endian integer, as Python's int(hex, 16) does:
// the seed of public sampling.
func (h Hash) Big() *big.Int { return new(big.Int).SetBytes(h[:]) }

// MarshalText writes the form of String.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads the form of String.
func (h *Hash) UnmarshalText(text []byte) error {
	digits, ok := strings.CutPrefix(string(text), "0x")
	if !ok || len(digits) != 2*len(h) {
		return fmt.Errorf("block hash %.80q: want 0x and %d hex digits", text, 2*len(h))
	}
	if _, err := hex.Decode(h[:], []byte(digits)); err != nil {
		return fmt.Errorf("block hash: %w", err)
	}
	return nil
}

// Block names one block. Time is when it was made, as its maker says.
type Block struct {
	Number uint64    `json:"number"`
	Hash   Hash      `json:"hash"`
	Parent Hash      `json:"parentHash"`
	Time   time.Time `json:"time"`
}

// Axon is where a neuron serves, as it announced it on the chain.
type Axon struct {
	// Block is when it was announced; 0 is never.
	Block uint64 `json:"block"`
	// Version is the announcer's software version as an integer.
	Version uint32 `json:"version"`
	// IP is IPv4 or IPv6, never a mapped or zoned address.
	IP       netip.Addr `json:"ip"`
	Port     uint16     `json:"port"`
	Protocol uint8      `json:"protocol"`
}

// Serving says whether the axon has an address: 0.0.0.0 and port 0 mean none.
func (a Axon) Serving() bool {
	return a.IP.IsValid() && !a.IP.IsUnspecified() && a.Port != 0
}

// AddrPort is the axon's address; invalid if it never served.
func (a Axon) AddrPort() netip.AddrPort { return netip.AddrPortFrom(a.IP, a.Port) }

// Neuron is one slot of a subnet and its holder. The five shares are of 65535.
type Neuron struct {
	UID     UID            `json:"uid"`
	Hotkey  wallet.Address `json:"hotkey"`
	Coldkey wallet.Address `json:"coldkey"`
	// Stake is all that is staked to the hotkey.
	Stake Rao `json:"stake"`
	// ValidatorPermit says whether its weights count.
	ValidatorPermit bool `json:"validatorPermit"`
	// Active is false for one that set no weights for long.
	Active         bool   `json:"active"`
	ValidatorTrust uint16 `json:"validatorTrust"`
	Trust          uint16 `json:"trust"`
	Consensus      uint16 `json:"consensus"`
	Incentive      uint16 `json:"incentive"`
	Dividends      uint16 `json:"dividends"`
	// Emission is what the last epoch paid.
	Emission Rao `json:"emission"`
	// LastUpdate is the block in which it last set weights or, before that,
	// was registered.
	LastUpdate   uint64 `json:"lastUpdate"`
	RegisteredAt uint64 `json:"registeredAt"`
	Axon         Axon   `json:"axon"`
}

// Metagraph is a subnet at one block. It is never changed once handed out.
type Metagraph struct {
	NetUID NetUID `json:"netuid"`
	Block  Block  `json:"block"`
	// Neurons is indexed by UID.
	Neurons []Neuron `json:"neurons"`
}

// ByUID finds the holder of a slot.
func (m *Metagraph) ByUID(uid UID) (Neuron, bool) {
	if int(uid) >= len(m.Neurons) {
		return Neuron{}, false
	}
	return m.Neurons[uid], true
}

// ByHotkey finds a hotkey's slot.
func (m *Metagraph) ByHotkey(hotkey wallet.Address) (Neuron, bool) {
	for _, n := range m.Neurons {
		if n.Hotkey == hotkey {
			return n, true
		}
	}
	return Neuron{}, false
}

// Hyperparameters are a subnet's rules. Periods and rate limits are in blocks.
type Hyperparameters struct {
	// Tempo: an epoch runs in the blocks where (block+netuid+1) mod (tempo+1) is
	// tempo. 0 is never.
	Tempo uint16 `json:"tempo"`
	// ImmunityPeriod is how long a new neuron cannot be replaced.
	ImmunityPeriod uint16 `json:"immunityPeriod"`
	// MinAllowedWeights is how many weights must be set at once.
	MinAllowedWeights uint16 `json:"minAllowedWeights"`
	// MaxWeightsLimit is the largest share, of 65535, one weight may have.
	MaxWeightsLimit uint16 `json:"maxWeightsLimit"`
	// MaxUIDs is the number of slots, MaxValidators that of permits.
	MaxUIDs       uint16 `json:"maxUids"`
	MaxValidators uint16 `json:"maxValidators"`
	// WeightsVersion is the least version key taken; 0 takes all.
	WeightsVersion   uint64 `json:"weightsVersion"`
	WeightsRateLimit uint64 `json:"weightsRateLimit"`
	ServingRateLimit uint64 `json:"servingRateLimit"`
	// Burn is the price of a registration.
	Burn Rao `json:"burn"`
	// MinStake is the least stake that can set weights and have a permit.
	MinStake Rao `json:"minStake"`
	// CommitReveal: plain weights are refused.
	CommitReveal bool `json:"commitReveal"`
	// RevealPeriod is how many epochs after its commitment a row is revealed.
	RevealPeriod uint64 `json:"revealPeriod"`
	// CommitRevealVersion says what a commitment is: 0 to 2 a CommitHash, 3 and
	// more weights encrypted until a round of drand, which the chain opens.
	CommitRevealVersion uint16 `json:"commitRevealVersion"`
}

// Weight is one entry of a validator's row; only proportions matter.
type Weight struct {
	UID   UID    `json:"uid"`
	Value uint16 `json:"value"`
}

// Registration is the event NeuronRegistered: a hotkey has a slot. When the slot
// existed before, its previous holder is gone.
type Registration struct {
	UID    UID            `json:"uid"`
	Hotkey wallet.Address `json:"hotkey"`
}

// Event is something that happened in a block, under the names that the chain's
// metadata give it: SubtensorModule, NeuronRegistered.
type Event struct {
	Pallet string `json:"pallet"`
	Name   string `json:"name"`
	// Fields are the event's fields: a JSON list in their order, or an object
	// where they have names. Accounts are SS58, hashes and bytes 0x and hex.
	Fields json.RawMessage `json:"fields"`
}
