package fleet

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

const (
	labelVersion = 1
	labelNonce   = 12
	labelTag     = 16
	// Owner, upload, index, size, root, scheme, number and secret.
	labelText = 32 + 16 + 4 + 8 + 32 + 2 + 1 + 32
	labelSize = 1 + labelNonce + labelText + labelTag
)

// ErrLabel is returned for a label that says nothing: there is none, it is in no
// form that is known, or it was sealed by another hotkey or for another shard.
var ErrLabel = errors.New("no readable label")

// labelSecret seals what a miner keeps beside a shard for the day on which nobody
// else remembers what the shard is. It is a secret and formats as a placeholder.
type labelSecret [32]byte

func (labelSecret) String() string   { return "fleet.labelSecret(hidden)" }
func (labelSecret) GoString() string { return "fleet.labelSecret(hidden)" }

// labelSecretOf derives it from the private key of the hotkey that asks, the text
// of wallet.Keypair.PrivateKeyHex: HKDF-SHA256 of that text without salt, info
// "filetao label v1".
func labelSecretOf(privateKeyHex string) labelSecret {
	key, err := hkdf.Key(sha256.New, []byte(privateKeyHex), nil, "filetao label v1", len(labelSecret{}))
	if err != nil {
		panic("fleet: " + err.Error()) // the length is one that there can be
	}
	return labelSecret(key)
}

func (s labelSecret) aead() cipher.AEAD {
	block, err := aes.NewCipher(s[:])
	if err == nil {
		var a cipher.AEAD
		if a, err = cipher.NewGCM(block); err == nil {
			return a
		}
	}
	panic("fleet: " + err.Error()) // the key is 32 bytes long
}

// boundTo is what a label is sealed for: that miner's shard of that root.
func boundTo(p receipt.Pledge) ([]byte, error) {
	miner, err := p.Miner.PublicKey()
	return slices.Concat([]byte{labelVersion}, miner[:], p.Hash[:]), err
}

// seal makes a label: the byte 1; a nonce, 12 bytes drawn from rand; and under
// AES-256-GCM, with the byte, the miner's public key and the shard's root as
// additional data, the owner's public key, the upload (16 bytes), the segment's
// place in the file (4) and its size (8), its root, the scheme's Data and Total
// (1 each), the shard's number (1) and the secret of the masks (32). Numbers are
// big-endian. The segment's ID follows from these.
func (s labelSecret) seal(rand io.Reader, seg index.Segment, number int, p receipt.Pledge) ([]byte, error) {
	owner, err1 := seg.Owner.PublicKey()
	upload, err2 := hex.DecodeString(seg.Upload)
	root, err3 := erasure.ParseRoot(seg.Root)
	bound, err4 := boundTo(p)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	b := make([]byte, 1+labelNonce, labelSize)
	b[0] = labelVersion
	if _, err := io.ReadFull(rand, b[1:]); err != nil {
		return nil, fmt.Errorf("randomness: %w", err)
	}
	text := slices.Concat(owner[:], upload)
	text = binary.BigEndian.AppendUint32(text, uint32(seg.Index))
	text = binary.BigEndian.AppendUint64(text, uint64(seg.Size))
	text = append(text, root[:]...)
	text = append(text, byte(seg.Scheme.Data), byte(seg.Scheme.Total), byte(number))
	if text = append(text, seg.Secret...); len(text) != labelText {
		return nil, fmt.Errorf("label: an upload of %d bytes and a secret of %d", len(upload), len(seg.Secret))
	}
	return s.aead().Seal(b, b[1:], text, bound), nil
}

// findable is a label with what the segment's owner finds the shard by at its miner
// when nobody remembers where it is.
func findable(label []byte, seg index.Segment, number int, p receipt.Pledge) ([]byte, error) {
	id, err1 := proof.ParseDigest(seg.ID)
	miner, err2 := p.Miner.PublicKey()
	if err := errors.Join(err1, err2); err != nil || len(seg.Secret) != len(envelope.ShardSecret{}) {
		return nil, fmt.Errorf("finding: segment %.80q with a secret of %d bytes: %w", seg.ID, len(seg.Secret), err)
	}
	secret := envelope.ShardSecret(seg.Secret)
	f := wire.Finding{Tag: secret.Tag(id, miner), Number: number, Voucher: secret.Vouch(id, miner, number, p.Hash)}
	return append(label, f.Encode()...), nil
}

// open reads a label, with or without what findable adds: which shard of which
// segment the pledge is about. It fails with ErrLabel.
func (s labelSecret) open(label []byte, p receipt.Pledge) (seg index.Segment, number int, err error) {
	if len(label) == wire.FindableLabel {
		label = label[:labelSize]
	}
	bound, err := boundTo(p)
	if err != nil || len(label) != labelSize || label[0] != labelVersion {
		return seg, 0, fmt.Errorf("%w: %d bytes", ErrLabel, len(label))
	}
	text, err := s.aead().Open(nil, label[1:1+labelNonce], label[1+labelNonce:], bound)
	if err != nil {
		return seg, 0, fmt.Errorf("%w: %w", ErrLabel, err)
	}
	spec := SegmentSpec{
		Owner: wallet.AddressOf([32]byte(text)), Upload: [16]byte(text[32:]),
		Index: int(binary.BigEndian.Uint32(text[48:])), Size: int64(binary.BigEndian.Uint64(text[52:])),
		Scheme: erasure.Scheme{Data: int(text[92]), Total: int(text[93])}, Secret: envelope.ShardSecret(text[95:]),
	}
	number = int(text[94])
	if err := spec.Scheme.Check(); err != nil {
		return seg, 0, fmt.Errorf("%w: %w", ErrLabel, err)
	}
	if number >= erasure.MaxTotal || spec.Index >= manifest.MaxSegments || spec.Size < 1 || spec.Size > erasure.MaxSegment ||
		spec.Scheme.ShardSize(spec.Size) != p.Size {
		return seg, 0, fmt.Errorf("%w: shard %d of %d bytes of segment %d of %d, coded %v", ErrLabel, number, p.Size, spec.Index, spec.Size, spec.Scheme)
	}
	seg, err = spec.segment(erasure.Root(text[60:92]))
	return seg, number, err
}
