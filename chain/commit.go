package chain

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/blake2b"

	"github.com/filetao/filetao/wallet"
)

// maxRow is the most entries a row of weights, or a salt, may have.
const maxRow = 1<<16 - 1

// CommitHash is what CommitWeights announces: blake2b-256 of the SCALE encoding
// of (hotkey 32, netuid u16, UIDs Vec<u16>, values Vec<u16>, salt Vec<u16>,
// version key u64), as subtensor's reveal_weights makes it again. The order of
// the weights counts. It fails with ErrWeights for too many of them and for a
// hotkey that is no address.
func CommitHash(hotkey wallet.Address, net NetUID, weights []Weight, salt []uint16, versionKey uint64) (Hash, error) {
	if len(weights) > maxRow || len(salt) > maxRow {
		return Hash{}, fmt.Errorf("%w: %d entries, a salt of %d", ErrWeights, len(weights), len(salt))
	}
	account, err := hotkey.PublicKey()
	if err != nil {
		return Hash{}, fmt.Errorf("commit to weights: %w", err)
	}
	b := binary.LittleEndian.AppendUint16(account[:], uint16(net))
	b = appendLength(b, len(weights))
	for _, w := range weights {
		b = binary.LittleEndian.AppendUint16(b, uint16(w.UID))
	}
	b = appendLength(b, len(weights))
	for _, w := range weights {
		b = binary.LittleEndian.AppendUint16(b, w.Value)
	}
	b = appendLength(b, len(salt))
	for _, v := range salt {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return blake2b.Sum256(binary.LittleEndian.AppendUint64(b, versionKey)), nil
}

// appendLength writes SCALE's compact form of a length up to maxRow.
func appendLength(b []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n<<2))
	case n < 1<<14:
		return binary.LittleEndian.AppendUint16(b, uint16(n<<2|1))
	}
	return binary.LittleEndian.AppendUint32(b, uint32(n<<2|2))
}
