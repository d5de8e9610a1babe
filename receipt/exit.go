package receipt

import (
	"fmt"
	"time"

	"github.com/filetao/filetao/wallet"
)

// ExitSize is the length of an encoded exit in bytes.
const ExitSize = 1 + 2*32 + 4*8

const kindExit kind = "filetao exit v1"

// Exit is what a validator says of a miner that has left in good order: that it
// needs nothing of what the miner had of users' data any more.
type Exit struct {
	Miner     wallet.Address // who has left
	Validator wallet.Address // who says it
	Shards    int64          // shards and chunks that the miner held when it began to leave, 0 or more
	Bytes     int64          // their length together
	Started   time.Time      // when it said that it leaves; whole seconds, by the validator's clock
	Done      time.Time      // when nothing was left, not before Started
}

// Encode is the byte 1; the public keys of miner and validator; shards, bytes and
// the two times in Unix seconds, 8 bytes each. Addresses that are none become
// zeros, which ParseExit refuses.
func (e Exit) Encode() []byte {
	w := begin(ExitSize)
	w.address(e.Miner)
	w.address(e.Validator)
	w.number(uint64(e.Shards))
	w.number(uint64(e.Bytes))
	w.time(e.Started)
	w.time(e.Done)
	return w
}

// ParseExit reads what Encode wrote and nothing else. It fails with ErrStatement.
// The times come back in UTC.
func ParseExit(b []byte) (Exit, error) {
	r, err := open(b, ExitSize)
	if err != nil {
		return Exit{}, err
	}
	e := Exit{
		Miner: r.address(), Validator: r.address(),
		Shards: int64(r.number()), Bytes: int64(r.number()), Started: r.time(), Done: r.time(),
	}
	if err := e.check(); err != nil {
		return Exit{}, err
	}
	return e, nil
}

func (e Exit) check() error {
	if err := checkParties(e.Validator, e.Miner, 1); err != nil { // it is about no datum, whose size could be wrong
		return err
	}
	if e.Shards < 0 || e.Bytes < 0 {
		return fmt.Errorf("%w: %d shards of %d bytes", ErrStatement, e.Shards, e.Bytes)
	}
	if err := checkTime("when the miner began to leave", e.Started); err != nil {
		return err
	}
	if err := checkTime("when the miner had left", e.Done); err != nil {
		return err
	}
	if e.Done.Before(e.Started) {
		return fmt.Errorf("%w: left at %s, before it began to at %s", ErrStatement, e.Done, e.Started)
	}
	return nil
}

// Digest is SHA-256 of "filetao exit v1" and the encoding.
func (e Exit) Digest() [32]byte { return kindExit.digest(e.Encode()) }

// Sign signs the exit. ErrStatement if k is not the validator's or the exit is not
// well-formed.
func (e Exit) Sign(k *wallet.Keypair) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	if k.Address() != e.Validator {
		return nil, fmt.Errorf("%w: an exit of another validator", ErrStatement)
	}
	return k.Sign(kindExit.text(e.Digest()))
}

// Verify checks the validator's signature. It fails with ErrStatement or
// ErrSignature.
func (e Exit) Verify(sig []byte) error {
	if err := e.check(); err != nil {
		return err
	}
	return kindExit.verify(e.Validator, e.Digest(), sig)
}
