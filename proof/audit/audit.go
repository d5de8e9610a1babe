// Package audit is what an asker keeps of data it lets go of, so that a
// miner's answer to a Challenge binds it to the data: the audit record. It adds
// to package proof, whose checks hold an answer against the request only. It
// stores nothing and knows no peers; package index keeps the bytes.
//
// # What is kept
//
// Of data E a record has the SHA3-256 state after E, with which H(E || seed)
// is computed for any seed, and one tag for every piece of Grain(size) bytes.
// Its size follows from that of E and never changes: at most 7,920 bytes up to
// 64 MiB, then 16 bytes for every 144 KiB (29 KiB for 256 MiB, the largest
// chunk). More tags, and not longer pieces, because checking costs time by the
// length of the piece asked for, mostly for the SHA3 of the Pedersen opening:
// with at most 144 KiB it stays below one millisecond of CPU.
//
// # Tags
//
// A tag is the 128-bit GMAC of the piece, AES-256-GCM with the piece as
// additional data and no plaintext, under the number of the piece as nonce and
// a key of the datum's own. GMAC is chosen because it works at memory speed
// where the processor has AES and carry-less multiplication: 7.6 GB/s measured
// where keyed BLAKE2b does 0.5 and SHA3-256 0.2, so tags add 3 % to the hashing. What speaks
// against it elsewhere does not apply: a nonce is never used for two messages,
// since the key is bound to H(E) and the version; and tags are never shown to
// anybody, so a forger has one blind guess per challenge, which succeeds with
// at most 2^-114 for 144 KiB (one root of a polynomial of degree 9,217 among
// 2^128).
//
// # Secret
//
// Keys are derived from the asker's hotkey (SecretOf), which validator and
// gateway of one operator share, and are stored nowhere: who reads the index
// learns no tag key, and who writes to it cannot make a record, which ends in a
// GMAC of itself. A record of another hotkey, or a damaged one, does not open
// and is as good as none.
//
// # What it proves
//
// A challenge is for the piece around a byte drawn evenly, in pieces of a
// random multiple of Grain. Whatever a miner keeps: if it lacks a fraction f of
// the bytes, the piece has one of these with a probability of at least f, and
// then the answer fails but for a forged tag. So c challenges are passed with
// at most (1-f)^c + c·2^-114, whatever the miner has seen before. The chain
// over the state adds that the answerer knows the state and the last seed; it
// is what a replay or a thief lacks, but who keeps the state can drop E, so the
// bound rests on the tags alone.
//
// Enter at Secret.Record and Secret.Open.
package audit

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/filetao/filetao/proof"
)

const (
	version  = 1
	tagSize  = 16
	fewTags  = 480       // up to that many until pieces are maxPiece long
	minPiece = 256       // bytes, the least that the reference asks for
	maxPiece = 144 << 10 // bytes asked for at most, unless maxTags are not enough
	maxTags  = proof.MaxAskedPieces

	headSize  = 1 + 8 // version, size
	stateSize = 207   // of crypto/sha3's format

	// MaxRecord bounds an encoded record in bytes, whatever the size of the data.
	MaxRecord = headSize + stateSize + maxTags*tagSize + tagSize
	// MaxData bounds the data that can have a record, in bytes.
	MaxData = proof.MaxAskedPieces * proof.MaxPiece
)

var (
	// ErrRecord is returned for bytes that are no record of the named data
	// under this secret, and for data that can have none.
	ErrRecord = errors.New("audit: no record of this data")
	// ErrPiece is returned for a piece that is not of the data. It is a
	// proof.ErrProof.
	ErrPiece = fmt.Errorf("%w: the piece is not of the data", proof.ErrProof)
	// ErrSeed is returned for a link of the chain that is over none of the
	// seeds given. It is a proof.ErrProof.
	ErrSeed = fmt.Errorf("%w: the link is over no seed that the miner may have", proof.ErrProof)
)

// Secret is what all tag keys are derived from.
type Secret [32]byte

// SecretOf derives the secret from a hotkey's private key in hex: HKDF-SHA256
// (RFC 5869) of that text without salt, info "filetao audit secret v1".
func SecretOf(privateKeyHex string) Secret {
	return Secret(derived(hkdf.Key(sha256.New, []byte(privateKeyHex), nil, "filetao audit secret v1", 32)))
}

// keyed is AES-256-GCM under the datum's key: HKDF-Expand of the secret, info
// "filetao audit tags v1" and the 32 bytes of H(E).
func (s Secret) keyed(hash proof.Digest) (cipher.AEAD, error) {
	key, err := hkdf.Expand(sha256.New, s[:], "filetao audit tags v1"+string(hash[:]), 32)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return cipher.NewGCM(block)
}

