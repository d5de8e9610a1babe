package envelope

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// UserKey is what the keys of one user's files are derived from, in format 2. It
// is a secret and formats as a placeholder.
type UserKey [keySize]byte

// String hides the key.
func (UserKey) String() string { return "envelope.UserKey(hidden)" }

// GoString hides the key.
func (k UserKey) GoString() string { return k.String() }

// FileKey seals one file in format 2. It is a secret and formats as a
// placeholder.
type FileKey [keySize]byte

// String hides the key.
func (FileKey) String() string { return "envelope.FileKey(hidden)" }

// GoString hides the key.
func (k FileKey) GoString() string { return k.String() }

// UserKeyOf derives the key from a coldkey's private key, the text of
// wallet.Keypair.PrivateKeyHex: HKDF-SHA256 (RFC 5869) of that text without
// salt, info "filetao user key v2". The text has 512 bits that nobody can
// guess, so nothing is stretched, and this takes microseconds.
func UserKeyOf(privateKeyHex string) UserKey {
	return UserKey(derived(hkdf.Key(sha256.New, []byte(privateKeyHex), nil, "filetao user key v2", keySize)))
}

// FileKey is the key of the file with this salt: HKDF-Expand of the user's key,
// info "filetao file key v2" and the salt. One FileKey may seal one text only,
// so the salt is Salt of the text, or drawn at random.
func (k UserKey) FileKey(salt [32]byte) FileKey {
	return FileKey(derived(hkdf.Expand(sha256.New, k[:], "filetao file key v2"+string(salt[:]), keySize)))
}

// Salt is the salt of a text by its hash, a collision-resistant one of all of it:
// HKDF-Expand of the user's key, info "filetao file salt v2" and the hash. The same
// text of one user so has the same sealed bytes each time, and a put that was
// interrupted can go on; to others neither salt nor bytes say what the text is.
func (k UserKey) Salt(contentHash [32]byte) [32]byte {
	return [32]byte(derived(hkdf.Expand(sha256.New, k[:], "filetao file salt v2"+string(contentHash[:]), keySize)))
}

// ErrPayload is returned for a payload that says it is of a format beyond the
// reference's, and is not format 2 as Payload2 writes it.
var ErrPayload = errors.New("payload of an unknown format")

const (
	payloadOurs = `{"v":` // how payloads begin of formats other than the reference's
	payloadHead = payloadOurs + `2,"cipher":"AES-256-GCM-64K","salt":"`
	payloadTail = `"}`
)

// Payload2 is the payload of a file of format 2 with this salt: 108 bytes.
func Payload2(salt [32]byte) string { return payloadHead + hex.EncodeToString(salt[:]) + payloadTail }

// ParsePayload2 reads what Payload2 writes and nothing else. ok is false for a
// payload of the reference, or none. The error is ErrPayload.
func ParsePayload2(s string) (salt [32]byte, ok bool, err error) {
	if !strings.HasPrefix(s, payloadOurs) {
		return salt, false, nil
	}
	digits := strings.TrimSuffix(strings.TrimPrefix(s, payloadHead), payloadTail)
	if len(s) == len(payloadHead)+2*len(salt)+len(payloadTail) && len(digits) == 2*len(salt) {
		if _, err := hex.Decode(salt[:], []byte(digits)); err == nil && Payload2(salt) == s {
			return salt, true, nil
		}
	}
	return [32]byte{}, false, fmt.Errorf("%w: %.80q", ErrPayload, s)
}
