package blobstore_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/blobstore"
)

func TestTagsAreOneOwnersAndGoWithTheClaim(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	ctx, data := t.Context(), []byte("data")
	tags := func(want string, owner byte) {
		t.Helper()
		who := alice
		if owner == 'b' {
			who = bob
		}
		got, err := s.Tags(ctx, who, hashOf(data))
		if string(got) != want || (want == "") != errors.Is(err, blobstore.ErrNotFound) || want != "" && err != nil {
			t.Fatalf("tags of %c: %q, %v; want %q", owner, got, err, want)
		}
	}
	put(t, s, alice, data, "s", time.Minute)
	put(t, s, bob, data, "s", 0)
	tags("", 'a')
	for _, text := range []string{"first", "second, longer", "3"} {
		if err := s.PutTags(ctx, alice, hashOf(data), []byte(text)); err != nil {
			t.Fatal(err)
		}
		tags(text, 'a')
		tags("", 'b')
	}
	put(t, s, alice, data, "again", time.Minute)
	tags("3", 'a')
	if err := s.PutTags(ctx, bob, hashOf(data), []byte("bob's")); err != nil {
		t.Fatal(err)
	}
	if n, _, err := s.Expire(ctx, noon.Add(time.Hour)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	tags("", 'a')
	tags("bob's", 'b')
	put(t, s, alice, data, "anew", 0)
	tags("", 'a')
	if err := s.Delete(ctx, bob, hashOf(data)); err != nil {
		t.Fatal(err)
	}
	put(t, s, bob, data, "anew", 0)
	tags("", 'b')
}

func TestTagsAreBounded(t *testing.T) {
	mem := vfs.NewCrashableMem()
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 1 << 30})
	c := blobstore.Config{Dir: "d", Capacity: 4}
	s := open(t, c, blobstore.Deps{FS: mem})
	data := []byte("data")
	put(t, s, alice, data, "s", 0) // the capacity is that of content: tags come on top
	most := bytes.Repeat([]byte("tag."), blobstore.MaxTags/4)
	for name, bad := range map[string][]byte{"none": nil, "too many": append(most, 0)} {
		if err := s.PutTags(t.Context(), alice, hashOf(data), bad); !errors.Is(err, blobstore.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.PutTags(t.Context(), alice, hashOf(data), most); err != nil {
		t.Fatal(err)
	}
	left := mem.CrashClone(vfs.CrashCloneCfg{}) // larger than what the database keeps in memory
	left.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 16})
	s = open(t, blobstore.Config{Dir: "d", MinFree: 15}, blobstore.Deps{FS: left})
	if got, err := s.Tags(t.Context(), alice, hashOf(data)); err != nil || !bytes.Equal(got, most) {
		t.Fatalf("after a crash: %d bytes, %v", len(got), err)
	}
	if err := s.PutTags(t.Context(), alice, hashOf(data), []byte("ab")); !errors.Is(err, blobstore.ErrFull) {
		t.Fatalf("on a full disk: %v", err)
	}
	if err := s.PutTags(t.Context(), alice, hashOf(data), []byte("a")); err != nil {
		t.Fatal(err)
	}
}
