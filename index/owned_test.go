package index_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

// files is random things done to files of two owners, in an index that dies now and
// then.
type files struct{ counting }

// What files take is never counted too low, wherever something was cut off, and
// exactly once what was cut off is swept up.
func TestFilesCount(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kv := &mortal{groups: map[string]map[string][]byte{}, left: -1}
		f := &files{counting{kv, index.New(kv), t.Context()}}
		rt.Repeat(map[string]func(*rapid.T){
			"put": f.put, "put 2": f.put, "add": f.add, "remove": f.remove, "commit": f.commit, "forget": f.forget,
			"sweep": func(rt *rapid.T) {
				f.try(rt, func() error { _, err := f.x.Sweep(f.ctx, 0); return err })
			},
			"swept": func(rt *rapid.T) {
				if _, err := f.x.Sweep(f.ctx, 0); err != nil {
					rt.Fatal(err)
				}
				f.compare(rt, func(got, want int64) bool { return got == want })
			},
			"": func(rt *rapid.T) { f.compare(rt, func(got, want int64) bool { return got >= want }) },
		})
	})
}

func (f *files) own(rt *rapid.T) index.Ownership {
	return index.Ownership{Owner: indextest.Address(draw(rt, "owner", 2)), Takes: int64(draw(rt, "takes", 3)) * 5}
}

func (f *files) put(rt *rapid.T) {
	cid, o := draw(rt, "cid", 3), f.own(rt)
	file := index.File{CID: indextest.CID(cid), Size: 7, Chunks: []index.Chunk{{Hash: indextest.Hash(cid), Size: 7}}}
	f.try(rt, func() error { return f.x.PutFile(f.ctx, file, o) })
}

func (f *files) add(rt *rapid.T) {
	cid, o := indextest.CID(draw(rt, "cid", 3)), f.own(rt)
	f.try(rt, func() error { return f.x.AddOwner(f.ctx, cid, o) })
}

func (f *files) remove(rt *rapid.T) {
	cid, owner := indextest.CID(draw(rt, "cid", 3)), indextest.Address(draw(rt, "owner", 2))
	f.try(rt, func() error { _, err := f.x.ExpireOwner(f.ctx, cid, owner, time.Now()); return err })
	f.try(rt, func() error { _, err := f.x.RemoveOwner(f.ctx, cid, owner); return err })
}

// forget makes of all that is there what an older program would have written: nothing
// counts of files, and no ownership says that it does. It counts again once swept.
func (f *files) forget(rt *rapid.T) {
	for group, fields := range f.kv.groups {
		for field, value := range fields {
			switch {
			case strings.HasPrefix(group, "file:{") && strings.HasPrefix(field, "owner:"):
				before, _, _ := strings.Cut(string(value), `,"token":`)
				fields[field] = []byte(strings.TrimSuffix(before, "}") + "}")
			case strings.HasPrefix(group, "objects:{") && (strings.HasPrefix(field, "file:") || strings.HasPrefix(field, "usage:")):
				delete(fields, field)
			}
		}
	}
	for range 2 { // what lives before what does not
		if _, err := f.x.Sweep(f.ctx, 0); err != nil {
			rt.Fatal(err)
		}
	}
}

// compare holds what Usage says against what there is.
func (f *files) compare(rt *rapid.T, right func(got, want int64) bool) {
	for n := range uint32(2) {
		owner := indextest.Address(n)
		got, err := f.x.Usage(f.ctx, owner)
		if err != nil {
			rt.Fatal(err)
		}
		want := f.recount(rt, owner)
		for file, err := range f.x.Files(f.ctx) {
			if err != nil {
				rt.Fatal(err)
			}
			if own, err := f.x.Ownership(f.ctx, file.CID, owner); err == nil {
				want = want.Add(index.Usage{Bytes: max(own.Takes, file.Size), Objects: 1})
			}
		}
		if !right(got.Bytes, want.Bytes) || !right(got.Objects, want.Objects) || got.Segments != want.Segments {
			rt.Fatalf("%s takes %+v, and Usage says %+v", owner, want, got)
		}
	}
}
