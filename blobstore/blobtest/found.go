package blobtest

import (
	"context"
	"fmt"
	"slices"

	"github.com/filetao/filetao/blobstore"
)

// finds are the tags that ops give, and 0 for none.
const finds = 4

func tagOf(find byte) [blobstore.FindTagSize]byte { return [blobstore.FindTagSize]byte{find} }

// find is under what the op's shard is to be found.
func (o Op) find() *blobstore.Find {
	if o.Find == 0 {
		return nil
	}
	return &blobstore.Find{Tag: tagOf(o.Find), Note: []byte{o.Find}}
}

// put is what is beside a claim once the op's shard was put.
func (c *claim) put(o Op) {
	if o.Tags != nil {
		c.tags = string(o.Tags)
	}
	if o.Find != 0 {
		c.find = o.Find
	}
}

// checkFound returns under which tags a shard is found and should not be, or the
// other way round. Several owners may have given it different ones.
func (m *Model) checkFound(ctx context.Context, s *blobstore.Store, k key) error {
	for find := byte(1); find < finds; find++ {
		want := 0
		for other, c := range m.claims {
			if other.hash == k.hash && c.find == find {
				want = 1
			}
		}
		list, err := s.FindShards(ctx, tagOf(find), finds*finds)
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(f blobstore.FoundShard) bool { return f.Hash.String() != k.hash })
		if len(list) != want || want == 1 && (string(list[0].Note) != string(find) || list[0].Size < 1) {
			return fmt.Errorf("%v: under tag %d there is %v, want %d", k, find, list, want)
		}
	}
	return nil
}
