package wire_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/filetao/filetao/wire"
)

func found(tag, number int, size int64) wire.FoundShard {
	return wire.FoundShard{Tag: tag, Number: number, Root: [32]byte{1, byte(tag)}, Size: size, Voucher: [32]byte{2, byte(number)}}
}

func FuzzFound(f *testing.F) {
	for _, list := range [][]wire.FoundShard{nil, {found(0, 3, 1)}, {found(1, 0, 5), found(1, 255, 1<<40), found(255, 7, 9)}} {
		b, err := wire.EncodeFound(list)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, wire.MaxFindTags)
		f.Add(b, 1)
		f.Add(append(b, 0), wire.MaxFindTags)
	}
	f.Fuzz(func(t *testing.T, b []byte, tags int) {
		list, err := wire.ParseFound(b, tags)
		if err != nil {
			if !errors.Is(err, wire.ErrFound) {
				t.Fatal(err)
			}
			return
		}
		for _, s := range list {
			if s.Tag >= tags || s.Size < 1 {
				t.Fatalf("%+v of %d tags", s, tags)
			}
		}
		if again, err := wire.EncodeFound(list); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
	})
}

func TestWhatIsFoundIsBounded(t *testing.T) {
	var most []wire.FoundShard
	for tag := range wire.MaxFindTags {
		for number := range wire.MaxFound {
			most = append(most, found(tag, number, 1))
		}
	}
	b, err := wire.EncodeFound(most)
	if err != nil || len(b) != wire.MaxFoundList {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if list, err := wire.ParseFound(b, wire.MaxFindTags); err != nil || !reflect.DeepEqual(list, most) {
		t.Fatalf("%d shards, %v", len(list), err)
	}
	for name, list := range map[string][]wire.FoundShard{
		"too many of one": append(make([]wire.FoundShard, 0), append(most[:wire.MaxFound:wire.MaxFound], found(0, 9, 1))...),
		"a tag too far":   {found(wire.MaxFindTags, 1, 1)}, "no tag": {found(-1, 1, 1)}, "not in order": {found(2, 1, 1), found(1, 1, 1)},
		"a number too far": {found(1, 256, 1)}, "no number": {found(1, -1, 1)}, "nothing": {found(1, 1, 0)}, "less": {found(1, 1, -1)},
	} {
		if _, err := wire.EncodeFound(list); !errors.Is(err, wire.ErrFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	one, err := wire.EncodeFound([]wire.FoundShard{found(3, 1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wire.ParseFound(one, 4); err != nil {
		t.Error(err)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "another version": append([]byte{2}, one[1:]...), "cut off": one[:len(one)-1], "more": append(one, 0), "too long": append(b, one[1:]...),
		"another tag": one,
	} {
		if list, err := wire.ParseFound(b, 3); !errors.Is(err, wire.ErrFound) {
			t.Errorf("%s: %d shards, %v", name, len(list), err)
		}
	}
}

// TestALabelsLengthSaysWhetherItHasAFinding.
func TestALabelsLengthSaysWhetherItHasAFinding(t *testing.T) {
	f := wire.Finding{Tag: [32]byte{1, 31: 2}, Number: 200, Voucher: [32]byte{3, 31: 4}}
	label := append(make([]byte, wire.FindableLabel-wire.FindingSize), f.Encode()...)
	if got, ok := wire.FindingOf(label); !ok || got != f {
		t.Errorf("%+v, %t", got, ok)
	}
	for _, n := range []int{0, 1, 156, wire.FindingSize, wire.FindableLabel - 1, wire.FindableLabel + 1, wire.MaxLabel} {
		if _, ok := wire.FindingOf(make([]byte, n)); ok {
			t.Errorf("a label of %d bytes", n)
		}
	}
}
