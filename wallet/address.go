package wallet

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mr-tron/base58"
	"golang.org/x/crypto/blake2b"
)

// ErrAddress says that a text is not an SS58 address of Bittensor.
var ErrAddress = errors.New("not a Bittensor address")

const (
	ss58Prefix  = 42 // Substrate's generic network, the one Bittensor uses
	ss58Length  = 48 // characters of every address with that prefix
	ss58Sumsize = 2
)

// Address is an sr25519 public key as text: SS58 with prefix 42, 48 characters
// beginning with 5. Two addresses are the same account if they are equal as
// strings. One that came from outside is checked by ParseAddress.
type Address string

// AddressOf writes a public key as an address.
func AddressOf(pub [32]byte) Address {
	raw := append([]byte{ss58Prefix}, pub[:]...)
	return Address(base58.Encode(append(raw, ss58Checksum(raw)...)))
}

// ParseAddress checks s: length, alphabet, network prefix and checksum.
// It fails with ErrAddress.
func ParseAddress(s string) (Address, error) {
	if _, err := Address(s).PublicKey(); err != nil {
		return "", err
	}
	return Address(s), nil
}

// PublicKey reads the 32 bytes of the sr25519 public key; ErrAddress if a is
// not an address. The bytes need not be a point of the curve.
func (a Address) PublicKey() ([32]byte, error) {
	var pub [32]byte
	if len(a) != ss58Length {
		return pub, fmt.Errorf("%w: %d characters, want %d", ErrAddress, len(a), ss58Length)
	}
	raw, err := base58.Decode(string(a))
	if err != nil {
		return pub, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	if len(raw) != 1+len(pub)+ss58Sumsize {
		return pub, fmt.Errorf("%w: %d bytes", ErrAddress, len(raw))
	}
	body, sum := raw[:1+len(pub)], raw[1+len(pub):]
	if body[0] != ss58Prefix {
		return pub, fmt.Errorf("%w: made for network %d, want %d", ErrAddress, body[0], ss58Prefix)
	}
	if !bytes.Equal(sum, ss58Checksum(body)) {
		return pub, fmt.Errorf("%w: wrong checksum, a character is mistyped", ErrAddress)
	}
	copy(pub[:], body[1:])
	return pub, nil
}

func ss58Checksum(body []byte) []byte {
	sum := blake2b.Sum512(append([]byte("SS58PRE"), body...))
	return sum[:ss58Sumsize]
}
