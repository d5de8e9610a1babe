package por

import (
	"bytes"
	"crypto/cipher"
)

// Tags returns the tags of all blocks, TagSize bytes each: for the miner to
// keep beside the data. nil for data that can have none.
func (k Key) Tags(data []byte) []byte {
	if TagsSize(int64(len(data))) == 0 {
		return nil
	}
	t := k.NewTagger(int64(len(data)))
	t.add(data)
	return t.Tags()
}

// Tagger makes the tags of data that comes in pieces of any length. It never
// fails, and it holds a block and the tags in memory.
type Tagger struct {
	alpha *[Sectors]half
	f     cipher.Stream
	masks []byte // f(i) from the next block on, as far as it was computed
	part  []byte // of a block that is not whole yet
	tags  []byte

	buffer [prfSize * 128]byte
}

// NewTagger starts on data of about so many bytes.
func (k Key) NewTagger(size int64) *Tagger {
	block := k.block()
	return &Tagger{
		alpha: alphas(block), f: stream(block, ofF),
		part: make([]byte, 0, BlockSize), tags: make([]byte, 0, max(0, TagsSize(size))),
	}
}

// Write adds data.
func (t *Tagger) Write(data []byte) (int, error) {
	t.add(data)
	return len(data), nil
}

// add is Write without its errors, of which there are none.
func (t *Tagger) add(data []byte) {
	if len(t.part) > 0 {
		n := min(BlockSize-len(t.part), len(data))
		t.part, data = append(t.part, data[:n]...), data[n:]
		if len(t.part) < BlockSize {
			return
		}
		t.block((*[BlockSize]byte)(t.part))
		t.part = t.part[:0]
	}
	for ; len(data) >= BlockSize; data = data[BlockSize:] {
		t.block((*[BlockSize]byte)(data))
	}
	t.part = append(t.part, data...)
}

// Tags are those of all that was written, whose last block is filled up with
// zeros. Nothing can be written after it.
func (t *Tagger) Tags() []byte {
	if len(t.part) > 0 {
		t.part = append(t.part, bytes.Repeat([]byte{0}, BlockSize-len(t.part))...)
		t.block((*[BlockSize]byte)(t.part))
		t.part = t.part[:0]
	}
	return t.tags
}

func (t *Tagger) block(b *[BlockSize]byte) {
	if len(t.masks) == 0 {
		clear(t.buffer[:])
		t.f.XORKeyStream(t.buffer[:], t.buffer[:])
		t.masks = t.buffer[:]
	}
	w := dot(t.alpha, b)
	w.add(prfOf(t.masks))
	t.masks = t.masks[prfSize:]
	at := len(t.tags)
	t.tags = append(t.tags, make([]byte, TagSize)...)
	w.reduce().put(t.tags[at:])
}
