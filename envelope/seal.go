package envelope

import (
	"errors"
	"fmt"
	"io"
)

var (
	// ErrShort is returned by a Sealer whose text ends before its size.
	ErrShort = errors.New("text is shorter than it was said to be")
	// ErrLong is returned by a Sealer whose text goes on after its size.
	ErrLong = errors.New("text is longer than it was said to be")
)

// sealer gives the sealed form out. It holds one piece and the byte after it,
// since only that byte says whether the piece is the last.
type sealer struct {
	cipher pieceCipher
	plain  io.Reader
	size   int64 // negative: not known
	read   int64 // so far
	piece  int64 // the next
	buf    [PieceSize + 1]byte
	kept   int // 1 once buf[0] is read already
	room   [SealedPieceSize]byte
	rest   []byte // sealed and not given out yet
	err    error
}

// NewSealer gives the sealed form of a text in format 2: pieces of PieceSize
// bytes, the last of what is left, each sealed with AES-256-GCM and followed by its
// tag; nothing else. An empty text is one empty piece. The key must be for this
// text alone.
//
// The text has size bytes, or as many as come if size is negative. Reading fails
// with ErrShort or ErrLong if it has not, before the last piece is given out, and
// with the text's own error. Memory is two pieces, whatever the size.
func NewSealer(k FileKey, plain io.Reader, size int64) io.Reader {
	return &sealer{cipher: newPieceCipher(k), plain: plain, size: size}
}

func (s *sealer) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(s.rest) > 0 {
			m := copy(p[n:], s.rest)
			s.rest = s.rest[m:]
			n += m
			continue
		}
		if s.err != nil || n > 0 && len(p)-n < SealedPieceSize {
			break
		}
		n += s.next(p[n:])
	}
	if n == 0 && len(p) > 0 {
		return 0, s.err
	}
	return n, nil
}

// next seals a piece into p, if it has room for all of it, and else into rest.
func (s *sealer) next(p []byte) int {
	n, end, err := fill(s.plain, s.buf[s.kept:])
	s.read += int64(n)
	n += s.kept
	switch {
	case err != nil:
		s.err = fmt.Errorf("seal: %w", err)
	case s.size >= 0 && s.read > s.size:
		s.err = fmt.Errorf("%w: more than %d bytes", ErrLong, s.size)
	case s.size >= 0 && end && s.read < s.size:
		s.err = fmt.Errorf("%w: %d bytes of %d", ErrShort, s.read, s.size)
	}
	if s.err != nil {
		return 0
	}
	if end {
		s.err = io.EOF
	}
	dst, direct := s.room[:0], len(p) >= SealedPieceSize
	if direct {
		dst = p[:0]
	}
	sealed := s.cipher.gcm.Seal(dst, s.cipher.at(s.piece, end), s.buf[:min(n, PieceSize)], nil)
	s.piece++
	s.buf[0], s.kept = s.buf[PieceSize], 1
	if direct {
		return len(sealed)
	}
	s.rest = sealed
	return 0
}

// PieceSealer seals pieces of one text in any order.
type PieceSealer struct {
	cipher pieceCipher
	last   int64 // the last piece
}

// NewPieceSealer is for a text of so many bytes, 0 to 2^62, for which alone the key
// must be.
func NewPieceSealer(k FileKey, size int64) PieceSealer {
	return PieceSealer{newPieceCipher(k), pieces(size, PieceSize) - 1}
}

// Append appends what NewSealer gives for some pieces of the text: plain is all of
// the text from piece first on, or as much as whole pieces hold. What is sealed
// twice must be the same bytes both times, or the key is given away.
func (s PieceSealer) Append(dst, plain []byte, first int64) []byte {
	for piece := first; ; piece++ {
		p := plain[:min(len(plain), PieceSize)]
		dst = s.cipher.gcm.Seal(dst, s.cipher.at(piece, piece == s.last), p, nil)
		if plain = plain[len(p):]; len(plain) == 0 {
			return dst
		}
	}
}
