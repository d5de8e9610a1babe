package por

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"

	"github.com/filetao/filetao/proof"
)

// Secret is what all keys of an asker are derived from.
type Secret [32]byte

// SecretOf derives the secret from a hotkey's private key in hex: HKDF-SHA256
// (RFC 5869) of that text without salt, info "filetao por secret v1".
func SecretOf(privateKeyHex string) Secret {
	return Secret(derived(hkdf.Key(sha256.New, []byte(privateKeyHex), nil, "filetao por secret v1", 32)))
}

// Key makes the tags of one replica and checks the answers about it. Whoever
// has it can do the same, for that replica and no other.
type Key [32]byte

// Key derives the key of the replica with that hash and size in bytes on that
// miner: HKDF-Expand of the secret, info "filetao por key v1", the miner, the
// hash, the size in 8 bytes big-endian and the salt. A new salt makes a key
// that is unrelated to the earlier ones.
func (s Secret) Key(miner [32]byte, hash proof.Digest, size int64, salt [16]byte) Key {
	info := append([]byte("filetao por key v1"), miner[:]...)
	info = binary.BigEndian.AppendUint64(append(info, hash[:]...), uint64(size))
	return Key(derived(hkdf.Expand(sha256.New, s[:], string(append(info, salt[:]...)), 32)))
}

// Commitment is what a key can be held against when it is revealed: SHA-256 of
// "filetao por key commitment v1" and the key. It tells nothing of the key.
func (k Key) Commitment() [32]byte {
	return sha256.Sum256(append([]byte("filetao por key commitment v1"), k[:]...))
}

// derived is 32 bytes of HKDF, which only fails for more than 8,160.
func derived(key []byte, err error) []byte {
	if err != nil {
		panic("por: " + err.Error())
	}
	return key
}

// AES-256 under the key is run over counter blocks: one byte for what they are
// of, and their number in 15 bytes big-endian.
const (
	ofAlpha = 0 // block j is alpha_j
	ofF     = 1 // blocks 2i and 2i+1 are f(i), still to be reduced
)

func (k Key) block() cipher.Block {
	block, err := aes.NewCipher(k[:])
	if err != nil {
		panic("por: " + err.Error()) // a key is 32 bytes long
	}
	return block
}

// stream is the encrypted counter blocks from number 0.
func stream(block cipher.Block, of byte) cipher.Stream {
	return cipher.NewCTR(block, append([]byte{of}, make([]byte, aes.BlockSize-1)...))
}

// alphas are the secret coefficients, one for every sector of a block.
func alphas(block cipher.Block) *[Sectors]half {
	var b [Sectors * SectorSize]byte
	stream(block, ofAlpha).XORKeyStream(b[:], b[:])
	alpha := new([Sectors]half)
	for j := range alpha {
		alpha[j] = halfOf(b[j*SectorSize:])
	}
	return alpha
}

// prfSize is how many bytes f(i) is reduced from.
const prfSize = 2 * aes.BlockSize

// prf is f(i); b is overwritten.
func prf(block cipher.Block, i int64, b *[prfSize]byte) element {
	clear(b[:])
	b[0], b[aes.BlockSize] = ofF, ofF
	binary.BigEndian.PutUint64(b[8:], uint64(2*i))
	binary.BigEndian.PutUint64(b[aes.BlockSize+8:], uint64(2*i+1))
	block.Encrypt(b[:aes.BlockSize], b[:aes.BlockSize])
	block.Encrypt(b[aes.BlockSize:], b[aes.BlockSize:])
	return prfOf(b[:])
}

// prfOf is f(i) from its two encrypted blocks, one little-endian number.
func prfOf(b []byte) element {
	var w wide
	for l := range prfSize / 8 {
		w[l] = binary.LittleEndian.Uint64(b[8*l:])
	}
	return w.reduce()
}
