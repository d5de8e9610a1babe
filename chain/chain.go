package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/filetao/filetao/wallet"
)

// What a chain refuses, and that it cannot be reached. Implementations wrap
// these; texts say more.
var (
	// ErrUnavailable: the chain cannot be reached or has failed. A transaction
	// that ends so was not sent, unless it is ErrInFlight.
	ErrUnavailable = errors.New("chain unavailable")
	// ErrInFlight: a transaction was sent, or may have been, and what became of it
	// is not known. It may be in a block, and may still come into one for as long
	// as it stays valid. It is an ErrUnavailable.
	ErrInFlight = fmt.Errorf("%w: the transaction was sent, its fate is unknown", ErrUnavailable)
	// ErrUnreadable: what the chain says cannot be understood. It is an
	// ErrUnavailable, but one that asking again will hardly mend.
	ErrUnreadable = fmt.Errorf("%w: not understood", ErrUnavailable)
	// ErrNoSubnet: there is no such subnet.
	ErrNoSubnet = errors.New("no such subnet")
	// ErrNoBlock: there is no such block (yet).
	ErrNoBlock = errors.New("no such block")
	// ErrPruned: the block's state is no longer kept by whom was asked. It is an
	// ErrNoBlock that no waiting mends.
	ErrPruned = fmt.Errorf("%w: the node no longer keeps its state, an archive node would", ErrNoBlock)
	// ErrNotRegistered: the hotkey has no slot in the subnet.
	ErrNotRegistered = errors.New("hotkey is not registered")
	// ErrAlreadyRegistered: the hotkey has a slot already.
	ErrAlreadyRegistered = errors.New("hotkey is already registered")
	// ErrFull: every slot is held by a neuron in its immunity period.
	ErrFull = errors.New("no slot can be given away")
	// ErrNotOwner: the hotkey belongs to another coldkey.
	ErrNotOwner = errors.New("hotkey belongs to another coldkey")
	// ErrRateLimit: too few blocks since the last such transaction.
	ErrRateLimit = errors.New("rate limit")
	// ErrNoPermit: weights on others need a validator permit.
	ErrNoPermit = errors.New("no validator permit")
	// ErrStakeTooLow: the hotkey's stake is below the subnet's minimum.
	ErrStakeTooLow = errors.New("stake too low")
	// ErrBalanceTooLow: the coldkey cannot pay.
	ErrBalanceTooLow = errors.New("balance too low")
	// ErrBurn: a registration costs more than its maker allows.
	ErrBurn = errors.New("registration too dear")
	// ErrVersionKey: the weights' version key is below the subnet's.
	ErrVersionKey = errors.New("weights version key too low")
	// ErrWeights: duplicates, unknown UIDs, too few or too large weights.
	ErrWeights = errors.New("weights not allowed")
	// ErrCommitReveal: the subnet takes committed weights only.
	ErrCommitReveal = errors.New("commit-reveal is on")
	// ErrReveal: commit-reveal is off, there is no such commitment, or it is not
	// the epoch to reveal it in.
	ErrReveal = errors.New("nothing to commit or reveal")
	// ErrTimelock: the subnet's commitments are timelocked
	// (Hyperparameters.CommitRevealVersion 3 and more), not hashes.
	ErrTimelock = errors.New("the chain takes timelocked weights only")
	// ErrAxon: an address or port that cannot be served.
	ErrAxon = errors.New("axon not allowed")
	// ErrNonce: the transaction's number is not its account's next.
	ErrNonce = errors.New("wrong account nonce")
	// ErrTransaction: malformed, for another chain, or wrongly signed.
	ErrTransaction = errors.New("invalid transaction")
)

// Retriable says whether a read that failed so may succeed later: the chain
// could not be reached, or the node at hand has not got so far.
func Retriable(err error) bool {
	switch {
	case errors.Is(err, ErrUnreadable), errors.Is(err, ErrPruned):
		return false
	}
	return errors.Is(err, ErrUnavailable) || errors.Is(err, ErrNoBlock)
}

// InFlightError is an ErrInFlight that names its transaction, so that somebody
// may look for it.
type InFlightError struct {
	// Transaction is its hash, as explorers know it.
	Transaction Hash
	// Until is the first block that cannot have it any more: once the block
	// before is final, it is in a block or never will be. 0 is unknown.
	Until uint64
	// Err is why its fate is unknown: the context's error above all.
	Err error
}

