package indextest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
)

func testFile(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	_, err := x.File(ctx, CID(1))
	fails(t, err, index.ErrNotFound)
	_, err = x.Owners(ctx, CID(1))
	fails(t, err, index.ErrNotFound)
	_, err = x.RemoveOwner(ctx, CID(1), Address(1))
	fails(t, err, index.ErrNotFound)

	f, o := file(1, 7, 8), owner(1)
	f.Stored, o.Stored = f.Stored.In(time.FixedZone("x", 3600)), time.Now()
	ok(t, x.PutFile(ctx, f, o))
	got, err := x.File(ctx, f.CID)
	ok(t, err)
	sameFile(t, got, f)
	back, err := x.Ownership(ctx, f.CID, o.Owner)
	ok(t, err)
	if !back.Stored.Equal(o.Stored) || back.Payload != o.Payload || back.TTL != o.TTL || back.Owner != o.Owner {
		t.Fatalf("got %+v, want %+v", back, o)
	}
	_, err = x.Ownership(ctx, f.CID, Address(2))
	fails(t, err, index.ErrNotFound)

	empty := file(2)
	ok(t, x.PutFile(ctx, empty, o))
	if got, err := x.File(ctx, empty.CID); err != nil || got.Size != 0 || len(got.Chunks) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	var all []string
	for f, err := range x.Files(ctx) {
		ok(t, err)
		all = append(all, f.CID)
	}
	slices.Sort(all)
	if want := sorted(CID(1), CID(2)); !slices.Equal(all, want) {
		t.Fatalf("Files: %v, want %v", all, want)
	}
	for range x.Files(ctx) {
		break
	}
}

func sorted(s ...string) []string { return slices.Sorted(slices.Values(s)) }

func testOwners(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	f := file(1, 7)
	for n := range uint32(4) {
		ok(t, x.PutFile(ctx, f, owner(n)))
	}
	fails(t, x.AddOwner(ctx, CID(2), owner(1)), index.ErrNotFound)
	fails(t, x.AddOwner(ctx, "x", owner(1)), index.ErrInvalid)
	_, err := x.Ownership(ctx, CID(2), Address(1))
	fails(t, err, index.ErrNotFound)
	again := owner(3)
	again.Payload, again.TTL = "new", 0
	for _, o := range []index.Ownership{owner(4), again, again} {
		ok(t, x.AddOwner(ctx, f.CID, o))
	}
	back, err := x.Ownership(ctx, f.CID, again.Owner)
	ok(t, err)
	equal(t, back, again)
	owners, err := x.Owners(ctx, f.CID)
	ok(t, err)
	equal(t, len(owners), 5)
	if !slices.IsSortedFunc(owners, func(a, b index.Ownership) int { return strings.Compare(string(a.Owner), string(b.Owner)) }) {
		t.Fatalf("not sorted: %v", owners)
	}
	for n := range uint32(4) {
		gone, err := x.RemoveOwner(ctx, f.CID, Address(n))
		ok(t, err)
		if gone != nil {
			t.Fatal("the file went before its last owner")
		}
		_, err = x.RemoveOwner(ctx, f.CID, Address(n))
		fails(t, err, index.ErrNotFound)
	}
	gone, err := x.RemoveOwner(ctx, f.CID, Address(4))
	ok(t, err)
	sameFile(t, *gone, f)
	_, err = x.File(ctx, f.CID)
	fails(t, err, index.ErrNotFound)
	for range x.Files(ctx) {
		t.Fatal("a file is still listed")
	}
}

// Positions and true lengths survive, and so do repetitions (lessons 3 and 4).
func testOrderOfChunks(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	f := file(1, 5, 3, 5, 5, 1, 3)
	for range 3000 {
		f.Chunks = append(f.Chunks, f.Chunks[rand.N(6)])
	}
	ok(t, x.PutFile(ctx, f, owner(1)))
	got, err := x.File(ctx, f.CID)
	ok(t, err)
	sameFile(t, got, f)
	cids, err := x.ChunkFiles(ctx, Hash(5))
	ok(t, err)
	equal(t, strings.Join(cids, " "), f.CID)
	gone, err := x.RemoveOwner(ctx, f.CID, Address(1))
	ok(t, err)
	sameFile(t, *gone, f)
}

