package index_test

import (
	"errors"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

// A put that was cut off refers to a segment that was left: it is not settled yet
// and stays listed, until the reference is old.
func TestUnsettledStaysListed(t *testing.T) {
	kv := &mortal{groups: map[string]map[string][]byte{}, left: -1}
	x, ctx := index.New(kv), t.Context()
	segments := []index.Segment{indextest.Segment(1, 1, 0), indextest.Segment(1, 1, 1)}
	put(t, x, segments[0])
	put(t, x, segments[1])
	o := index.Object{
		Owner: indextest.Address(1), CID: indextest.CID(1), Upload: segments[0].Upload, Manifest: []byte("m"), Signature: make([]byte, index.SignatureSize),
	}
	name := index.ObjectName{Owner: o.Owner, CID: o.CID}
	if _, err := x.PutObject(ctx, o, []string{segments[0].ID, segments[1].ID}); err != nil {
		t.Fatal(err)
	}
	other := o
	other.CID = indextest.CID(2)
	kv.revive(1, false) // of two: the reference, not the object
	if _, err := x.PutObject(ctx, other, []string{segments[1].ID}); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	kv.revive(-1, false)
	if _, err := x.RemoveObject(ctx, o.Owner, o.CID); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		age    time.Duration
		listed int
	}{{time.Hour, 1}, {time.Hour, 1}, {0, 0}, {0, 0}} {
		if err := x.EndLeft(ctx, name, want.age, nil); err != nil {
			t.Fatal(err)
		}
		for i, s := range segments {
			_, err := x.Segment(ctx, s.ID)
			if there := i == 1 && want.listed == 1; there != (err == nil) {
				t.Fatalf("%v: segment %d: %v", want, i, err)
			}
		}
		listed := 0
		for _, err := range x.Left(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			listed++
		}
		if listed != want.listed {
			t.Fatalf("%v: %d listed", want, listed)
		}
	}
}

// What was left is ended by whoever comes after a crash, wherever that was.
func TestEndLeftAfterCrash(t *testing.T) {
	for left := range 16 {
		kv := &mortal{groups: map[string]map[string][]byte{}, left: -1}
		x, ctx := index.New(kv), t.Context()
		var ids []string
		for n := range uint32(3) {
			s := indextest.Segment(1, 1, n)
			put(t, x, s)
			ids = append(ids, s.ID)
		}
		o := index.Object{Owner: indextest.Address(1), CID: indextest.CID(1), Upload: indextest.UploadID(1), Manifest: []byte("m"), Signature: make([]byte, index.SignatureSize)}
		if _, err := x.PutObject(ctx, o, ids); err != nil {
			t.Fatal(err)
		}
		kv.revive(left, left%2 == 0)
		_, err := x.RemoveObject(ctx, o.Owner, o.CID)
		if err == nil {
			err = x.EndLeft(ctx, index.ObjectName{Owner: o.Owner, CID: o.CID}, 0, nil)
		}
		if left < 6 && !errors.Is(err, errKilled) {
			t.Fatalf("%d: %v", left, err)
		}
		kv.revive(-1, false)
		x = index.New(kv)
		if _, err := x.Object(ctx, o.Owner, o.CID); err == nil {
			continue // killed before it was removed
		}
		for name, err := range x.Left(ctx) {
			if err == nil {
				err = x.EndLeft(ctx, name, 0, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		drops := 0
		for _, err := range x.Drops(ctx, indextest.Address(1)) {
			if err != nil {
				t.Fatal(err)
			}
			drops++
		}
		if n, err := x.Sweep(ctx, 0); err != nil || n != 0 || drops != 3 {
			t.Fatalf("killed after %d commits: %d drops, and a sweep found %d, %v", left, drops, n, err)
		}
	}
}
