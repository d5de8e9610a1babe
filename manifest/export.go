package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/filetao/filetao/erasure"
)

// ExportVersion is the V of an Export.
const ExportVersion = 1

// ErrExport is returned for what is no export.
var ErrExport = errors.New("not an export of a file")

// Export is all that the owner of a file needs besides the own key to get it
// back from miners, with no gateway: the document of a .filetao file. Who has it
// can fetch and unmask the shards, and open nothing.
type Export struct {
	V         int       `json:"v"`         // ExportVersion
	Manifest  []byte    `json:"manifest"`  // of Manifest.Encode
	Signature []byte    `json:"signature"` // the owner's of Manifest.Text, 64 bytes
	Placement Placement `json:"placement"`
}

// ParseExport reads the JSON of an Export: up to MaxDocument bytes, members as in
// the types and no others. Its errors are ErrExport. What it says is for Verify to
// check.
func ParseExport(b []byte) (Export, error) {
	if len(b) > MaxDocument {
		return Export{}, fmt.Errorf("%w: %d bytes, at most %d", ErrExport, len(b), MaxDocument)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var e Export
	if err := dec.Decode(&e); err != nil {
		return Export{}, fmt.Errorf("%w: %w", ErrExport, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Export{}, fmt.Errorf("%w: something follows it", ErrExport)
	}
	switch {
	case e.V != ExportVersion:
		return Export{}, fmt.Errorf("%w: version %d, want %d", ErrExport, e.V, ExportVersion)
	case len(e.Signature) != 64:
		return Export{}, fmt.Errorf("%w: signature of %d bytes", ErrExport, len(e.Signature))
	}
	return e, nil
}

// Verify returns the manifest if its owner signed it, as verify says of owner, text
// and signature, and the placement fits: as many segments, no shard that there is
// not. It fails with ErrManifest, ErrPlacement, or what verify fails with.
func (e Export) Verify(verify func(owner [32]byte, text, sig []byte) error) (Manifest, error) {
	m, err := Parse(e.Manifest)
	if err != nil {
		return Manifest{}, err
	}
	if err := verify(m.Owner, text(e.Manifest), e.Signature); err != nil {
		return Manifest{}, fmt.Errorf("signature of the manifest: %w", err)
	}
	if len(e.Placement.Segments) != len(m.Segments) {
		return Manifest{}, fmt.Errorf("%w: %d segments, the manifest has %d", ErrPlacement, len(e.Placement.Segments), len(m.Segments))
	}
	for i, places := range e.Placement.Segments {
		for _, p := range places {
			if p.Number < 0 || p.Number >= erasure.MaxTotal { // some beyond the scheme's are good, see package erasure
				return Manifest{}, fmt.Errorf("%w: shard %d of segment %d", ErrPlacement, p.Number, i)
			}
		}
	}
	return m, nil
}
