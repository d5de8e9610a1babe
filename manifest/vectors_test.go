package manifest_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/filetao/filetao/manifest"
)

type vector struct{ Encoded, Digest string }

// The vectors are made by testdata/vectors.py, which shares no code with us.
func TestVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Inline, Segments vector
		IDs              []string `json:"segment_ids"`
		Names            []string `json:"segment_names"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if in := v.Inline.parse(t); string(in.Inline) != "hello" || in.Size != 5 {
		t.Errorf("%+v", in)
	}
	m := v.Segments.parse(t)
	if len(m.Segments) != 3 || len(v.IDs) != 3 || len(v.Names) != 3 || m.Segments[1].Scheme.String() != "10-of-30" || m.Size != 601 {
		t.Fatalf("%+v", m)
	}
	for i := range m.Segments {
		id, name := m.ID(i), manifest.SegmentName(m.Owner, m.Upload, i)
		if hex.EncodeToString(id[:]) != v.IDs[i] || hex.EncodeToString(name[:]) != v.Names[i] {
			t.Errorf("segment %d: ID %x, name %x", i, id, name)
		}
	}
}

func (v vector) parse(t *testing.T) manifest.Manifest {
	t.Helper()
	raw, err := hex.DecodeString(v.Encoded)
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if digest := m.Digest(); hex.EncodeToString(digest[:]) != v.Digest || !bytes.Equal(m.Text(), append([]byte("filetao manifest v1"), digest[:]...)) {
		t.Errorf("digest %x, text %x", digest, m.Text())
	}
	return m
}
