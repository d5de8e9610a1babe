package substratetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/filetao/filetao/scale"
)

// state is what is stored after a block, by storage key, as the runtime that
// made the block encodes it. A finished block's is never changed.
type state struct {
	rt     *runtime
	values map[string][]byte
	// err is the first thing that the metadata would not take: a fault of this
	// package.
	err error
}

func newState(rt *runtime) *state { return &state{rt: rt, values: map[string][]byte{}} }

func (s *state) clone() *state { return &state{rt: s.rt, values: maps.Clone(s.values)} }

func (s *state) fail(err error) {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("runtime %d: %w", s.rt.spec, err)
	}
}

func (s *state) entry(pallet, item string, keys []scale.Value) (scale.Entry, string) {
	entry, err := s.rt.types.Storage(pallet, item)
	if err != nil {
		s.fail(err)
		return entry, ""
	}
	key, err := entry.Key(keys...)
	s.fail(err)
	return entry, string(key)
}

// in reads a value of any pallet; present is false where nothing is stored and
// the entry has no default.
func (s *state) in(pallet, item string, keys ...scale.Value) (v scale.Value, present bool) {
	entry, key := s.entry(pallet, item, keys)
	raw, stored := s.values[key]
	if !stored {
		raw = nil
	}
	v, present, err := entry.Decode(raw)
	s.fail(err)
	return v, present
}

// set stores a value of any pallet.
func (s *state) set(pallet, item string, v scale.Value, keys ...scale.Value) {
	entry, key := s.entry(pallet, item, keys)
	raw, err := entry.Encode(v)
	if err != nil {
		s.fail(fmt.Errorf("%s.%s: %w", pallet, item, err))
		return
	}
	s.values[key] = raw
}

func (s *state) get(item string, keys ...scale.Value) (scale.Value, bool) {
	return s.in(pallet, item, keys...)
}

func (s *state) put(item string, v scale.Value, keys ...scale.Value) { s.set(pallet, item, v, keys...) }

func (s *state) remove(item string, keys ...scale.Value) {
	_, key := s.entry(pallet, item, keys)
	delete(s.values, key)
}

// stored says whether something is stored, whatever the default.
func (s *state) stored(item string, keys ...scale.Value) bool {
	_, key := s.entry(pallet, item, keys)
	_, ok := s.values[key]
	return ok
}

// num reads an integer; 0 where there is none or the runtime has no such item.
func (s *state) num(item string, keys ...scale.Value) uint64 {
	if !s.rt.has(item) {
		return 0
	}
	v, present := s.get(item, keys...)
	if !present {
		return 0
	}
	n, err := v.Uint64()
	s.fail(err)
	return n
}

// add changes an integer; it stops at 0.
func (s *state) add(item string, by int64, keys ...scale.Value) {
	if s.rt.has(item) {
		s.put(item, scale.Uint(uint64(max(int64(s.num(item, keys...))+by, 0))), keys...)
	}
}

func (s *state) flag(item string, keys ...scale.Value) bool {
	if !s.rt.has(item) {
		return false
	}
	v, present := s.get(item, keys...)
	if !present {
		return false
	}
	b, err := v.Bool()
	s.fail(err)
	return b
}

// nums reads a list of integers, as long as n says: shorter ones end in zeros.
func (s *state) nums(item string, n int, keys ...scale.Value) []uint64 {
	list := make([]uint64, n)
	if !s.rt.has(item) {
		return list
	}
	v, _ := s.get(item, keys...)
	have, err := v.Uints()
	s.fail(err)
	copy(list, have)
	return list
}

// flags is nums for a list of bool.
func (s *state) flags(item string, n int, keys ...scale.Value) []bool {
	list := make([]bool, n)
	v, _ := s.get(item, keys...)
	items, err := v.Items()
	s.fail(err)
	for i, item := range items[:min(n, len(items))] {
		list[i], err = item.Bool()
		s.fail(err)
	}
	return list
}

func (s *state) putNums(item string, list []uint64, keys ...scale.Value) {
	if s.rt.has(item) {
		s.put(item, scale.Uints(list), keys...)
	}
}

func (s *state) putFlags(item string, list []bool, keys ...scale.Value) {
	values := make([]scale.Value, len(list))
	for i, b := range list {
		values[i] = scale.Bool(b)
	}
	s.put(item, scale.List(values...), keys...)
}

// account reads an account; false where none is stored.
func (s *state) account(item string, keys ...scale.Value) (key [32]byte, stored bool) {
	if !s.rt.has(item) || !s.stored(item, keys...) {
		return key, false
	}
	v, _ := s.get(item, keys...)
	b, err := v.Bytes()
	s.fail(err)
	copy(key[:], b)
	return key, true
}

// under are the keys that begin with a prefix, ascending, from after one on.
func (s *state) under(prefix, after string, limit int) []string {
	var keys []string
	for key := range s.values {
		if strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys[:min(limit, len(keys))]
}

// nets are the subnets that exist.
func (s *state) nets() []uint64 {
	entry, prefix := s.entry(pallet, "NetworksAdded", nil)
	var nets []uint64
	for _, key := range s.under(prefix, "", len(s.values)) {
		parts, err := entry.DecodeKey([]byte(key))
		if err != nil || len(parts) != 1 {
			s.fail(fmt.Errorf("subnet key %x: %w", key, err))
			continue
		}
		n, err := parts[0].Uint64()
		s.fail(err)
		if s.flag("NetworksAdded", parts[0]) {
			nets = append(nets, n)
		}
	}
	return nets
}

// record reads the parts of a stored record; nil where there is none.
func (s *state) record(pallet, item string, keys ...scale.Value) map[string]scale.Value {
	v, present := s.in(pallet, item, keys...)
	if !present {
		return nil
	}
	fields, err := v.Record()
	s.fail(err)
	parts := make(map[string]scale.Value, len(fields.Values))
	for i, name := range fields.Names {
		parts[name] = fields.Values[i]
	}
	return parts
}

// balance is an account's free balance.
func (s *state) balance(key [32]byte) uint64 {
	v, _ := s.in("System", "Account", account(key))
	r := scale.NewReader(v)
	free := r.Uint64("data", "free")
	s.fail(r.Err())
	return free
}

// nonce is the number of an account's next transaction.
func (s *state) nonce(key [32]byte) uint64 {
	v, _ := s.in("System", "Account", account(key))
	r := scale.NewReader(v)
	n := r.Uint64("nonce")
	s.fail(r.Err())
	return n
}

// change rewrites an account: its number grows by one if counts says so.
func (s *state) change(key [32]byte, free uint64, counts bool) {
	info := s.record("System", "Account", account(key))
	data, err := info["data"].Record()
	s.fail(err)
	parts := map[string]scale.Value{}
	for i, name := range data.Names {
		parts[name] = data.Values[i]
	}
	parts["free"] = scale.Uint(free)
	info["data"] = scale.Record(parts)
	if free > 0 {
		info["providers"] = scale.Uint(uint32(1))
	}
	if counts {
		info["nonce"] = scale.Uint(s.nonce(key) + 1)
	}
	s.set("System", "Account", scale.Record(info), account(key))
}

func (s *state) setBalance(key [32]byte, free uint64) { s.change(key, free, false) }
