package indextest

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
)

// changes are the objects that are to be backed up.
func changes(t *testing.T, x *index.Index) (all []index.Change) {
	t.Helper()
	for c, err := range x.Changes(t.Context()) {
		ok(t, err)
		all = append(all, c)
	}
	return all
}

// isNews checks which changes have news.
func isNews(t *testing.T, x *index.Index, want ...index.Object) (all []index.Change) {
	t.Helper()
	names := map[index.ObjectName]bool{}
	for c, err := range x.News(t.Context()) {
		ok(t, err)
		all = append(all, c)
		names[c.ObjectName] = true
	}
	if len(names) != len(want) {
		t.Fatalf("news of %v, want %v", names, want)
	}
	for _, o := range want {
		if !names[index.ObjectName{Owner: o.Owner, CID: o.CID}] {
			t.Fatalf("news of %v, want %v", names, want)
		}
	}
	return all
}

// testNews: what changes is news until it is backed up as it is.
func testNews(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	o, other := object(1, 1), object(2, 1)
	isNews(t, x)
	for _, o := range []index.Object{o, other} {
		_, err := x.PutObject(ctx, o, nil)
		ok(t, err)
	}
	saved := object(3, 1)
	saved.BackedUp = true
	_, err := x.PutObject(ctx, saved, nil)
	ok(t, err)
	first := isNews(t, x, o, other)
	if first[0].Since.Before(day) {
		t.Fatalf("%+v", first)
	}
	ok(t, x.RenewObject(ctx, o.Owner, o.CID, o.Stored, o.TTL+time.Hour))
	ok(t, x.BackedUp(ctx, first))
	isNews(t, x, o)
	isChanged(t, x, o)
	ok(t, x.BackedUp(ctx, first)) // again
	second := isNews(t, x, o)
	_, err = x.RemoveObject(ctx, o.Owner, o.CID)
	ok(t, err)
	ok(t, x.BackedUp(ctx, second))
	ok(t, x.BackedUp(ctx, isNews(t, x, o)))
	isNews(t, x)
	isChanged(t, x)

	// What is found by looking through all is no news any more.
	gone := index.ObjectName{Owner: Address(4), CID: CID(4, 1)}
	ok(t, x.PutGone(ctx, gone, index.Gone{At: day, Manifest: make([]byte, 32)}, false))
	named := index.Object{Owner: gone.Owner, CID: gone.CID}
	isNews(t, x, named)
	ok(t, x.BackedUp(ctx, changes(t, x)))
	isNews(t, x)

	// Nor is what has been swept with what it was about.
	for n := range uint32(300) {
		_, err := x.PutObject(ctx, object(5, n), nil)
		ok(t, err)
	}
	all := isNews(t, x, objects(5, 300)...)
	_, err = x.RemoveObject(ctx, object(5, 7).Owner, object(5, 7).CID)
	ok(t, err)
	ok(t, x.BackedUp(ctx, all))
	isNews(t, x, object(5, 7))
	_, err = x.Sweep(ctx, 0)
	ok(t, err)
	isNews(t, x)
	isChanged(t, x)
}

// objects are so many of an owner's.
func objects(owner, n uint32) (all []index.Object) {
	for i := range n {
		all = append(all, object(owner, i))
	}
	return all
}

func isChanged(t *testing.T, x *index.Index, want ...index.Object) {
	t.Helper()
	names, wanted := map[index.ObjectName]bool{}, map[index.ObjectName]bool{}
	for _, c := range changes(t, x) {
		names[c.ObjectName] = true
	}
	for _, o := range want {
		wanted[index.ObjectName{Owner: o.Owner, CID: o.CID}] = true
	}
	if !maps.Equal(names, wanted) {
		t.Fatalf("%v have changed, want %v", names, wanted)
	}
}

func known(t *testing.T, x *index.Index, o index.Object) index.Known {
	t.Helper()
	k, err := x.Known(t.Context(), index.ObjectName{Owner: o.Owner, CID: o.CID})
	ok(t, err)
	return k
}

