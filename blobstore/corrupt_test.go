package blobstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/filetao/filetao/blobstore"
)

func TestDamageIsFoundOnReadAndMendedByTheNextPut(t *testing.T) {
	data := bytes.Repeat([]byte("data"), 40000)
	damages := map[string]func(path string) error{
		"bit flipped in the last byte": func(path string) error {
			bad := bytes.Clone(data)
			bad[len(bad)-1] ^= 1
			return os.WriteFile(path, bad, 0o600)
		},
		"cut short": func(path string) error { return os.Truncate(path, int64(len(data)-1)) },
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"missing":   os.Remove,
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
			put(t, s, alice, data, "s", 0)
			if err := damage(contentFile(dir, data)); err != nil {
				t.Fatal(err)
			}
			if got, _, err := s.Read(t.Context(), alice, hashOf(data)); !errors.Is(err, blobstore.ErrCorrupt) {
				t.Fatalf("read %d bytes, %v", len(got), err)
			}
			before := s.Usage()
			put(t, s, bob, data, "s", 0)
			for _, owner := range []struct {
				name string
				got  func() ([]byte, blobstore.Record, error)
			}{
				{"alice", func() ([]byte, blobstore.Record, error) { return s.Read(t.Context(), alice, hashOf(data)) }},
				{"bob", func() ([]byte, blobstore.Record, error) { return s.Read(t.Context(), bob, hashOf(data)) }},
			} {
				if got, _, err := owner.got(); err != nil || !bytes.Equal(got, data) {
					t.Fatalf("%s after mending: %d bytes, %v", owner.name, len(got), err)
				}
			}
			if u := s.Usage(); u.Bytes != before.Bytes || u.Objects != 1 || u.Records != 2 {
				t.Fatalf("usage %+v, before %+v", u, before)
			}
		})
	}
}

func TestReaderHoldsTheLastBytesBackUntilTheHashIsRight(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	data := bytes.Repeat([]byte("d"), 100_000)
	put(t, s, alice, data, "s", 0)
	bad := bytes.Clone(data)
	bad[0] ^= 1
	if err := os.WriteFile(contentFile(dir, data), bad, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := s.Reader(t.Context(), alice, hashOf(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	buf := make([]byte, 60_000)
	if _, err := io.ReadFull(r, buf); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if n, err := io.ReadFull(r, buf[:40_000]); n != 0 || !errors.Is(err, blobstore.ErrCorrupt) {
			t.Fatalf("%d bytes, %v", n, err)
		}
	}
}

func TestReaderEndsWithItsContext(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	put(t, s, alice, []byte("data"), "s", 0)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.Reader(ctx, alice, hashOf([]byte("data")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if _, err := r.Read(make([]byte, 9)); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}
