package client

import (
	"fmt"
	"io"

	"github.com/filetao/filetao/envelope"
)

const (
	blockPieces = contentBlock / envelope.PieceSize
	sealedBlock = blockPieces * envelope.SealedPieceSize
)

// sealedContent is a content as it is handed in: sealed in the envelope's format
// 2, any part of which can be made without the others; or as it is.
type sealedContent struct {
	*content
	sealer *envelope.PieceSealer // nil: as it is
	size   int64                 // bytes, sealed
}

func sealContent(f *content, key *envelope.FileKey) (*sealedContent, error) {
	if key == nil {
		return &sealedContent{content: f, size: f.size}, nil
	}
	sealer := envelope.NewPieceSealer(*key, f.size)
	s := &sealedContent{content: f, sealer: &sealer, size: envelope.SealedSize(f.size)}
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
	if p.s.sealer != nil {
		size = sealedBlock
	}
	b := p.offset / size
	block, err := p.s.block(b, p.plain)
	if err != nil {
		return err
	}
	if p.s.sealer != nil {
		if p.sealed == nil {
			p.sealed = make([]byte, 0, envelope.SealedSize(int64(len(p.plain))))
		}
		p.sealed = p.s.sealer.Append(p.sealed[:0], block, b*blockPieces)
		block = p.sealed
	}
	from, to := p.offset-b*size, min(p.end-b*size, int64(len(block)))
	p.rest = block[from:to]
	p.offset = b*size + to
	return nil
}
