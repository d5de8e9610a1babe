// Package envelope is the encryption of user data, and what makes the replicas and
// shards of miners differ.
//
// Format 2 is how new files are sealed: in pieces, as a stream, with keys that
// derive from the owner's. Enter at [UserKeyOf], then [NewSealer] and [NewOpener].
//
// The reference's format is AES-256-GCM under a random key, and that key sealed
// with NaCl secretbox under a key derived from a coldkey. It holds whole messages in
// memory and has no streaming form, since it authenticates nothing before its
// end. The sealed part, the payload, travels and is stored beside the ciphertext;
// a gateway puts a second envelope of its own around the first. Enter at
// [DeriveKey], then [Seal] and [Open].
//
// Masks are [MaskSecret] for replicas and [ShardSecret] for shards. The package
// knows no wallets: the caller hands in the private key's text.
package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/nacl/secretbox"
)

// NoPayload is the payload of data that is not encrypted.
const NoPayload = "{}"

// MaxPayload is the longest payload, in bytes, that Open reads. A sealed one has
// about 450.
const MaxPayload = 4096

// Overhead is the spare capacity, in bytes, with which Seal and Open work in
// place; with less they copy the data once.
const Overhead = tagSize

// ErrOpen says that the key is another one or the data were changed; which of
// the two cannot be told.
var ErrOpen = errors.New("envelope does not open with this key")

const (
	keySize   = 32
	nonceSize = 16 // AES-GCM with the reference's 16-byte nonce, not the usual 12
	tagSize   = 16
	boxNonce  = 24
	passes    = 8          // libsodium's OPSLIMIT_SENSITIVE for Argon2i
	memoryKiB = 512 * 1024 // and MEMLIMIT_SENSITIVE
	parallel  = 1
	saltOfAll = "\x13\x71\x83\xdf\xf1\x5a\x09\xbc\x9c\x90\xb5\x51\x87\x39\xe9\xb1"
)

// Key opens the payloads of one user or gateway. It is a secret; it formats as
// a placeholder.
type Key [keySize]byte

// String hides the key.
func (Key) String() string { return "envelope.Key(hidden)" }

// GoString hides the key.
func (k Key) GoString() string { return k.String() }

// DeriveKey stretches a secret text with Argon2i 1.3 at libsodium's "sensitive"
// limits and the fixed salt of bittensor: for user data the 128 hex digits of
// wallet.Keypair.PrivateKeyHex, for a $NACL key file its password. It takes
// seconds and 512 MiB of memory: do it once per unlock, keep the Key, and never
// run two at a time.
func DeriveKey(privateKeyHex string) Key {
	return Key(argon2.Key([]byte(privateKeyHex), []byte(saltOfAll), passes, memoryKiB, parallel, keySize))
}

// inner is what the payload seals; outer is the payload as it travels. Both are
// hex texts in JSON, in this order.
type inner struct {
	AESKey string `json:"aes_key"`
	Nonce  string `json:"nonce"`
	Tag    string `json:"tag"`
}

type outer struct {
	Nonce      string `json:"nonce"`
	Ciphertext string `json:"ciphertext"`
}

// Seal encrypts plaintext under a fresh AES key from rand and seals that key
// for the holder of key. The ciphertext has the plaintext's length and overwrites
// it; up to Overhead bytes of the slice's spare capacity are written to as well.
// It fails only if rand does.
func Seal(rand io.Reader, key Key, plaintext []byte) (ciphertext []byte, payload string, err error) {
	var random [keySize + nonceSize + boxNonce]byte
	if _, err := io.ReadFull(rand, random[:]); err != nil {
		return nil, "", fmt.Errorf("seal: %w", err)
	}
	aesKey, nonce, box := random[:keySize], random[keySize:keySize+nonceSize], [boxNonce]byte(random[keySize+nonceSize:])
	gcm, err := newGCM(aesKey)
	if err != nil {
		return nil, "", fmt.Errorf("seal: %w", err)
	}
	sealed := gcm.Seal(plaintext[:0], nonce, plaintext, nil)
	ciphertext, tag := sealed[:len(plaintext)], sealed[len(plaintext):]
	payload, err = sealPayload(key, box, inner{hex.EncodeToString(aesKey), hex.EncodeToString(nonce), hex.EncodeToString(tag)})
	return ciphertext, payload, err
}

func sealPayload(key Key, nonce [boxNonce]byte, in inner) (string, error) {
	text, err := json.Marshal(in)
	if err != nil {
		return "", fmt.Errorf("seal payload: %w", err)
	}
	box := secretbox.Seal(nil, text, &nonce, (*[keySize]byte)(&key))
	payload, err := json.Marshal(outer{hex.EncodeToString(nonce[:]), hex.EncodeToString(box)})
	if err != nil {
		return "", fmt.Errorf("seal payload: %w", err)
	}
	return string(payload), nil
}

// Open checks and decrypts what Seal made. The plaintext overwrites the
// ciphertext; up to Overhead bytes of the slice's spare capacity are written to as
// well. After an error the slice's content is lost. It fails with ErrOpen if the key or the data
// are wrong or the payload is not one (NoPayload is none).
func Open(key Key, ciphertext []byte, payload string) (plaintext []byte, err error) {
	in, err := openPayload(key, payload)
	if err != nil {
		return nil, err
	}
	aesKey, err1 := unhex(in.AESKey, keySize)
	nonce, err2 := unhex(in.Nonce, nonceSize)
	tag, err3 := unhex(in.Tag, tagSize)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOpen, err)
	}
	gcm, err := newGCM(aesKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOpen, err)
	}
	whole := append(ciphertext, tag...)
	plaintext, err = gcm.Open(whole[:0], nonce, whole, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: the data fail authentication", ErrOpen)
	}
	return plaintext, nil
}

func openPayload(key Key, payload string) (inner, error) {
	if len(payload) > MaxPayload {
		return inner{}, fmt.Errorf("%w: payload of %d bytes, at most %d", ErrOpen, len(payload), MaxPayload)
	}
	var out outer
	if err := json.Unmarshal([]byte(payload), &out); err != nil {
		return inner{}, fmt.Errorf("%w: payload: %w", ErrOpen, err)
	}
	nonce, err := unhex(out.Nonce, boxNonce)
	if err != nil {
		return inner{}, fmt.Errorf("%w: payload nonce: %w", ErrOpen, err)
	}
	box, err := hex.DecodeString(out.Ciphertext)
	if err != nil {
		return inner{}, fmt.Errorf("%w: payload ciphertext: %w", ErrOpen, err)
	}
	text, ok := secretbox.Open(nil, box, (*[boxNonce]byte)(nonce), (*[keySize]byte)(&key))
	if !ok {
		return inner{}, ErrOpen
	}
	var in inner
	if err := json.Unmarshal(text, &in); err != nil {
		return inner{}, fmt.Errorf("%w: sealed payload is not what it should be", ErrOpen)
	}
	return in, nil
}

func unhex(text string, size int) ([]byte, error) {
	if len(text) != 2*size {
		return nil, fmt.Errorf("%d hex digits, want %d", len(text), 2*size)
	}
	return hex.DecodeString(text)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithNonceSize(block, nonceSize)
}
