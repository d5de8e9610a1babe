package scale_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/blake2b"

	"github.com/filetao/filetao/scale"
)

const recordings = "../testdata/vectors/chain"

// hexBytes are bytes that JSON has as 0x and hex; null is nil.
type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(text []byte) error {
	var s *string
	if err := json.Unmarshal(text, &s); err != nil || s == nil {
		*h = nil
		return err
	}
	b, err := hex.DecodeString(strings.TrimPrefix(*s, "0x"))
	*h = b
	return err
}

// vectors reads a file of recordings into v.
func vectors(t testing.TB, name string, v any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(recordings, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// rawMetadata is the metadata in a file of recordings.
func rawMetadata(t testing.TB, name string) []byte {
	t.Helper()
	var file struct {
		Version  int `json:"metadata_version"`
		Bytes    int
		Hash     hexBytes `json:"blake2b_256"`
		Metadata hexBytes
	}
	vectors(t, name, &file)
	sum := blake2b.Sum256(file.Metadata)
	if len(file.Metadata) != file.Bytes || !bytes.Equal(sum[:], file.Hash) {
		t.Fatalf("%s: not the metadata it says it is", name)
	}
	return file.Metadata
}

func parse(t testing.TB, name string) *scale.Metadata {
	t.Helper()
	m, err := scale.ParseMetadata(rawMetadata(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

// runtimes are the recorded runtimes, each with every metadata it gave.
var runtimes = []struct{ dir, metadata string }{
	{"spec185", "metadata.json"},
	{"spec218", "metadata.json"},
	{"spec300", "metadata.json"},
	{"spec300", "metadata_v15.json"},
}

// eachRuntime runs a test for every runtime and metadata version.
func eachRuntime(t *testing.T, test func(t *testing.T, dir string, m *scale.Metadata)) {
	for _, r := range runtimes {
		t.Run(r.dir+"/"+r.metadata, func(t *testing.T) {
			test(t, r.dir, parse(t, filepath.Join(r.dir, r.metadata)))
		})
	}
}

func TestMetadata(t *testing.T) {
	eachRuntime(t, func(t *testing.T, dir string, m *scale.Metadata) {
		p, ok := m.Pallet("SubtensorModule")
		if !ok || p.Index != 7 || len(p.Storage) < 90 || len(p.Constants) == 0 {
			t.Errorf("SubtensorModule: %v, index %d, %d items", ok, p.Index, len(p.Storage))
		}
		if m.ExtrinsicVersion() != 4 || len(m.SignedExtensions()) < 10 {
			t.Errorf("extrinsics of version %d with %d extensions", m.ExtrinsicVersion(), len(m.SignedExtensions()))
		}
		for _, p := range m.Pallets() {
			for _, c := range p.Constants {
				v, err := m.Constant(p.Name, c.Name)
				if err != nil {
					t.Errorf("%s.%s: %v", p.Name, c.Name, err)
				} else if b, err := m.Encode(c.Type, v); err != nil || !bytes.Equal(b, c.Value) {
					t.Errorf("%s.%s: %x, want %x, %v", p.Name, c.Name, b, c.Value, err)
				}
			}
			for _, e := range p.Storage {
				if _, _, err := e.Decode(e.Default); err != nil && e.Modifier == scale.Default {
					t.Errorf("default: %v", err)
				}
			}
		}
		v, err := m.Constant("System", "BlockHashCount")
		if n, _ := v.Uint64(); err != nil || n == 0 {
			t.Errorf("BlockHashCount %v, %v", v, err)
		}
	})
}

// TestVectorsAreTheOriginals compares the recordings with the ones they were
// copied from, where those lie beside the repository.
func TestVectorsAreTheOriginals(t *testing.T) {
	const originals = "../../shared/vectors/chain"
	if _, err := os.Stat(originals); err != nil {
		return
	}
	seen := 0
	err := filepath.WalkDir(originals, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(originals, path)
		if err != nil {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(recordings, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: not what it was copied from: %v", name, err)
		}
		seen++
		return nil
	})
	if err != nil || seen == 0 {
		t.Errorf("%d files, %v", seen, err)
	}
}