// Every change is there to be backed up until it is, but not a later one.
func testChanges(t *testing.T, s Store) {
	x, ctx := s.Open(t), t.Context()
	o, other := object(1, 1), object(2, 1)
	o.TTL = 1000 * 24 * time.Hour
	same(t, known(t, x, o), index.Known{ObjectName: index.ObjectName{Owner: o.Owner, CID: o.CID}})
	for _, o := range []index.Object{o, other} {
		_, err := x.PutObject(ctx, o, nil)
		ok(t, err)
	}
	isChanged(t, x, o, other)
	k := known(t, x, o)
	same(t, *k.Object, o)
	if k.Gone != nil || !k.Changed {
		t.Fatalf("%+v", k)
	}
	seen := changes(t, x)
	ok(t, x.RenewObject(ctx, o.Owner, o.CID, o.Stored, o.TTL+1))
	ok(t, x.BackedUp(ctx, seen))
	isChanged(t, x, o)
	ok(t, x.BackedUp(ctx, seen)) // again
	ok(t, x.BackedUp(ctx, changes(t, x)))
	isChanged(t, x)
	equal(t, known(t, x, o).Changed, false)

	o.TTL += time.Hour
	_, err := x.PutObject(ctx, o, nil)
	ok(t, err)
	seen = changes(t, x)
	_, err = x.RemoveObject(ctx, o.Owner, o.CID)
	ok(t, err)
	ok(t, x.BackedUp(ctx, seen))
	isChanged(t, x, o)
	first := known(t, x, o)
	digest := sha256.Sum256(o.Manifest)
	if g := first.Gone; first.Object != nil || g == nil || !g.Until.Equal(o.Stored.Add(o.TTL+index.Grave)) || !bytes.Equal(g.Manifest, digest[:]) {
		t.Fatalf("%+v", first)
	}

	// Put again, for less: what was promised first still counts.
	o.TTL, o.BackedUp = 900*24*time.Hour, true
	ok(t, x.BackedUp(ctx, changes(t, x)))
	_, err = x.PutObject(ctx, o, nil)
	ok(t, err)
	isChanged(t, x)
	same(t, known(t, x, o).Gone, first.Gone)
	_, err = x.ExpireObject(ctx, o.Owner, o.CID, day.Add(1))
	ok(t, err)
	isChanged(t, x)
	_, err = x.ExpireObject(ctx, o.Owner, o.CID, day.Add(o.TTL))
	ok(t, err)
	if k := known(t, x, o); !k.Changed || !k.Gone.Until.Equal(first.Gone.Until) || k.Gone.At.Before(first.Gone.At) {
		t.Fatalf("%+v", k)
	}
	testGone(t, x, o)
}

// testGone is about removals, with an object that was removed.
func testGone(t *testing.T, x *index.Index, o index.Object) {
	ctx := t.Context()
	is := known(t, x, o).Gone
	name := index.ObjectName{Owner: o.Owner, CID: o.CID}
	ok(t, x.PutGone(ctx, name, index.Gone{At: day, Manifest: is.Manifest}, true))
	same(t, known(t, x, o).Gone, is)
	elsewhere := object(3, 1)
	name = index.ObjectName{Owner: elsewhere.Owner, CID: elsewhere.CID}
	other := index.Gone{At: day, Until: time.Now().Add(time.Hour).UTC().Round(0), Manifest: is.Manifest}
	ok(t, x.PutGone(ctx, name, other, true))
	same(t, known(t, x, elsewhere), index.Known{ObjectName: name, Gone: &other})
	fails(t, x.PutGone(ctx, name, index.Gone{Manifest: []byte("short")}, true), index.ErrInvalid)
	fails(t, x.PutGone(ctx, index.ObjectName{Owner: o.Owner, CID: "a:b"}, other, true), index.ErrInvalid)
	ended := index.ObjectName{Owner: Address(3), CID: CID(3, 2)}
	ok(t, x.PutGone(ctx, ended, other, false))
	same(t, known(t, x, object(3, 2)), index.Known{ObjectName: ended, Gone: &other, Changed: true})

	// Those that do not matter any more are swept, with their change.
	late := object(4, 1)
	_, err := x.PutObject(ctx, late, nil)
	ok(t, err)
	_, err = x.RemoveObject(ctx, late.Owner, late.CID)
	ok(t, err)
	swept, err := x.Sweep(ctx, 0)
	ok(t, err)
	if k := known(t, x, late); swept != 1 || k.Gone != nil || k.Changed {
		t.Fatalf("%d swept, %+v", swept, k)
	}

	// What was promised before it was shortened is remembered too.
	short := object(6, 1)
	short.Stored, short.TTL = other.Until, 90*24*time.Hour
	_, err = x.PutObject(ctx, short, nil)
	ok(t, err)
	ok(t, x.ShortenObject(ctx, short.Owner, short.CID, short.Stored, time.Hour))
	_, err = x.RemoveObject(ctx, short.Owner, short.CID)
	ok(t, err)
	if g := known(t, x, short).Gone; !g.Until.Equal(short.Stored.Add(short.TTL+index.Grave)) || !g.At.After(day) {
		t.Fatalf("%+v", g)
	}

	// All anew: more than fit into one commit.
	all := []index.Object{o, short, elsewhere, object(3, 2), object(2, 1)}
	for n := range uint32(300) {
		many := object(5, n)
		_, err := x.PutObject(ctx, many, nil)
		ok(t, err)
		all = append(all, many)
	}
	ok(t, x.BackedUp(ctx, changes(t, x)))
	isChanged(t, x)
	ok(t, x.ChangeAll(ctx))
	isChanged(t, x, all...)
	some := slices.DeleteFunc(changes(t, x), func(c index.Change) bool { return c.Owner != Address(5) })
	ok(t, x.ChangeAll(ctx))
	ok(t, x.BackedUp(ctx, some))
	isChanged(t, x, all...)
}
