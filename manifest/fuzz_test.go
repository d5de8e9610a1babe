package manifest_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/filetao/filetao/manifest"
)

// FuzzParse: whatever parses is written in one way only.
func FuzzParse(f *testing.F) {
	for _, m := range []manifest.Manifest{small(), three()} {
		b := m.Encode()
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(append(bytes.Clone(b), 0))
		b = bytes.Clone(b)
		b[0] = 2
		f.Add(b)
	}
	f.Add([]byte{})
	f.Add(make([]byte, 200))
	f.Add(bytes.Repeat([]byte{1}, 200))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := manifest.Parse(b)
		if err != nil {
			if !errors.Is(err, manifest.ErrManifest) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(m.Encode(), b) {
			t.Fatal("another encoding")
		}
		var sum int64
		for _, r := range m.Locate(0, m.Size) {
			sum += r.Length
		}
		if sum+int64(len(m.Inline)) != m.Size {
			t.Fatalf("%d bytes of %d", sum, m.Size)
		}
	})
}

// FuzzExport: whatever parses comes back as the same once written, and what
// verifies has places for its own segments only.
func FuzzExport(f *testing.F) {
	f.Add(document(f, exported()))
	e := exported()
	e.Manifest, e.Placement.Segments = small().Encode(), nil
	f.Add(document(f, e))
	for _, text := range badPlacements() {
		if len(text) < 1000 {
			f.Add(bytes.Replace(document(f, e), []byte(`{"segments":[]}`), []byte(text), 1))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := manifest.ParseExport(b)
		if err != nil {
			if !errors.Is(err, manifest.ErrExport) {
				t.Fatal(err)
			}
			return
		}
		again, err := manifest.ParseExport(document(t, e))
		if err != nil || !reflect.DeepEqual(again.Placement, e.Placement) || !bytes.Equal(again.Manifest, e.Manifest) {
			t.Fatalf("%v: %+v comes back as %+v", err, e, again)
		}
		m, err := e.Verify(func([32]byte, []byte, []byte) error { return nil })
		if err == nil && len(m.Segments) != len(e.Placement.Segments) {
			t.Fatal("verified without fitting")
		}
	})
}
