package scale

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Era is for which blocks a transaction is valid. The zero Era is immortal:
// for all. A mortal one is valid from a birth block on for Period blocks, and
// is signed with the hash of its birth block.
type Era struct {
	Period uint64 // blocks, a power of two from 4 to 65,536; 0 when immortal
	Phase  uint64 // birth block modulo Period, a multiple of max(Period/4096, 1)
}

// MortalEra is the era of at least period blocks that is valid at block
// current; the chain knows powers of two from 4 to 65,536 only.
func MortalEra(period, current uint64) Era {
	period = min(max(period, 4), 1<<16)
	period = 1 << bits.Len64(period-1)
	phase := current % period
	return Era{Period: period, Phase: phase - phase%quantum(period)}
}

// quantum is what a phase is a multiple of.
func quantum(period uint64) uint64 { return max(period>>12, 1) }

// Immortal reports whether the era never ends.
func (e Era) Immortal() bool { return e.Period == 0 }

// Birth is the block whose hash is signed by a transaction made at block
// current: the first of the era; 0, the genesis, when immortal.
func (e Era) Birth(current uint64) uint64 {
	if e.Immortal() {
		return 0
	}
	return (max(current, e.Phase)-e.Phase)/e.Period*e.Period + e.Phase
}

// Death is the first block at which a transaction made at block current is no
// longer valid; the highest number when immortal.
func (e Era) Death(current uint64) uint64 {
	if e.Immortal() {
		return 1<<64 - 1
	}
	return e.Birth(current) + e.Period
}

// Append appends the era's encoding: a zero byte, or two bytes. Of an era that
// MortalEra or DecodeEra did not make it is the nearest.
func (e Era) Append(b []byte) []byte {
	if e.Immortal() {
		return append(b, 0)
	}
	power := min(max(bits.TrailingZeros64(e.Period)-1, 1), 15)
	phase := e.Phase / quantum(e.Period)
	return binary.LittleEndian.AppendUint16(b, uint16(power)|uint16(phase<<4))
}

// DecodeEra reads an era and returns what follows it; ErrData.
func DecodeEra(b []byte) (e Era, rest []byte, err error) {
	if len(b) == 0 {
		return Era{}, nil, errEnds
	}
	if b[0] == 0 {
		return Era{}, b[1:], nil
	}
	if len(b) < 2 {
		return Era{}, nil, errEnds
	}
	n := uint64(binary.LittleEndian.Uint16(b))
	e.Period = 2 << (n % 16)
	e.Phase = (n >> 4) * quantum(e.Period)
	if e.Period < 4 || e.Phase >= e.Period {
		return Era{}, nil, fmt.Errorf("%w: a mortal era of period %d and phase %d", ErrData, e.Period, e.Phase)
	}
	return e, b[2:], nil
}
