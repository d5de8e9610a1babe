package pack

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/filetao/filetao/envelope"
)

const (
	nonceSize = 12
	sealSize  = 1 + nonceSize + 16
)

// Key is what one hotkey names and seals its packs with. It is a secret and formats
// as a placeholder.
type Key [32]byte

// String hides the key.
func (Key) String() string { return "pack.Key(hidden)" }

// GoString hides the key.
func (k Key) GoString() string { return k.String() }

// KeyOf derives it from a hotkey's private key, the text of
// wallet.Keypair.PrivateKeyHex: HKDF-SHA256 (RFC 5869) of that text without salt,
// info "filetao pack v1".
func KeyOf(privateKeyHex string) Key {
	return Key(derived(hkdf.Key(sha256.New, []byte(privateKeyHex), nil, "filetao pack v1", len(Key{}))))
}

// derived is a key of HKDF, which only fails for lengths above 8,160 bytes.
func derived(key []byte, err error) []byte {
	if err != nil {
		panic("pack: " + err.Error()) // the length is one that there can be
	}
	return key
}

func (k Key) expand(info string, size int) []byte {
	return derived(hkdf.Expand(sha256.New, k[:], info, size))
}

// Upload is what the upload is called that a pack is the only segment of: its number
// (8 bytes, big-endian) and 8 bytes that show whose it is, HKDF-Expand of the key
// with info "filetao pack name v1" and the number.
func (k Key) Upload(number uint64) (upload [16]byte) {
	binary.BigEndian.PutUint64(upload[:], number)
	copy(upload[8:], k.expand("filetao pack name v1"+string(upload[:8]), 8))
	return upload
}

// Number is the number of the pack that is called so, if it is one of this key's.
func (k Key) Number(upload [16]byte) (uint64, bool) {
	n := binary.BigEndian.Uint64(upload[:])
	want := k.Upload(n)
	return n, subtle.ConstantTimeCompare(want[:], upload[:]) == 1
}

// Secret is what the masks of a pack's shards are made of: HKDF-Expand of the key
// with info "filetao pack masks v1" and the upload.
func (k Key) Secret(upload [16]byte) envelope.ShardSecret {
	return envelope.ShardSecret(k.expand("filetao pack masks v1"+string(upload[:]), len(envelope.ShardSecret{})))
}

// aead is AES-256-GCM under HKDF-Expand of the key with info "filetao pack seal v1".
func (k Key) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.expand("filetao pack seal v1", 32))
	if err == nil {
		var a cipher.AEAD
		if a, err = cipher.NewGCM(block); err == nil {
			return a
		}
	}
	panic("pack: " + err.Error()) // the key is 32 bytes long
}

// bound is what a pack is sealed for: its form and its name.
func (k Key) bound(number uint64) []byte {
	upload := k.Upload(number)
	return append([]byte{version}, upload[:]...)
}

// Seal is the pack as it is kept: the byte 1; a nonce, 12 bytes drawn from rand; and
// its encoding under AES-256-GCM, with the byte and the upload as additional data. It
// fails with ErrPack.
func (k Key) Seal(rand io.Reader, p Pack) ([]byte, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	b := p.encode(1+nonceSize, sealSize-1-nonceSize)
	b[0] = version
	if _, err := io.ReadFull(rand, b[1:1+nonceSize]); err != nil {
		return nil, fmt.Errorf("randomness: %w", err)
	}
	text := b[1+nonceSize:]
	k.aead().Seal(text[:0], b[1:1+nonceSize], text, k.bound(p.Number))
	return b[:len(b)+sealSize-1-nonceSize], nil
}

// Open reads the pack that has that number, of which it makes use: b is another text
// afterwards. It fails with ErrPack.
func (k Key) Open(b []byte, number uint64) (Pack, error) {
	if len(b) < sealSize || len(b) > MaxSize || b[0] != version {
		return Pack{}, fmt.Errorf("%w: %d bytes", ErrPack, len(b))
	}
	text, err := k.aead().Open(b[1+nonceSize:1+nonceSize], b[1:1+nonceSize], b[1+nonceSize:], k.bound(number))
	if err != nil {
		return Pack{}, fmt.Errorf("%w: %w", ErrPack, err)
	}
	p, err := decode(text)
	if err == nil && p.Number != number {
		err = fmt.Errorf("%w: number %d instead of %d", ErrPack, p.Number, number)
	}
	if err != nil {
		return Pack{}, err
	}
	return p, nil
}
