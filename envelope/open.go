package envelope

import (
	"fmt"
	"io"
)

// opener gives the plaintext out. It holds one piece.
type opener struct {
	cipher pieceCipher
	sealed io.Reader
	plain  int64 // bytes of the whole text
	piece  int64 // the next
	buf    [SealedPieceSize]byte
	rest   []byte // opened and not given out yet
	err    error
}

// NewOpener gives what NewSealer sealed under the key, from piece fromPiece on,
// which is where sealed begins; the sealed form of the whole text has sealedSize
// bytes. Each piece is verified before a byte of it is given out, and the last
// only if sealed ends with it. Reading fails with ErrOpen if anything was changed,
// cut off, moved or added, or the key is another one, and with sealed's own error.
// Memory is one piece.
//
// Whoever wants a range gives the part that Pieces names, passes over what it
// says, and reads as many bytes as it wants and no more: to read on is to run into
// the part's end, which is ErrOpen.
func NewOpener(k FileKey, sealedSize int64, sealed io.Reader, fromPiece int64) io.Reader {
	o := &opener{cipher: newPieceCipher(k), sealed: sealed, piece: fromPiece}
	o.plain, o.err = PlainSize(sealedSize)
	if o.err == nil && (fromPiece < 0 || fromPiece >= pieces(o.plain, PieceSize)) {
		o.err = fmt.Errorf("%w: there is no piece %d in %d bytes", ErrOpen, fromPiece, sealedSize)
	}
	return o
}

func (o *opener) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(o.rest) > 0 {
			m := copy(p[n:], o.rest)
			o.rest = o.rest[m:]
			n += m
			continue
		}
		if o.err != nil || n > 0 && len(p)-n < PieceSize {
			break
		}
		n += o.next(p[n:])
	}
	if n == 0 && len(p) > 0 {
		return 0, o.err
	}
	return n, nil
}

// next opens a piece into p, if it has room for all of it, and else in place.
func (o *opener) next(p []byte) int {
	last := o.piece == pieces(o.plain, PieceSize)-1
	size := PieceSize
	if last {
		size = int(o.plain - o.piece*PieceSize)
	}
	sealed := o.buf[:size+tagSize]
	n, _, err := fill(o.sealed, sealed)
	if err == nil && n < len(sealed) {
		err = fmt.Errorf("%w: piece %d ends after %d bytes of %d", ErrOpen, o.piece, n, len(sealed))
	}
	if err == nil && last {
		err = o.end()
	}
	if err != nil {
		o.err = err
		return 0
	}
	dst, direct := sealed[:0], len(p) >= size
	if direct {
		dst = p[:0:size]
	}
	plain, err := o.cipher.gcm.Open(dst, o.cipher.at(o.piece, last), sealed, nil)
	if err != nil {
		o.err = fmt.Errorf("%w: piece %d fails authentication", ErrOpen, o.piece)
		return 0
	}
	o.piece++
	if last {
		o.err = io.EOF
	}
	if direct {
		return len(plain)
	}
	o.rest = plain
	return 0
}

// end is an error unless nothing follows.
func (o *opener) end() error {
	var more [1]byte
	n, _, err := fill(o.sealed, more[:])
	if n > 0 {
		return fmt.Errorf("%w: it goes on after its end", ErrOpen)
	}
	return err
}
