package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/filetao/filetao/erasure"
)

const (
	// MaxDocument is the longest JSON of a Placement of some of a file's segments, in
	// bytes, as one answer has it. That of an Export has as many as it needs.
	MaxDocument = 64 << 20
	// MaxPlaces is how many places of one segment a Placement may have: each
	// shard twice, as while it moves.
	MaxPlaces = 2 * erasure.MaxTotal
)

// ErrPlacement is returned for what is no placement.
var ErrPlacement = errors.New("not a placement")

// Placement says where the shards of a file's segments are, in the order of the
// manifest. It is nobody's signed word: what a miner gives is checked with the
// place's root, and a segment with the manifest's.
type Placement struct {
	Segments [][]Place `json:"segments"`
}

// Place is one shard at one miner. Who knows it may read the shard.
type Place struct {
	Number int    `json:"number"` // of the shard, from 0
	Miner  string `json:"miner"`  // ss58 of its hotkey
	Root   string `json:"root"`   // of the masked shard, in decimal
	Addr   string `json:"addr"`   // host and port; empty if not known
}

// ParsePlacement reads the JSON of a Placement: up to MaxDocument bytes, members
// as in the type and no others. Its errors are ErrPlacement.
func ParsePlacement(b []byte) (p Placement, err error) {
	if len(b) > MaxDocument {
		return Placement{}, fmt.Errorf("%w: %d bytes, at most %d", ErrPlacement, len(b), MaxDocument)
	}
	if err := p.UnmarshalJSON(b); err != nil {
		return Placement{}, err
	}
	return p, nil
}

// UnmarshalJSON is ParsePlacement without a limit.
func (p *Placement) UnmarshalJSON(b []byte) error {
	d := newDocument(bytes.NewReader(b))
	got, err := d.placement()
	if err != nil {
		return err
	}
	d.left = maxPlace
	if _, err := d.dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: something follows it", ErrPlacement)
	}
	*p = got
	return nil
}

// document is JSON that is read item by item, so that neither lists of nothing nor
// one long text can take many times the memory of what is read of it in the end.
type document struct {
	dec   *json.Decoder
	left  int64 // bytes that may be read for the present item
	in    io.Reader
	names map[string]string // of miners and addresses, which come again and again
}

// maxPlace is more than the text of a place takes, with what is read ahead.
const maxPlace = 64 << 10

func newDocument(in io.Reader) *document {
	d := &document{in: in, names: map[string]string{}}
	d.dec = json.NewDecoder(d)
	d.dec.DisallowUnknownFields()
	return d
}

// Read implements io.Reader, for the decoder.
func (d *document) Read(p []byte) (int, error) {
	if d.left <= 0 {
		return 0, fmt.Errorf("%w: an item is too long", ErrPlacement)
	}
	n, err := d.in.Read(p[:min(int64(len(p)), d.left)])
	d.left -= int64(n)
	return n, err
}

// placement reads one.
func (d *document) placement() (got Placement, err error) {
	for _, want := range []json.Token{json.Delim('{'), "segments", json.Delim('[')} {
		if err := d.expect(want); err != nil {
			return got, err
		}
	}
	for d.more() {
		if len(got.Segments) == MaxSegments {
			return got, fmt.Errorf("%w: more than %d segments", ErrPlacement, MaxSegments)
		}
		places, err := d.places()
		if err != nil {
			return got, err
		}
		got.Segments = append(got.Segments, places)
	}
	for _, want := range []json.Token{json.Delim(']'), json.Delim('}')} {
		if err := d.expect(want); err != nil {
			return got, err
		}
	}
	return got, nil
}

// places reads those of one segment.
func (d *document) places() (places []Place, err error) {
	if err := d.expect(json.Delim('[')); err != nil {
		return nil, err
	}
	for d.more() {
		if len(places) == MaxPlaces {
			return nil, fmt.Errorf("%w: more than %d places of one segment", ErrPlacement, MaxPlaces)
		}
		var place Place
		if err := d.dec.Decode(&place); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPlacement, err)
		}
		if err := place.check(); err != nil {
			return nil, err
		}
		place.Miner, place.Addr = d.once(place.Miner), d.once(place.Addr)
		places = append(places, place)
	}
	return slices.Clip(places), d.expect(json.Delim(']'))
}

// once is a text that is in memory once, however often it came.
func (d *document) once(text string) string {
	if one, ok := d.names[text]; ok {
		return one
	}
	d.names[text] = text
	return text
}

// more begins another item, if there is one.
func (d *document) more() bool {
	d.left = maxPlace
	more := d.dec.More()
	d.left = maxPlace
	return more
}

func (d *document) expect(want json.Token) error {
	d.left = maxPlace
	switch got, err := d.dec.Token(); {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrPlacement, err)
	case got != want:
		return fmt.Errorf("%w: %.40q, want %q", ErrPlacement, fmt.Sprint(got), fmt.Sprint(want))
	}
	return nil
}

// check is about form alone: whether the miner's name is an ss58 with a right
// checksum is for whoever can ask it.
func (p Place) check() error {
	const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	switch {
	case p.Number < 0 || p.Number >= erasure.MaxTotal:
		return fmt.Errorf("%w: shard %d", ErrPlacement, p.Number)
	case p.Miner == "" || len(p.Miner) > 64 || strings.Trim(p.Miner, base58) != "":
		return fmt.Errorf("%w: miner %.80q", ErrPlacement, p.Miner)
	case len(p.Addr) > 255 || strings.ContainsFunc(p.Addr, func(r rune) bool { return r <= ' ' || r > '~' }):
		return fmt.Errorf("%w: address %.80q", ErrPlacement, p.Addr)
	}
	if _, err := erasure.ParseRoot(p.Root); err != nil {
		return fmt.Errorf("%w: root: %w", ErrPlacement, err)
	}
	return nil
}

// MarshalJSON writes empty lists as such, never as null.
func (p Placement) MarshalJSON() ([]byte, error) {
	type plain Placement
	segments := make([][]Place, len(p.Segments))
	for i, places := range p.Segments {
		segments[i] = append(make([]Place, 0, len(places)), places...)
	}
	return json.Marshal(plain{segments})
}