// derived is 32 bytes of HKDF, which only fails for more than 8,160.
func derived(key []byte, err error) []byte {
	if err != nil {
		panic("audit: " + err.Error())
	}
	return key
}

// Grain is the length in bytes of the pieces that data of that many bytes has
// tags of; the last may be shorter.
func Grain(size int64) int64 {
	g := min(max(minPiece, count(size, fewTags)), maxPiece)
	return count(max(g, count(size, maxTags)), minPiece) * minPiece
}

// count is size / piece, rounded up.
func count(size, piece int64) int64 { return (size + piece - 1) / piece }

// Record is what is kept of one datum. It does not change, and many may use it.
type Record struct {
	hash  string
	size  int64
	grain int64
	state *proof.State
	tags  []byte
	aead  cipher.AEAD
}

// Record makes the record of data, whose bytes, and no others, were written to
// state. The state is kept and must not be written to any more. ErrRecord for
// data of no bytes and of more than MaxData.
func (s Secret) Record(data []byte, state *proof.State) (*Record, error) {
	size, digest := int64(len(data)), state.Hash()
	if size == 0 || size > MaxData {
		return nil, fmt.Errorf("%w: %d bytes", ErrRecord, size)
	}
	aead, err := s.keyed(digest)
	if err != nil {
		return nil, err
	}
	r := &Record{hash: digest.String(), size: size, grain: Grain(size), state: state, aead: aead}
	r.tags = make([]byte, 0, count(size, r.grain)*tagSize)
	for i := int64(0); i*r.grain < size; i++ {
		r.tags = aead.Seal(r.tags, nonce(uint64(i)), nil, data[i*r.grain:min(size, (i+1)*r.grain)])
	}
	return r, nil
}

// own is the number under which a record's own tag is made.
const own = 1<<64 - 1

func nonce(number uint64) []byte {
	return binary.BigEndian.AppendUint64(make([]byte, 4, 12), number)
}

// Hash is H(E) in decimal.
func (r *Record) Hash() string { return r.hash }

// Size is the length of E in bytes.
func (r *Record) Size() int64 { return r.size }

// State is SHA3-256 over E, to be read only.
func (r *Record) State() *proof.State { return r.state }

// MarshalBinary encodes the record: a byte 1; the size, 8 bytes big-endian; the
// state as crypto/sha3 writes it, 207 bytes; the tags by piece, 16 bytes each;
// and the GMAC of all that under nonce 2^64-1.
func (r *Record) MarshalBinary() ([]byte, error) {
	state, err := r.state.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	b := make([]byte, 0, headSize+len(state)+len(r.tags)+tagSize)
	b = binary.BigEndian.AppendUint64(append(b, version), uint64(r.size))
	b = append(append(b, state...), r.tags...)
	return r.aead.Seal(b, nonce(own), nil, b), nil
}

// Open reads what MarshalBinary wrote under the same secret for the data with
// that hash, in decimal. Everything else is ErrRecord.
func (s Secret) Open(hash string, b []byte) (*Record, error) {
	digest, err := proof.ParseDigest(hash)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if len(b) < headSize+stateSize+2*tagSize || len(b) > MaxRecord || b[0] != version {
		return nil, fmt.Errorf("%w: %d bytes of a version that is not %d", ErrRecord, len(b), version)
	}
	aead, err := s.keyed(digest)
	if err != nil {
		return nil, err
	}
	body, tag := b[:len(b)-tagSize], b[len(b)-tagSize:]
	if _, err := aead.Open(nil, nonce(own), tag, body); err != nil {
		return nil, fmt.Errorf("%w: its tag is wrong", ErrRecord)
	}
	size := binary.BigEndian.Uint64(body[1:headSize])
	if size == 0 || size > MaxData {
		return nil, fmt.Errorf("%w: of %d bytes", ErrRecord, size)
	}
	r := &Record{hash: hash, size: int64(size), grain: Grain(int64(size)), state: proof.NewState(), aead: aead}
	r.tags = append(r.tags, body[headSize+stateSize:]...)
	if int64(len(r.tags)) != count(r.size, r.grain)*tagSize {
		return nil, fmt.Errorf("%w: %d bytes of tags", ErrRecord, len(r.tags))
	}
	if err := r.state.UnmarshalBinary(body[headSize : headSize+stateSize]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if r.state.Hash() != digest {
		return nil, fmt.Errorf("%w: its state is of other data", ErrRecord)
	}
	return r, nil
}
