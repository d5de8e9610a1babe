package substratetest

import (
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// Style is whose habits the node has where they differ.
type Style int

const (
	// Native is a node: statuses are words ("ready"), refusals say "Invalid
	// Transaction" with the cause as data, block numbers have no leading zeros.
	Native Style = iota
	// Chopsticks is what the recordings come from: statuses are objects
	// ({"ready":null}), the cause is JSON in the message, block numbers have
	// leading zeros.
	Chopsticks
)

// Config says what node it is. The zero value is runtime 300 with
// DefaultGenesis, whose blocks are made by Step.
type Config struct {
	// Runtime is 185, 218 or 300; 0 is 300.
	Runtime uint32
	// Recorded begins with the recorded blocks and the recorded state instead
	// of a genesis. At that state calls of runtime APIs answer as recorded.
	Recorded bool
	Genesis  *Genesis // nil is DefaultGenesis
	Style    Style
	// Ticks makes a block for each value; it may be a Ticker's. Nil makes none.
	Ticks <-chan time.Time
	// Instant makes a block as soon as a transaction can be in one.
	Instant bool
	// Now is the clock for the time that is put into blocks; nil is time.Now.
	// Every block is later than the one before.
	Now func() time.Time
	// FinalityLag is how many blocks the newest final block lags behind.
	FinalityLag uint64
	// LateChecks leaves what subtensor's own extension would refuse in the pool
	// to the block: stake, addresses, reveals and the limit of registrations.
	LateChecks bool
	// RegisterLimit adds to the runtime the call register_limit, which the
	// recorded ones have not and today's have.
	RegisterLimit bool
	// StateKept is for how many blocks the state is kept, as by a node that is
	// no archive; 0 is 4096.
	StateKept uint64
}

// Genesis is a small chain with one subnet.
type Genesis struct {
	NetUID chain.NetUID
	// Rules are the subnet's. RevealPeriod and CommitReveal are left out where
	// the runtime has none, and MinStake is one for the whole chain.
	Rules chain.Hyperparameters
	// Sudo may call AdminUtils through Sudo.sudo.
	Sudo     wallet.Address
	Balances map[wallet.Address]chain.Rao
	// Neurons have slots from block 0 on, in this order.
	Neurons []Neuron
}

// Neuron is one slot of a genesis.
type Neuron struct {
	Hotkey, Coldkey wallet.Address
	Stake           chain.Rao
	Axon            chain.Axon // without an address: none
	Permit          bool
}

// Alice is the address of the development key //Alice.
const Alice wallet.Address = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"

// Key is the development key //name, such as //Alice.
func Key(t testing.TB, name string) *wallet.Keypair {
	t.Helper()
	key, err := wallet.KeypairFromURI("//" + name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// DefaultGenesis is subnet 1 without neurons, with epochs of eleven blocks and
// rules that hardly limit; Alice has a million TAO and is the administrator.
func DefaultGenesis() Genesis {
	return Genesis{
		NetUID: 1, Sudo: Alice, Balances: map[wallet.Address]chain.Rao{Alice: 1_000_000 * chain.TAO},
		Rules: chain.Hyperparameters{
			Tempo: 10, ImmunityPeriod: 100, MinAllowedWeights: 1, MaxWeightsLimit: 1<<16 - 1, MaxUIDs: 256, MaxValidators: 64,
			Burn: chain.TAO, RevealPeriod: 1,
		},
	}
}
