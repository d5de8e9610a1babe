package fleet_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

// inventory is all that a miner lists, with the errors beside it and the last one.
func inventory(t *testing.T, f *fleet.Fleet, n chain.Neuron) (found []fleet.Found, odd []error, end error) {
	t.Helper()
	for s, err := range f.Inventory(t.Context(), n) {
		switch {
		case end != nil:
			t.Fatal("something comes after the end")
		case errors.Is(err, fleet.ErrLabel), errors.Is(err, fleet.ErrUnpledged):
			odd = append(odd, err)
		case err != nil:
			end = err
		default:
			found = append(found, s)
		}
	}
	return found, odd, end
}

// TestMinersSayWhatTheyKeep: what the index knows, shard by shard; also of what
// was moved, rebuilt and renewed.
func TestMinersSayWhatTheyKeep(t *testing.T) {
	s := newShards(t, 5, fleet.Config{})
	var segs []index.Segment
	for i := range 4 {
		segs = append(segs, s.put(t, noise(uint64(i), 300_000+i), erasure.Scheme{Data: 2, Total: 3}))
	}
	held := func(seg index.Segment) map[int]index.Holding {
		all, err := s.Index.Shards(t.Context(), seg.ID)
		if err != nil {
			t.Fatal(err)
		}
		by := map[int]index.Holding{}
		for _, h := range all {
			by[h.Number] = h
		}
		return by
	}
	free := func(seg index.Segment) []chain.Neuron {
		holders := slices.Collect(maps.Values(held(seg)))
		return slices.DeleteFunc(slices.Clone(s.Neurons()), func(n chain.Neuron) bool {
			return slices.ContainsFunc(holders, func(h index.Holding) bool { return h.Holder == n.Hotkey })
		})
	}
	moved := held(segs[0])[1]
	if _, err := s.MoveShard(t.Context(), segs[0], moved, time.Hour, free(segs[0])); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RebuildSegment(t.Context(), segs[1], []int{7}, time.Hour, free(segs[1])); err != nil {
		t.Fatal(err)
	}
	if n, err := s.RenewSegment(t.Context(), segs[2].ID, 2*time.Hour); n != 4 || err != nil {
		t.Fatal(n, err)
	}
	total := 0
	for _, n := range s.Neurons() {
		found, odd, err := inventory(t, s.Fleet, n)
		if len(odd) > 0 || err != nil {
			t.Fatal(odd, err)
		}
		for _, is := range found {
			want, err := s.Index.Segment(t.Context(), is.Segment.ID)
			if err != nil || !reflect.DeepEqual(is.Segment, want) {
				t.Errorf("%+v, want %+v, %v", is.Segment, want, err)
			}
			h, err := s.Index.Holding(t.Context(), n.Hotkey, is.Segment.ID)
			got := is.Holding()
			if late := got.Stored.Sub(h.Stored).Abs(); late > 2*time.Second || (got.TTL-h.TTL).Abs() > 2*time.Second {
				t.Errorf("stored %v for %v, want %v for %v", got.Stored, got.TTL, h.Stored, h.TTL)
			}
			got.Stored, got.TTL = h.Stored, h.TTL
			if err != nil || !reflect.DeepEqual(got, h) {
				t.Errorf("%+v, want %+v, %v", got, h, err)
			}
			total++
		}
	}
	if total != 4*4+2 { // one of each is to spare
		t.Errorf("%d shards are listed", total)
	}
}

// lister changes what miners say to ListShards.
type lister struct {
	*fleettest.Net
	change func(msg *wire.ListShards, list []wire.ListedShard) []wire.ListedShard
}

func (l lister) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	x, err := l.Net.Call(ctx, to, msg)
	if m, ok := msg.(*wire.ListShards); ok && err == nil {
		var list []wire.ListedShard
		if list, err = wire.ParseShardList(m.Shards); err == nil {
			if list = l.change(m, append([]wire.ListedShard{}, list...)); list == nil {
				m.Shards = []byte("no list")
				return x, nil
			}
			m.Shards, err = wire.EncodeShardList(list)
		}
	}
	return x, err
}

