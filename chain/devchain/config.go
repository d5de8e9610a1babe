package devchain

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// Config says what chain it is and where it lives. Everything but Dir and
// BlockTime belongs to the genesis block: it decides the hashes, and a folder
// made under another genesis is refused.
type Config struct {
	// Dir is the folder of the state; empty keeps it in memory.
	Dir string
	// BlockTime is the time between two blocks of Run; 0 is 12 s.
	BlockTime time.Duration

	// Seed is any text; it makes this chain's hashes.
	Seed string
	// NetUID is the number of the only subnet.
	NetUID chain.NetUID
	// Hyperparameters are the subnet's rules for ever; all zero is
	// DefaultHyperparameters; a RevealPeriod of 0 is 1.
	Hyperparameters chain.Hyperparameters
	// Genesis are the first balances; nil is DefaultGenesis.
	Genesis map[wallet.Address]chain.Rao
	// BlockEmission is what one block adds to the next epoch's emission; 0 is
	// 1 TAO.
	BlockEmission chain.Rao
	// Kappa is the majority of stake, of 65535, the consensus on a weight needs;
	// 0 is 32767, one half.
	Kappa uint16
	// ActivityCutoff is after how many blocks without new weights a validator no
	// longer counts; 0 is 5000.
	ActivityCutoff uint16
}

// Deps are what a chain works with.
type Deps struct {
	Log *slog.Logger     // nil discards
	Now func() time.Time // nil is time.Now
}

// DefaultHyperparameters are those of the main network in FileTAO's days, as
// far as known. A devnet shortens tempo, immunity and rate limits.
func DefaultHyperparameters() chain.Hyperparameters {
	return chain.Hyperparameters{
		Tempo: 360, ImmunityPeriod: 5000,
		MinAllowedWeights: 1, MaxWeightsLimit: 65535,
		MaxUIDs: 256, MaxValidators: 64,
		WeightsRateLimit: 100, ServingRateLimit: 50,
		Burn: chain.TAO, MinStake: 1000 * chain.TAO,
	}
}

// DefaultGenesis gives a million TAO to //Alice, whose key everybody has:
// nothing outside a devnet should trust it.
func DefaultGenesis() map[wallet.Address]chain.Rao {
	const alice wallet.Address = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
	return map[wallet.Address]chain.Rao{alice: 1_000_000 * chain.TAO}
}

// maxRevealPeriod is subtensor's bound, in epochs.
const maxRevealPeriod = 100

// maxSupply keeps sums of money far from overflow.
const maxSupply = 1 << 62

// withDefaults fills what is zero and checks the rest.
func (c Config) withDefaults() (Config, error) {
	if c.BlockTime == 0 {
		c.BlockTime = 12 * time.Second
	}
	if c.Hyperparameters == (chain.Hyperparameters{}) {
		c.Hyperparameters = DefaultHyperparameters()
	}
	if c.Genesis == nil {
		c.Genesis = DefaultGenesis()
	}
	if c.BlockEmission == 0 {
		c.BlockEmission = chain.TAO
	}
	if c.Kappa == 0 {
		c.Kappa = 32767
	}
	if c.ActivityCutoff == 0 {
		c.ActivityCutoff = 5000
	}
	if c.Hyperparameters.RevealPeriod == 0 {
		c.Hyperparameters.RevealPeriod = 1 // subtensor's default
	}
	return c, c.check()
}

func (c Config) check() error {
	h := c.Hyperparameters
	var bad []error
	if c.BlockTime < 0 {
		bad = append(bad, errors.New("block time is negative"))
	}
	if h.MaxUIDs == 0 || h.MaxValidators == 0 || h.MaxWeightsLimit == 0 {
		bad = append(bad, errors.New("MaxUIDs, MaxValidators and MaxWeightsLimit must not be 0: start from DefaultHyperparameters"))
	}
	if h.RevealPeriod > maxRevealPeriod {
		bad = append(bad, fmt.Errorf("reveal period of %d epochs is over %d", h.RevealPeriod, maxRevealPeriod))
	}
	if c.BlockEmission > 1_000_000*chain.TAO {
		bad = append(bad, fmt.Errorf("block emission of %s is over a million TAO", c.BlockEmission))
	}
	var sum chain.Rao
	for a, r := range c.Genesis {
		if _, err := wallet.ParseAddress(string(a)); err != nil {
			bad = append(bad, fmt.Errorf("genesis account: %w", err))
		}
		if r > maxSupply || sum+r > maxSupply {
			bad = append(bad, fmt.Errorf("genesis balances are over %s", chain.Rao(maxSupply)))
			break
		}
		sum += r
	}
	if err := errors.Join(bad...); err != nil {
		return fmt.Errorf("devchain configuration: %w", err)
	}
	return nil
}
