package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
)

// ShardSecret is what the masks and the tags of one file's shards are derived from.
// It is a secret and formats as a placeholder.
type ShardSecret [32]byte

// String hides the secret.
func (ShardSecret) String() string { return "envelope.ShardSecret(hidden)" }

// GoString hides the secret.
func (s ShardSecret) GoString() string { return s.String() }

// ShardMask turns a shard into what one miner keeps of it and back. Many may use
// it at the same time.
type ShardMask struct{ block cipher.Block }

// Mask is for a segment's shard of that number, from 0, at the miner with that
// public key. segment names the segment before its bytes are known, as
// manifest.SegmentName does.
//
// The mask is the keystream of AES-256-CTR, whose counter begins at zero and whose
// key is HKDF-Expand of the secret with info "filetao shard mask v1", segment,
// number (4 bytes, big-endian) and miner. It makes what two miners keep differ in
// something that neither can know: so one cannot answer from the other's shard,
// nor code a shard that it lacks out of Data others. It authenticates nothing, and
// hides nothing that is not sealed already: other bytes put again under one name
// have the same mask, so that the miner sees where they differ.
func (s ShardSecret) Mask(segment [32]byte, number int, miner [32]byte) *ShardMask {
	info := make([]byte, 0, 128)
	info = append(info, "filetao shard mask v1"...)
	info = append(info, segment[:]...)
	info = binary.BigEndian.AppendUint32(info, uint32(number))
	info = append(info, miner[:]...)
	block, err := aes.NewCipher(derived(hkdf.Expand(sha256.New, s[:], string(info), keySize)))
	if err != nil {
		panic("envelope: " + err.Error()) // the key is 32 bytes long
	}
	return &ShardMask{block}
}

// Tag is under which the miner with that public key keeps a shard of a segment, so
// that whoever has the secret finds it there without knowing its root: HKDF-Expand
// of the secret with info "filetao shard tag v1", segment and miner. segment is the
// segment's ID (manifest.SegmentID), which stands for its bytes too: what was put
// under the same name before has other tags.
//
// It is another one at each miner, so that those that were asked for theirs can
// neither see who else has shards of the segment nor ask them.
func (s ShardSecret) Tag(segment, miner [32]byte) [32]byte {
	return s.expand("filetao shard tag v1", segment, miner, nil)
}

// Vouch is the word of whoever has the secret that the miner with that public key
// was given the shard of that number, and that it has that root as it is masked:
// HKDF-Expand of the secret with info "filetao shard root v1", segment, miner,
// number (4 bytes, big-endian) and root. Nobody else can make it, so a root that
// comes with it is as good as one out of an index.
func (s ShardSecret) Vouch(segment, miner [32]byte, number int, root [32]byte) [32]byte {
	return s.expand("filetao shard root v1", segment, miner, append(binary.BigEndian.AppendUint32(nil, uint32(number)), root[:]...))
}

func (s ShardSecret) expand(about string, segment, miner [32]byte, more []byte) [32]byte {
	info := make([]byte, 0, 128)
	info = append(append(append(info, about...), segment[:]...), miner[:]...)
	return [32]byte(derived(hkdf.Expand(sha256.New, s[:], string(append(info, more...)), 32)))
}

// XOR masks or unmasks, in place, what begins at offset of the shard, from 0.
func (m *ShardMask) XOR(p []byte, offset int64) {
	var scratch [2 * aes.BlockSize]byte // one allocation, not two
	counter, skipped := scratch[:aes.BlockSize], scratch[aes.BlockSize:]
	binary.BigEndian.PutUint64(counter[8:], uint64(offset)/aes.BlockSize)
	stream := cipher.NewCTR(m.block, counter)
	if skipped = skipped[:uint64(offset)%aes.BlockSize]; len(skipped) > 0 {
		stream.XORKeyStream(skipped, skipped)
	}
	stream.XORKeyStream(p, p)
}
