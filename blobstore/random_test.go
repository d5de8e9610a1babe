package blobstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/filetao/filetao/blobstore"
)

func TestRandomReadsAreThoseOfTheData(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	data := make([]byte, 200_000)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	put(t, s, alice, data, "s", 0)
	r, err := s.OpenAt(t.Context(), alice, hashOf(data))
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := s.Stat(t.Context(), alice, hashOf(data)); err != nil || r.Record() != rec {
		t.Fatalf("%+v, %v; want %+v", r.Record(), err, rec)
	}
	if err := s.Delete(t.Context(), alice, hashOf(data)); err != nil { // it can be read on
		t.Fatal(err)
	}
	rng, want := rand.New(rand.NewPCG(1, 2)), bytes.NewReader(data)
	for range 1000 {
		at, n := rng.Int64N(250_000), rng.IntN(9000)
		got, expected := make([]byte, n), make([]byte, n)
		n1, err1 := r.ReadAt(got, at)
		n2, err2 := want.ReadAt(expected, at)
		if n1 != n2 || !errors.Is(err1, err2) || !bytes.Equal(got, expected) {
			t.Fatalf("%d bytes at %d: %d, %v; want %d, %v", n, at, n1, err1, n2, err2)
		}
	}
	if _, err := r.ReadAt(make([]byte, 1), -1); !errors.Is(err, blobstore.ErrInvalid) {
		t.Errorf("before the start: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRandomReadsEndWithTheirContext(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	put(t, s, alice, []byte("data"), "s", 0)
	ctx, cancel := context.WithCancel(t.Context())
	r, err := s.OpenAt(ctx, alice, hashOf([]byte("data")))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if _, err := r.ReadAt(make([]byte, 1), 0); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func TestMissingOrShortContentIsNotOpened(t *testing.T) {
	data := bytes.Repeat([]byte("data"), 40000)
	for name, damage := range map[string]func(path string) error{
		"cut short": func(path string) error { return os.Truncate(path, int64(len(data)-1)) },
		"empty":     func(path string) error { return os.Truncate(path, 0) },
		"missing":   os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
			put(t, s, alice, data, "s", 0)
			if err := damage(contentFile(dir, data)); err != nil {
				t.Fatal(err)
			}
			if r, err := s.OpenAt(t.Context(), alice, hashOf(data)); !errors.Is(err, blobstore.ErrCorrupt) {
				t.Fatalf("%v, %v", r, err)
			}
			put(t, s, bob, data, "s", 0)
			readAt(t, s, data)
		})
	}
}

// readAt reads the last byte of alice's data.
func readAt(t *testing.T, s *blobstore.Store, data []byte) {
	t.Helper()
	r, err := s.OpenAt(t.Context(), alice, hashOf(data))
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	n, err := r.ReadAt(b[:], int64(len(data)-1))
	if err := errors.Join(err, r.Close()); n != 1 || err != nil || b[0] != data[len(data)-1] {
		t.Fatalf("%d bytes, %q, %v", n, b, err)
	}
}

func TestContentThatIsCutShortWhileItIsReadIsFound(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	data := bytes.Repeat([]byte("data"), 40_000)
	put(t, s, alice, data, "s", 0)
	r, err := s.OpenAt(t.Context(), alice, hashOf(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := os.Truncate(contentFile(dir, data), 130_000); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{129_990, 130_000, 159_999} {
		n, err := r.ReadAt(make([]byte, 100), at)
		if want := int(max(130_000-at, 0)); n != want || !errors.Is(err, blobstore.ErrCorrupt) || errors.Is(err, io.EOF) {
			t.Fatalf("at %d: %d bytes, %v", at, n, err)
		}
	}
	put(t, s, alice, data, "s", 0) // the damage was noted: this mends it
	readAt(t, s, data)
}

// TestKnownDamageIsNotRead: who proves with data known to be wrong proves that
// it is a cheater. What turns out to be right after all is read again.
func TestKnownDamageIsNotRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	data := bytes.Repeat([]byte("data"), 40_000)
	put(t, s, alice, data, "s", 0)
	bad := bytes.Clone(data)
	bad[7] ^= 1
	write := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(contentFile(dir, data), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(bad)
	readAt(t, s, data) // nobody knows yet
	if _, _, err := s.Read(t.Context(), alice, hashOf(data)); !errors.Is(err, blobstore.ErrCorrupt) {
		t.Fatal(err)
	}
	for range 2 {
		if r, err := s.OpenAt(t.Context(), alice, hashOf(data)); !errors.Is(err, blobstore.ErrCorrupt) {
			t.Fatalf("%v, %v", r, err)
		}
		write(data) // the disk came to its senses; but only a reading of all of it tells
	}
	if _, _, err := s.Read(t.Context(), alice, hashOf(data)); err != nil {
		t.Fatal(err)
	}
	readAt(t, s, data)
}
