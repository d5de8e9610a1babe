package manifest

import (
	"bufio"
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

// ReadExport reads the JSON of an Export: members as in the types and no others,
// each once. It is read as it comes, and takes no more memory than a placement of
// MaxSegments with MaxPlaces each. Its errors are ErrExport, and r's. What it says
// is for Verify to check.
func ReadExport(r io.Reader) (Export, error) {
	d := newDocument(r)
	e, err := d.export()
	if err == nil {
		d.left = maxPlace
		if _, end := d.dec.Token(); end != io.EOF {
			err = errors.Join(errors.New("something follows it"), end)
		}
	}
	if err != nil {
		return Export{}, fmt.Errorf("%w: %w", ErrExport, err)
	}
	switch {
	case e.V != ExportVersion:
		return Export{}, fmt.Errorf("%w: version %d, want %d", ErrExport, e.V, ExportVersion)
	case len(e.Signature) != 64:
		return Export{}, fmt.Errorf("%w: signature of %d bytes", ErrExport, len(e.Signature))
	}
	return e, nil
}

// ParseExport is ReadExport of all of b.
func ParseExport(b []byte) (Export, error) { return ReadExport(bytes.NewReader(b)) }

// export reads one.
func (d *document) export() (e Export, err error) {
	if err := d.expect(json.Delim('{')); err != nil {
		return e, err
	}
	members := map[string]any{"v": &e.V, "manifest": &e.Manifest, "signature": &e.Signature, "placement": &e.Placement}
	for d.more() {
		token, err := d.dec.Token()
		if err != nil {
			return e, err
		}
		name, _ := token.(string)
		value := members[name]
		delete(members, name)
		switch name {
		case "placement":
			if value == nil {
				return e, errors.New("two placements")
			}
			if e.Placement, err = d.placement(); err != nil {
				return e, err
			}
			continue
		case "manifest":
			d.left = 2 * MaxEncoded // as base64
		}
		if value == nil {
			return e, fmt.Errorf("member %.40q, again or of something else", name)
		}
		if err := d.dec.Decode(value); err != nil {
			return e, err
		}
	}
	return e, d.expect(json.Delim('}'))
}

// Write writes the JSON that ReadExport reads, segment by segment, and a line's end.
func (e Export) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	empty := e
	empty.Placement = Placement{}
	text, err := json.Marshal(empty)
	if err != nil {
		return err
	}
	const end = "]}}"
	_, _ = out.Write(text[:len(text)-len(end)]) // the last write's error is the first one's
	for i, places := range e.Placement.Segments {
		if i > 0 {
			_ = out.WriteByte(',')
		}
		if text, err = json.Marshal(append(make([]Place, 0, len(places)), places...)); err != nil {
			return err
		}
		_, _ = out.Write(text)
	}
	_, _ = out.WriteString(end + "\n")
	return out.Flush()
}

// Verify returns the manifest if its owner signed it, as verify says of owner, text
// and signature, and the placement fits: as many segments, or none at all, and no
// shard that there is not. It fails with ErrManifest, ErrPlacement, or what verify fails with.
func (e Export) Verify(verify func(owner [32]byte, text, sig []byte) error) (Manifest, error) {
	m, err := Parse(e.Manifest)
	if err != nil {
		return Manifest{}, err
	}
	if err := verify(m.Owner, text(e.Manifest), e.Signature); err != nil {
		return Manifest{}, fmt.Errorf("signature of the manifest: %w", err)
	}
	if n := len(e.Placement.Segments); n > 0 && n != len(m.Segments) {
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