// Error names the transaction and says until when it may come.
func (e *InFlightError) Error() string {
	text := e.Err.Error()
	if !errors.Is(e.Err, ErrInFlight) {
		text = fmt.Sprintf("%v: %s", ErrInFlight, text)
	}
	return fmt.Sprintf("%s (transaction %s, valid before block %d)", text, e.Transaction, e.Until)
}

// Unwrap is ErrInFlight and Err.
func (e *InFlightError) Unwrap() []error { return []error{ErrInFlight, e.Err} }

// Chain is a subtensor, as far as a storage subnet needs it. Implementations
// are safe for concurrent use.
//
// Every method may fail with ErrUnavailable or the context's error; methods
// with a NetUID also with ErrNoSubnet. The six transactions return when theirs
// is in a block; one that ends with ErrInFlight, or is cut short by its context,
// may still be included. chain/substrate says which it is: *InFlightError.
type Chain interface {
	// Head is the newest block.
	Head(ctx context.Context) (Block, error)
	// BlockAt is the block with that number; ErrNoBlock.
	BlockAt(ctx context.Context, number uint64) (Block, error)
	// Subscribe delivers every block once, ascending, from the next on. The
	// channel closes when ctx ends or the chain is lost. A receiver may be slow:
	// nothing is skipped and nobody else waits for it.
	Subscribe(ctx context.Context) (<-chan Block, error)
	// Metagraph is the subnet at the newest block.
	Metagraph(ctx context.Context, net NetUID) (*Metagraph, error)
	// Hyperparameters are the subnet's rules at the newest block.
	Hyperparameters(ctx context.Context, net NetUID) (Hyperparameters, error)
	// Registrations are those made in one block, in order; ErrNoBlock.
	Registrations(ctx context.Context, net NetUID, block uint64) ([]Registration, error)
	// Weights are the rows as the chain stores them at the newest block, by the
	// UID of the one who set them. Who set none has none.
	Weights(ctx context.Context, net NetUID) (map[UID][]Weight, error)
	// Events are what happened in one block, in order; ErrNoBlock.
	Events(ctx context.Context, block uint64) ([]Event, error)
	// Balance is a coldkey's free balance; 0 for an unknown one.
	Balance(ctx context.Context, coldkey wallet.Address) (Rao, error)

	// Register burns the subnet's price from the coldkey and gives the hotkey a
	// slot, if need be that of the neuron that earns least and is past its
	// immunity. The price is at most maxBurn when the transaction is signed; 0 is
	// any. ErrAlreadyRegistered, ErrBalanceTooLow, ErrBurn, ErrNotOwner, ErrFull.
	Register(ctx context.Context, coldkey *wallet.Keypair, net NetUID, hotkey wallet.Address, maxBurn Rao) error
	// AddStake moves balance of the coldkey onto a hotkey that was registered at
	// some time. ErrBalanceTooLow, ErrNotRegistered.
	AddStake(ctx context.Context, coldkey *wallet.Keypair, net NetUID, hotkey wallet.Address, amount Rao) error
	// ServeAxon announces where the hotkey serves (IP, Port, Version, Protocol;
	// the chain fills Block). ErrNotRegistered, ErrRateLimit, ErrAxon.
	ServeAxon(ctx context.Context, hotkey *wallet.Keypair, net NetUID, axon Axon) error
	// SetWeights replaces the hotkey's row. ErrNotRegistered, ErrStakeTooLow,
	// ErrVersionKey, ErrRateLimit, ErrNoPermit, ErrWeights, ErrCommitReveal.
	SetWeights(ctx context.Context, hotkey *wallet.Keypair, net NetUID, weights []Weight, versionKey uint64) error
	// CommitWeights announces weights by their CommitHash, to be revealed later.
	// It counts as an update for the rate limit; ten commitments at most wait.
	// ErrNotRegistered, ErrStakeTooLow, ErrNoPermit (where the chain asks for it
	// now and not at the reveal), ErrRateLimit, ErrReveal when commit-reveal is
	// off, ErrTimelock.
	CommitWeights(ctx context.Context, hotkey *wallet.Keypair, net NetUID, commit Hash) error
	// RevealWeights replaces the hotkey's row by what it committed to. It must be
	// in a block of RevealWindow; older commitments of the hotkey end with it.
	// ErrReveal when it is not the time or there is no such commitment, and the
	// errors of SetWeights but ErrCommitReveal and ErrRateLimit.
	RevealWeights(ctx context.Context, hotkey *wallet.Keypair, net NetUID, weights []Weight, salt []uint16, versionKey uint64) error
}
