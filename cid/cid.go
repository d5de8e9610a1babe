// Package cid makes and checks the one form of content id FileTAO uses for a
// whole file: CIDv1, codec raw, multihash sha2-256, base32 lower-case
// ("bafkrei…", 59 characters). It is no general CID library: every other
// version, codec, hash or base is an error. Enter at Sum, or at NewHasher for
// data that streams by.
package cid

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"hash"
)

// ErrInvalid is returned for text that is not a content id of our form.
var ErrInvalid = errors.New("cid: not a CIDv1 of raw bytes by sha2-256 in base32")

// prefix is version 1, codec raw, hash sha2-256, 32 bytes of it
// (github.com/multiformats/cid, multicodec table).
const prefix = "\x01\x55\x12\x20"

// length is that of the text: the multibase letter and 36 bytes in base32.
const length = 1 + 58

// Sum is the content id of data.
func Sum(data []byte) string {
	h := NewHasher()
	h.Write(data)
	return h.CID()
}

// Hasher computes a content id of what is written to it.
type Hasher struct{ sum hash.Hash }

// NewHasher starts a content id of no bytes yet.
func NewHasher() *Hasher { return &Hasher{sha256.New()} }

// Write takes more bytes. It never fails.
func (h *Hasher) Write(p []byte) (int, error) { return h.sum.Write(p) }

// CID is the content id of everything written so far. Writing may go on.
func (h *Hasher) CID() string { return encode(h.sum.Sum([]byte(prefix))) }

// Parse returns ErrInvalid unless s is a content id exactly as Sum writes it.
func Parse(s string) error {
	if len(s) != length || s[0] != 'b' {
		return fmt.Errorf("%w: %.80q", ErrInvalid, s)
	}
	raw, err := encoding().DecodeString(s[1:])
	// Encoding again refuses what the decoder forgives: line breaks, spare bits.
	if err != nil || len(raw) != len(prefix)+sha256.Size || string(raw[:len(prefix)]) != prefix || encode(raw) != s {
		return fmt.Errorf("%w: %.80q", ErrInvalid, s)
	}
	return nil
}

func encode(raw []byte) string { return "b" + encoding().EncodeToString(raw) }

// encoding is multibase's "b": RFC 4648 base32 in lower case without padding.
func encoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}
