package proof

import (
	"encoding/hex"
	"fmt"
	"io"
)

const (
	seedBytes = 32
	maxSeed   = 256 // of a reference peer's seed, in bytes
)

// NewSeed draws a seed: 32 bytes from rand as 64 lower-case hex characters.
func NewSeed(rand io.Reader) (string, error) {
	var b [seedBytes]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("drawing a seed: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// CheckSeed returns ErrRequest for a seed no peer may send. A seed is hashed as
// the text it is, so reference peers may choose any: all are taken but the
// empty one and those above 256 bytes.
func CheckSeed(seed string) error {
	if len(seed) == 0 || len(seed) > maxSeed {
		return fmt.Errorf("%w: a seed of %d bytes", ErrRequest, len(seed))
	}
	return nil
}