func TestWhatMinersCannotHaveIsNotBelieved(t *testing.T) {
	s := newShards(t, 2, fleet.Config{})
	for i := range 3 {
		s.put(t, noise(uint64(i), 1000+i), erasure.Scheme{Data: 1, Total: 2})
	}
	var others []wire.ListedShard // the second miner's
	collect := lister{s.Net, func(_ *wire.ListShards, list []wire.ListedShard) []wire.ListedShard {
		others = append(others, list...)
		return list
	}}
	inventory(t, fleet.New(fleet.Config{}, deps(s.Net, collect)), s.Neuron(1))
	endless := 0
	var first []wire.ListedShard
	for name, c := range map[string]struct {
		change     func(*wire.ListShards, []wire.ListedShard) []wire.ListedShard
		found, odd int
		end, what  error
	}{
		"changed pledge":   {spoil(func(l *wire.ListedShard) *[]byte { return &l.Pledge }), 2, 1, nil, fleet.ErrUnpledged},
		"our signature":    {spoil(func(l *wire.ListedShard) *[]byte { return &l.Asked }), 2, 1, nil, fleet.ErrUnpledged},
		"its signature":    {spoil(func(l *wire.ListedShard) *[]byte { return &l.Receipt }), 2, 1, nil, fleet.ErrUnpledged},
		"changed label":    {spoil(sealedLabel), 2, 1, nil, fleet.ErrLabel},
		"changed finding":  {spoil(func(l *wire.ListedShard) *[]byte { return &l.Label }), 3, 0, nil, nil}, // it is for others
		"no label":         {func(_ *wire.ListShards, l []wire.ListedShard) []wire.ListedShard { return unlabelled(l) }, 0, 3, nil, fleet.ErrLabel},
		"swapped labels":   {func(_ *wire.ListShards, l []wire.ListedShard) []wire.ListedShard { return swapped(l) }, 1, 2, nil, fleet.ErrLabel},
		"no list":          {func(*wire.ListShards, []wire.ListedShard) []wire.ListedShard { return nil }, 0, 0, proof.ErrProof, nil},
		"another's shards": {func(*wire.ListShards, []wire.ListedShard) []wire.ListedShard { return others }, 0, 3, proof.ErrProof, fleet.ErrUnpledged},
		"the same again": {func(_ *wire.ListShards, l []wire.ListedShard) []wire.ListedShard {
			return append(l, l...)
		}, 3, 0, proof.ErrProof, nil},
		"from the beginning": {func(_ *wire.ListShards, l []wire.ListedShard) []wire.ListedShard {
			if first == nil {
				first = l
			}
			return first
		}, 3, 0, proof.ErrProof, nil},
		"without an end": {func(_ *wire.ListShards, l []wire.ListedShard) []wire.ListedShard {
			endless++
			return append(l, invented(10)...)
		}, 3, 20, proof.ErrProof, fleet.ErrUnpledged},
		"many it was not given": {func(_ *wire.ListShards, l []wire.ListedShard) []wire.ListedShard {
			return append(invented(500), l...)
		}, 0, 100, proof.ErrProof, fleet.ErrUnpledged},
	} {
		f := fleet.New(fleet.Config{}, deps(s.Net, lister{s.Net, c.change}))
		found, odd, end := inventory(t, f, s.Neuron(0))
		if len(found) != c.found || len(odd) != c.odd || !errors.Is(end, c.end) || end != nil && c.end == nil {
			t.Errorf("%s: %d shards, %d odd, %v; want %d, %d, %v", name, len(found), len(odd), end, c.found, c.odd, c.end)
		}
		for _, err := range odd {
			if !errors.Is(err, c.what) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if endless > 3 {
		t.Errorf("a miner that does not come to an end was asked %d times", endless)
	}
}

// invented are shards that nobody has pledged.
func invented(n int) []wire.ListedShard {
	list := make([]wire.ListedShard, n)
	for i := range list {
		list[i] = wire.ListedShard{Pledge: []byte("none"), Asked: make([]byte, 64), Receipt: make([]byte, 64)}
	}
	return list
}

// spoil changes a part of the second shard of a list.
func spoil(part func(*wire.ListedShard) *[]byte) func(*wire.ListShards, []wire.ListedShard) []wire.ListedShard {
	return func(_ *wire.ListShards, list []wire.ListedShard) []wire.ListedShard {
		if len(list) > 0 {
			b := part(&list[1])
			*b = bytes.Clone(*b)
			(*b)[len(*b)-1] ^= 1
		}
		return list
	}
}

// sealedLabel is the label without what is behind it.
func sealedLabel(l *wire.ListedShard) *[]byte {
	l.Label = l.Label[:len(l.Label)-wire.FindingSize]
	return &l.Label
}

func unlabelled(list []wire.ListedShard) []wire.ListedShard {
	for i := range list {
		list[i].Label = nil
	}
	return list
}

func swapped(list []wire.ListedShard) []wire.ListedShard {
	if len(list) > 0 {
		list[0].Label, list[1].Label = list[1].Label, list[0].Label
	}
	return list
}

func TestAMinersWordOnWhatItHasLost(t *testing.T) {
	s := newShards(t, 3, fleet.Config{})
	for i := range 5 {
		s.put(t, noise(uint64(i), 1000+i), erasure.Scheme{Data: 1, Total: 3})
	}
	roots := s.Miners[1].Holds()
	if lost, err := s.Damaged(t.Context(), s.Neuron(1)); len(lost) != 0 || err != nil {
		t.Fatal(lost, err)
	}
	want := []string{roots[4], roots[1]}
	for _, root := range want {
		s.Miners[1].Damage(root)
	}
	slices.SortFunc(want, func(a, b string) int {
		x, _ := new(big.Int).SetString(a, 10)
		y, _ := new(big.Int).SetString(b, 10)
		return x.Cmp(y)
	})
	if lost, err := s.Damaged(t.Context(), s.Neuron(1)); !slices.Equal(lost, want) || err != nil {
		t.Errorf("%v, %v, want %v", lost, err, want)
	}
	s.Miners[1].Behave(fleettest.Reference, "ListShards")
	if _, err := s.Damaged(t.Context(), s.Neuron(1)); wire.StatusOf(err) != wire.StatusNotFound {
		t.Errorf("of one that knows no lists: %v", err)
	}
}
