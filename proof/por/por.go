package por

import (
	"crypto/subtle"
	"fmt"
	"io"
)

// Prove answers a challenge about data of that many bytes, reading only the
// blocks asked for and their tags. ErrInput where they cannot be read, with the
// reader's error, or are not what was stored as far as can be seen: that they
// are is for Check to say.
func Prove(c Challenge, size int64, data, tags io.ReaderAt) ([]byte, error) {
	if err := checkSize(size); err != nil {
		return nil, err
	}
	var mu [Sectors]wide
	var sigma wide
	var b [BlockSize]byte
	blocks := c.Select(size)
	nu := c.coefficients(size, len(blocks))
	for n, i := range blocks {
		from := i * BlockSize
		length := min(BlockSize, size-from)
		clear(b[length:])
		if err := readAt(data, b[:length], from); err != nil {
			return nil, fmt.Errorf("%w: block %d: %w", ErrInput, i, err)
		}
		addScaled(&mu, nu[n], &b)
		if err := readAt(tags, b[:TagSize], i*TagSize); err != nil {
			return nil, fmt.Errorf("%w: tag %d: %w", ErrInput, i, err)
		}
		tag, ok := elementOf(b[:TagSize])
		if !ok {
			return nil, fmt.Errorf("%w: tag %d is too large a number", ErrInput, i)
		}
		sigma.addProduct(nu[n], tag)
	}
	answer := make([]byte, ProofSize)
	for j := range mu {
		mu[j].reduce().put(answer[j*TagSize:])
	}
	sigma.reduce().put(answer[Sectors*TagSize:])
	return answer, nil
}

// readAt fills b.
func readAt(r io.ReaderAt, b []byte, from int64) error {
	n, err := r.ReadAt(b, from)
	if n >= len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// Check returns nil when the answer is that of who has all blocks that the
// challenge asks for, of data of that many bytes, as they were when the key
// made their tags. ErrProof when not, ErrInput for a size that no data with tags has.
func (k Key) Check(c Challenge, size int64, answer []byte) error {
	if err := checkSize(size); err != nil {
		return err
	}
	if len(answer) != ProofSize {
		return fmt.Errorf("%w: %d bytes, must be %d", ErrProof, len(answer), ProofSize)
	}
	block := k.block()
	alpha := alphas(block)
	var want wide
	for j := range Sectors {
		mu, ok := elementOf(answer[j*TagSize:])
		if !ok {
			return fmt.Errorf("%w: number %d is too large", ErrProof, j)
		}
		want.addProduct(alpha[j], mu)
	}
	blocks := c.Select(size)
	var b [prfSize]byte
	for n, nu := range c.coefficients(size, len(blocks)) {
		want.addProduct(nu, prf(block, blocks[n], &b))
	}
	var sigma [TagSize]byte
	want.reduce().put(sigma[:])
	if subtle.ConstantTimeCompare(sigma[:], answer[Sectors*TagSize:]) != 1 {
		return fmt.Errorf("%w: data or tags are not those that were stored", ErrProof)
	}
	return nil
}

// dot is the sum of alpha_j * m_j over the sectors of a block.
func dot(alpha *[Sectors]half, b *[BlockSize]byte) (w wide) {
	for j := range alpha {
		w.addHalves(alpha[j], halfOf(b[j*SectorSize:]))
	}
	return w
}

// addScaled adds a * m_j to the sum of every sector.
func addScaled(sums *[Sectors]wide, a half, b *[BlockSize]byte) {
	for j := range sums {
		sums[j].addHalves(a, halfOf(b[j*SectorSize:]))
	}
}
