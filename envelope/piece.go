package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"
)

// PieceSize is how many bytes of plaintext each piece of format 2 has, but the
// last.
const PieceSize = 64 << 10

// SealedPieceSize is how many bytes each piece has sealed, but the last.
const SealedPieceSize = PieceSize + tagSize

const maxPlain = 1 << 62

// SealedSize is the length of the sealed form of so many bytes, in format 2:
// a tag for each piece more. 0 for a size below 0 or above 2^62.
func SealedSize(plain int64) int64 {
	if plain < 0 || plain > maxPlain {
		return 0
	}
	return plain + tagSize*pieces(plain, PieceSize)
}

// PlainSize is the length of what the sealed form of so many bytes opens to. It
// fails with ErrOpen if no sealed form has that length.
func PlainSize(sealed int64) (int64, error) {
	plain := sealed - tagSize*pieces(sealed, SealedPieceSize)
	if plain < 0 || SealedSize(plain) != sealed {
		return 0, fmt.Errorf("%w: nothing has %d bytes sealed", ErrOpen, sealed)
	}
	return plain, nil
}

// pieces is how many pieces of that length there are; an empty text has one.
func pieces(size, piece int64) int64 { return max(1, (size-1)/piece+1) }

// Pieces says which part of the sealed form, in format 2, holds length bytes of
// the plaintext from offset on: sealedLength bytes from sealedOffset, which begin
// with piece firstPiece and open to skip other bytes first. What is asked for
// beyond plainSize does not count; of nothing, sealedLength is 0.
func Pieces(offset, length, plainSize int64) (firstPiece, sealedOffset, sealedLength, skip int64) {
	if offset < 0 || offset >= plainSize || length <= 0 || SealedSize(plainSize) == 0 {
		return 0, 0, 0, 0
	}
	last := (offset + min(length, plainSize-offset) - 1) / PieceSize
	firstPiece = offset / PieceSize
	sealedOffset = firstPiece * SealedPieceSize
	end := min((last+1)*SealedPieceSize, SealedSize(plainSize))
	return firstPiece, sealedOffset, end - sealedOffset, offset % PieceSize
}

// pieceCipher seals or opens the pieces of one text. The nonce of a piece is its
// number, 11 bytes big-endian, and a byte that is 1 for the last: so a piece
// passes at its own place only, and no other can be the end (V. T. Hoang et al.,
// "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015:
// STREAM).
type pieceCipher struct {
	gcm   cipher.AEAD
	nonce [12]byte
}

func newPieceCipher(k FileKey) pieceCipher {
	block, err := aes.NewCipher(k[:])
	if err == nil {
		var gcm cipher.AEAD
		if gcm, err = cipher.NewGCM(block); err == nil {
			return pieceCipher{gcm: gcm}
		}
	}
	panic("envelope: " + err.Error()) // the key is 32 bytes long
}

func (c *pieceCipher) at(piece int64, last bool) []byte {
	binary.BigEndian.PutUint64(c.nonce[3:], uint64(piece))
	c.nonce[11] = 0
	if last {
		c.nonce[11] = 1
	}
	return c.nonce[:]
}

// fill reads until buf is full, or with end until r ends. Unlike io.ReadFull it
// tells a reader that ends from one that says it was cut off.
func fill(r io.Reader, buf []byte) (n int, end bool, err error) {
	for idle := 0; n < len(buf); idle++ {
		m, err := r.Read(buf[n:])
		if n += m; m > 0 {
			idle = 0
		}
		switch {
		case n == len(buf): // what else there is to say comes again
			return n, false, nil
		case err == io.EOF:
			return n, true, nil
		case err != nil:
			return n, false, err
		case idle == 100:
			return n, false, io.ErrNoProgress
		}
	}
	return n, false, nil
}
