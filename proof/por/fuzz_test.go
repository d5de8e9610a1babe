package por

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzCheck: whatever is answered, only the honest answer passes.
func FuzzCheck(f *testing.F) {
	s := store(1, 3*BlockSize+5)
	good := s.prove(f, Challenge{1})
	f.Add(good, s.size, byte(1))
	f.Add(good, s.size+1, byte(1))
	f.Add(good, s.size, byte(2))
	f.Add(good[:len(good)-1], s.size, byte(1))
	f.Add(append(bytes.Clone(good), 0), s.size, byte(1))
	f.Add(bytes.Repeat([]byte{0xff}, ProofSize), s.size, byte(1))
	f.Add([]byte{}, int64(0), byte(0))
	f.Add(make([]byte, ProofSize), int64(-1), byte(1))
	f.Add(make([]byte, ProofSize), MaxData, byte(1))
	f.Fuzz(func(t *testing.T, answer []byte, size int64, c byte) {
		switch err := s.key.Check(Challenge{c}, size, answer); {
		case err == nil:
			if size != s.size || !bytes.Equal(answer, s.prove(t, Challenge{c})) {
				t.Fatal("something else passes")
			}
		case errors.Is(err, ErrInput):
			if size > 0 && size <= MaxData {
				t.Fatal(err)
			}
		case !errors.Is(err, ErrProof):
			t.Fatal(err)
		}
	})
}

// FuzzProve: whatever data and tags are, there is an answer of the one length
// or an ErrInput; and with the key's tags it passes.
func FuzzProve(f *testing.F) {
	s := store(1, BlockSize+5)
	f.Add(s.data, s.tags, s.size)
	f.Add(s.data[:10], s.tags, s.size)
	f.Add(s.data, s.tags[:20], s.size)
	f.Add(s.data, s.tags, int64(-1))
	f.Add([]byte{}, []byte{}, int64(0))
	f.Add([]byte{1}, bytes.Repeat([]byte{0xff}, TagSize), int64(1))
	f.Add([]byte{1}, make([]byte, TagSize), MaxData)
	f.Fuzz(func(t *testing.T, data, tags []byte, size int64) {
		answer, err := Prove(Challenge{1}, size, bytes.NewReader(data), bytes.NewReader(tags))
		if err != nil && !errors.Is(err, ErrInput) || err == nil && len(answer) != ProofSize {
			t.Fatal(len(answer), err)
		}
		if len(data) == 0 {
			return
		}
		own := stored{key: Key{2}, size: int64(len(data)), data: data, tags: Key{2}.Tags(data)}
		right := own.prove(t, Challenge{1})
		if !own.passes(t, Challenge{1}, right) {
			t.Fatal("an honest answer fails")
		}
		if size == own.size && err == nil && own.passes(t, Challenge{1}, answer) != bytes.Equal(answer, right) {
			t.Fatal("another answer passes")
		}
	})
}
