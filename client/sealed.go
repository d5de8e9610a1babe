package client

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/filetao/filetao/envelope"
)

const (
	blockPieces = contentBlock / envelope.PieceSize
	pieceTag    = 16
	sealedPiece = envelope.PieceSize + pieceTag
	sealedBlock = blockPieces * sealedPiece
)

// sealedContent is a content as it is handed in: sealed in the envelope's format
// 2, any part of which can be made without the others; or as it is.
type sealedContent struct {
	*content
	gcm  cipher.AEAD // nil: as it is
	size int64       // bytes, sealed
}

func sealContent(f *content, key *envelope.FileKey) (*sealedContent, error) {
	if key == nil {
		return &sealedContent{content: f, size: f.size}, nil
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	s := &sealedContent{content: f, gcm: gcm, size: envelope.SealedSize(f.size)}
	if s.size == 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, f.size)
	}
	return s, nil
}

// part reads the sealed bytes from offset up to end.
func (s *sealedContent) part(offset, end int64) *sealedPart {
	return &sealedPart{s: s, offset: offset, end: min(end, s.size), plain: make([]byte, min(contentBlock, s.content.size))}
}

// sealedPart reads a part. It holds one block, plain and sealed.
type sealedPart struct {
	s             *sealedContent
	offset, end   int64
	plain, sealed []byte
	rest          []byte // made and not given out yet
}

// Read implements io.Reader.
func (p *sealedPart) Read(b []byte) (int, error) {
	if err := p.fill(); err != nil {
		return 0, err
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// WriteTo implements io.WriterTo.
func (p *sealedPart) WriteTo(w io.Writer) (n int64, err error) {
	for {
		if err := p.fill(); err == io.EOF {
			return n, nil
		} else if err != nil {
			return n, err
		}
		m, err := w.Write(p.rest)
		n += int64(m)
		p.rest = p.rest[m:]
		if err != nil {
			return n, err
		}
	}
}

// fill makes the next block, if nothing is left of the last.
func (p *sealedPart) fill() error {
	if len(p.rest) > 0 {
		return nil
	}
	if p.offset >= p.end {
		return io.EOF
	}
	size := int64(contentBlock)
	if p.s.gcm != nil {
		size = sealedBlock
	}
	b := p.offset / size
	block, err := p.s.block(b, p.plain)
	if err != nil {
		return err
	}
	if p.s.gcm != nil {
		block = p.seal(b, block)
	}
	from, to := p.offset-b*size, min(p.end-b*size, int64(len(block)))
	p.rest = block[from:to]
	p.offset = b*size + to
	return nil
}

// seal is a block as envelope.NewSealer seals it: each piece with AES-256-GCM and
// its number as the nonce, 11 bytes big-endian, then 1 for the last piece.
func (p *sealedPart) seal(b int64, block []byte) []byte {
	p.sealed = p.sealed[:0]
	if p.sealed == nil {
		p.sealed = make([]byte, 0, envelope.SealedSize(int64(len(p.plain))))
	}
	last := max(0, (p.s.content.size-1)/envelope.PieceSize)
	for i := b * blockPieces; ; i++ {
		var nonce [12]byte
		binary.BigEndian.PutUint64(nonce[3:], uint64(i))
		if i == last {
			nonce[11] = 1
		}
		piece := block[:min(len(block), envelope.PieceSize)]
		p.sealed = p.s.gcm.Seal(p.sealed, nonce[:], piece, nil)
		if block = block[len(piece):]; len(block) == 0 {
			return p.sealed
		}
	}
}
