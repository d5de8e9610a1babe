package receipt

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/wallet"
)

var (
	// ErrStatement is returned for bytes that are no statement or dossier, and
	// for statements with values out of their range.
	ErrStatement = errors.New("receipt: not a well-formed statement")
	// ErrSignature is returned for a signature that is not one of this statement
	// by whom it should be. It is a wallet.ErrSignature.
	ErrSignature = fmt.Errorf("receipt: %w", wallet.ErrSignature)
)

// version begins every encoding.
const version = 1

// kind is the domain of one kind of statement.
type kind string

const (
	kindPledge   kind = "filetao pledge v1"
	kindQuestion kind = "filetao question v1"
	kindAnswer   kind = "filetao answer v1"
)

func (k kind) digest(encoding []byte) [32]byte {
	return sha256.Sum256(append([]byte(k), encoding...))
}

func (k kind) text(digest [32]byte) []byte { return append([]byte(k), digest[:]...) }

func (k kind) verify(by wallet.Address, digest [32]byte, sig []byte) error {
	if err := wallet.Verify(by, k.text(digest), sig); err != nil {
		return fmt.Errorf("%w: no signature of %s under this: %w", ErrSignature, by, err)
	}
	return nil
}

// writer builds an encoding.
type writer []byte

func begin(size int) writer { return append(make(writer, 0, size), version) }

func (w *writer) bytes(b []byte)  { *w = append(*w, b...) }
func (w *writer) number(n uint64) { *w = binary.BigEndian.AppendUint64(*w, n) }

// address writes the public key; 32 zero bytes, which no parser takes, for what
// is no address.
func (w *writer) address(a wallet.Address) {
	pub, err := a.PublicKey()
	if err != nil {
		pub = [32]byte{}
	}
	w.bytes(pub[:])
}

// time writes Unix seconds, 0 for the zero time.
func (w *writer) time(t time.Time) {
	if t.IsZero() {
		w.number(0)
		return
	}
	w.number(uint64(t.Unix()))
}

// reader reads an encoding whose length open has checked.
type reader []byte

func open(b []byte, size int) (reader, error) { return openAs(version, b, size) }

// openAs is open for an encoding that begins with another byte.
func openAs(first byte, b []byte, size int) (reader, error) {
	if len(b) != size || b[0] != first {
		return nil, fmt.Errorf("%w: %d bytes, want %d of version %d", ErrStatement, len(b), size, first)
	}
	return b[1:], nil
}

func (r *reader) take(n int) []byte {
	b := (*r)[:n]
	*r = (*r)[n:]
	return b
}

func (r *reader) word() [32]byte          { return [32]byte(r.take(32)) }
func (r *reader) number() uint64          { return binary.BigEndian.Uint64(r.take(8)) }
func (r *reader) address() wallet.Address { return wallet.AddressOf(r.word()) }

// time reads what writer.time wrote. Numbers out of range become times out of
// range, except those that time.Unix would wrap, which become one too.
func (r *reader) time() time.Time {
	n := r.number()
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(int64(min(n, maxTime+1)), 0).UTC()
}

// maxTime is the last second of the year 9999, the last that RFC 3339 can write.
const maxTime = 253402300799

// checkTime says whether t is a whole second from 1970-01-01T00:00:01Z to the
// year 9999.
func checkTime(what string, t time.Time) error {
	if t.Nanosecond() != 0 || t.Unix() < 1 || t.Unix() > maxTime {
		return fmt.Errorf("%w: %s, %s, is not a whole second after 1970", ErrStatement, what, t)
	}
	return nil
}

// checkParties says whether both are addresses and size is one that can be
// audited.
func checkParties(asker, miner wallet.Address, size int64) error {
	for _, a := range []wallet.Address{asker, miner} {
		pub, err := a.PublicKey()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrStatement, err)
		}
		if pub == ([32]byte{}) {
			return fmt.Errorf("%w: no hotkey", ErrStatement)
		}
	}
	if size < 1 || size > por.MaxData {
		return fmt.Errorf("%w: %d bytes of data", ErrStatement, size)
	}
	return nil
}