// A chunk of two files survives the deletion of either.
func testSharedChunk(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	ok(t, x.PutFile(ctx, file(1, 7, 8), owner(1)))
	ok(t, x.PutFile(ctx, file(2, 9, 8, 8), owner(1)))
	put(t, x, holding(1, 8, index.User))
	cids, err := x.ChunkFiles(ctx, Hash(8))
	ok(t, err)
	equal(t, strings.Join(cids, " "), strings.Join(sorted(CID(1), CID(2)), " "))
	_, err = x.RemoveOwner(ctx, CID(2), Address(1))
	ok(t, err)
	cids, err = x.ChunkFiles(ctx, Hash(8))
	ok(t, err)
	equal(t, strings.Join(cids, " "), CID(1))
	holders, err := x.Holders(ctx, Hash(8))
	ok(t, err)
	equal(t, len(holders), 1)
	_, err = x.RemoveOwner(ctx, CID(1), Address(1))
	ok(t, err)
	for _, c := range []uint32{7, 8, 9, 10} {
		cids, err = x.ChunkFiles(ctx, Hash(c))
		ok(t, err)
		equal(t, len(cids), 0)
	}
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	equal(t, swept, 0)
}

// The same CID stored twice in other chunks: the first stays, the second's
// chunks belong to nobody.
func testSecondGateway(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	first, second := file(1, 7, 8), file(1, 8, 9)
	ok(t, x.PutFile(ctx, first, owner(1)))
	ok(t, x.PutFile(ctx, second, owner(2)))
	got, err := x.File(ctx, first.CID)
	ok(t, err)
	sameFile(t, got, first)
	for chunk, files := range map[uint32]int{7: 1, 8: 1, 9: 0} {
		cids, err := x.ChunkFiles(ctx, Hash(chunk))
		ok(t, err)
		equal(t, len(cids), files)
	}
}

func testInvalidFiles(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	for name, change := range map[string]func(*index.File, *index.Ownership){
		"cid":          func(f *index.File, _ *index.Ownership) { f.CID = "Qm" },
		"cid, braces":  func(f *index.File, _ *index.Ownership) { f.CID = "{a}*" },
		"size":         func(f *index.File, _ *index.Ownership) { f.Size = -1 },
		"chunk size":   func(f *index.File, _ *index.Ownership) { f.Chunks[0].Size = -1 },
		"two sizes":    func(f *index.File, _ *index.Ownership) { f.Chunks[1] = index.Chunk{Hash: f.Chunks[0].Hash, Size: 1} },
		"chunk hash":   func(f *index.File, _ *index.Ownership) { f.Chunks[0].Hash = "0x12" },
		"leading zero": func(f *index.File, _ *index.Ownership) { f.Chunks[0].Hash = "0" + f.Chunks[0].Hash },
		"payload":      func(f *index.File, _ *index.Ownership) { f.Payload = strings.Repeat("x", index.MaxPayload+1) },
		"no text":      func(_ *index.File, o *index.Ownership) { o.Payload = "\xff" },
		"owner":        func(_ *index.File, o *index.Ownership) { o.Owner = "5Alice" },
		"ttl":          func(_ *index.File, o *index.Ownership) { o.TTL = -1 },
		"year":         func(f *index.File, _ *index.Ownership) { f.Stored = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		f, o := file(1, 7, 8), owner(1)
		change(&f, &o)
		if err := x.PutFile(ctx, f, o); err == nil {
			t.Errorf("%s: taken", name)
		} else {
			fails(t, err, index.ErrInvalid)
		}
	}
	_, err := x.File(ctx, "x")
	fails(t, err, index.ErrInvalid)
	_, err = x.ChunkFiles(ctx, "x")
	fails(t, err, index.ErrInvalid)
	_, err = x.File(ctx, CID(1))
	fails(t, err, index.ErrNotFound)
}
