package wire_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/filetao/filetao/wire"
)

func listed(pledge, label int) wire.ListedShard {
	return wire.ListedShard{
		Pledge: bytes.Repeat([]byte{2}, pledge), Asked: bytes.Repeat([]byte{3}, 64), Receipt: bytes.Repeat([]byte{4}, 64),
		Label: bytes.Repeat([]byte{5}, label), Damaged: label%2 == 1,
	}
}

func FuzzShardList(f *testing.F) {
	for _, list := range [][]wire.ListedShard{nil, {listed(233, 156)}, {listed(0, 0), listed(512, wire.MaxLabel), listed(233, 1)}} {
		b, err := wire.EncodeShardList(list)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(append(b, 0))
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := wire.ParseShardList(b)
		if err != nil {
			if !errors.Is(err, wire.ErrShardList) {
				t.Fatal(err)
			}
			return
		}
		if again, err := wire.EncodeShardList(list); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
	})
}

func TestShardListsAreBounded(t *testing.T) {
	most := make([]wire.ListedShard, wire.MaxListed)
	for i := range most {
		most[i] = listed(233, wire.MaxLabel)
	}
	b, err := wire.EncodeShardList(most)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := wire.ParseShardList(b); err != nil || len(list) != wire.MaxListed {
		t.Fatalf("%d shards, %v", len(list), err)
	}
	for name, list := range map[string][]wire.ListedShard{
		"too many":        append(most, listed(1, 1)),
		"too long":        make([]wire.ListedShard, 950),
		"a long label":    {listed(233, wire.MaxLabel+1)},
		"a long pledge":   {listed(513, 0)},
		"a short receipt": {{Asked: make([]byte, 64), Receipt: make([]byte, 63)}},
	} {
		if name == "too long" {
			for i := range list {
				list[i] = listed(512, wire.MaxLabel)
			}
		}
		if _, err := wire.EncodeShardList(list); !errors.Is(err, wire.ErrShardList) {
			t.Errorf("%s: %v", name, err)
		}
	}
	one, err := wire.EncodeShardList(most[:1])
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "another version": {2}, "too many": append(b, one[1:]...), "too long": make([]byte, wire.MaxShardList+1),
		"no truth": append([]byte{1, 2}, one[2:]...), "cut off": one[:len(one)-1], "more": append(one, 0),
	} {
		if list, err := wire.ParseShardList(b); !errors.Is(err, wire.ErrShardList) {
			t.Errorf("%s: %d shards, %v", name, len(list), err)
		}
	}
}
