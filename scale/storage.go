package scale

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/crypto/blake2b"
)

// Hasher makes a storage key's part out of an encoded key.
type Hasher uint8

// The hashers, in the order of their numbers in the metadata. Those with Concat
// put the key behind its hash, and Identity is the key alone; the others hide
// it.
const (
	Blake2_128 Hasher = iota
	Blake2_256
	Blake2_128Concat
	Twox128
	Twox256
	Twox64Concat
	Identity
)

func (h Hasher) String() string {
	names := [...]string{"Blake2_128", "Blake2_256", "Blake2_128Concat", "Twox128", "Twox256", "Twox64Concat", "Identity"}
	if int(h) < len(names) {
		return names[h]
	}
	return fmt.Sprintf("hasher %d", uint8(h))
}

// Hash hashes b: the hash, and b behind it where the hasher says so. An unknown
// hasher is Identity.
func (h Hasher) Hash(b []byte) []byte {
	switch h {
	case Blake2_128:
		return blake2(b, 16)
	case Blake2_256:
		return blake2(b, 32)
	case Blake2_128Concat:
		return append(blake2(b, 16), b...)
	case Twox128:
		return twox(b, 2)
	case Twox256:
		return twox(b, 4)
	case Twox64Concat:
		return append(twox(b, 1), b...)
	}
	return bytes.Clone(b)
}

// concat is the length of the hash in front of the key, and whether the hasher
// keeps the key at all.
func (h Hasher) concat() (size int, keeps bool) {
	switch h {
	case Blake2_128Concat:
		return 16, true
	case Twox64Concat:
		return 8, true
	case Identity:
		return 0, true
	}
	return 0, false
}

func blake2(b []byte, size int) []byte {
	h, err := blake2b.New(size, nil)
	if err != nil {
		return nil // not with these sizes
	}
	h.Write(b)
	return h.Sum(nil)
}

// twox is as many xxHash64 as words, with the seeds 0, 1, ...
func twox(b []byte, words int) []byte {
	out := make([]byte, 0, 8*words+len(b))
	for seed := range words {
		d := xxhash.NewWithSeed(uint64(seed))
		d.Write(b)
		out = binary.LittleEndian.AppendUint64(out, d.Sum64())
	}
	return out
}

// Modifier says what the absence of a storage value means.
type Modifier uint8

// Optional: absence is absence. Default: absence is the entry's default.
const (
	Optional Modifier = iota
	Default
)

// Entry is a storage item: one value, or a map of them. Metadata.Storage and
// Metadata.Pallet give entries; others are of no use.
type Entry struct {
	Pallet   string
	Prefix   string // of the pallet in keys; as a rule its name
	Name     string
	Modifier Modifier
	Hashers  []Hasher // of a map, one for each key
	Keys     []TypeID // of a map
	Value    TypeID
	Default  []byte // encoded

	m *Metadata
}

// Storage is a pallet's storage item; ErrUnknown.
func (m *Metadata) Storage(pallet, item string) (Entry, error) {
	p, err := m.pallet(pallet)
	if err != nil {
		return Entry{}, err
	}
	for i := range p.Storage {
		if p.Storage[i].Name == item {
			return p.Storage[i], nil
		}
	}
	return Entry{}, fmt.Errorf("%w: storage %s.%s", ErrUnknown, pallet, item)
}

// linkEntry checks an entry's types and takes the tuple of several keys apart.
func (m *Metadata) linkEntry(e *Entry) error {
	if _, err := m.Type(e.Value); err != nil {
		return err
	}
	for _, h := range e.Hashers {
		if h > Identity {
			return fmt.Errorf("%v", h)
		}
	}
	if e.Keys == nil {
		return nil
	}
	key, err := m.Type(e.Keys[0])
	if err != nil {
		return err
	}
	if len(e.Hashers) != 1 {
		if key.Kind != TupleType {
			return fmt.Errorf("%d hashers and no tuple of keys", len(e.Hashers))
		}
		e.Keys = key.Items
	}
	if len(e.Keys) != len(e.Hashers) {
		return fmt.Errorf("%d hashers for %d keys", len(e.Hashers), len(e.Keys))
	}
	return nil
}

// Key is the storage key of the value under these keys. Fewer keys than the
// entry has give the prefix that all keys beginning so share. ErrValue.
func (e Entry) Key(args ...Value) ([]byte, error) {
	if len(args) > len(e.Keys) {
		return nil, fmt.Errorf("%w: %s.%s has %d keys, not %d", ErrValue, e.Pallet, e.Name, len(e.Keys), len(args))
	}
	key := append(twox([]byte(e.Prefix), 2), twox([]byte(e.Name), 2)...)
	for i, arg := range args {
		part, err := e.m.Encode(e.Keys[i], arg)
		if err != nil {
			return nil, fmt.Errorf("%s.%s: key %d: %w", e.Pallet, e.Name, i, err)
		}
		key = append(key, e.Hashers[i].Hash(part)...)
	}
	return key, nil
}

// DecodeKey is the opposite of Key, for whole keys of entries whose hashers keep
// the key. It checks prefix and hashes; ErrData, and ErrValue where a hasher
// hides the key.
func (e Entry) DecodeKey(key []byte) ([]Value, error) {
	prefix, err := e.Key()
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(key, prefix)
	if !ok {
		return nil, fmt.Errorf("%w: not a key of %s.%s", ErrData, e.Pallet, e.Name)
	}
	args := make([]Value, len(e.Keys))
	for i, h := range e.Hashers {
		size, keeps := h.concat()
		if !keeps {
			return nil, fmt.Errorf("%w: %s.%s: %v hides the key", ErrValue, e.Pallet, e.Name, h)
		}
		if len(rest) < size {
			return nil, fmt.Errorf("%s.%s: key %d: %w", e.Pallet, e.Name, i, errEnds)
		}
		v, after, err := e.m.DecodePrefix(e.Keys[i], rest[size:])
		if err != nil {
			return nil, fmt.Errorf("%s.%s: key %d: %w", e.Pallet, e.Name, i, err)
		}
		if own := rest[size : len(rest)-len(after)]; !bytes.HasPrefix(rest, h.Hash(own)) {
			return nil, fmt.Errorf("%w: %s.%s: key %d is not what its hash says", ErrData, e.Pallet, e.Name, i)
		}
		args[i], rest = v, after
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%w: %s.%s: %d bytes behind the key", ErrData, e.Pallet, e.Name, len(rest))
	}
	return args, nil
}

// Decode reads a stored value. Nil means that nothing is stored: then it gives
// the default, or present is false where the entry has none. ErrData.
func (e Entry) Decode(raw []byte) (v Value, present bool, err error) {
	if raw == nil {
		if e.Modifier == Optional {
			return Value{}, false, nil
		}
		raw = e.Default
	}
	if v, err = e.m.Decode(e.Value, raw); err != nil {
		return Value{}, false, fmt.Errorf("%s.%s: %w", e.Pallet, e.Name, err)
	}
	return v, true, nil
}

// Encode makes what is stored for a value; ErrValue.
func (e Entry) Encode(v Value) ([]byte, error) {
	b, err := e.m.Encode(e.Value, v)
	if err != nil {
		return nil, fmt.Errorf("%s.%s: %w", e.Pallet, e.Name, err)
	}
	return b, nil
}
