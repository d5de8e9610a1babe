package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/filetao/filetao/erasure"
)

const (
	// MaxDocument is the longest JSON of a Placement or an Export, in bytes.
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

// UnmarshalJSON is ParsePlacement without a limit. It goes item by item, so that
// lists of nothing cannot take many times the memory of their text.
func (p *Placement) UnmarshalJSON(b []byte) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	var got Placement
	for _, want := range []json.Token{json.Delim('{'), "segments", json.Delim('[')} {
		if err := expect(dec, want); err != nil {
			return err
		}
	}
	for dec.More() {
		if len(got.Segments) == MaxSegments {
			return fmt.Errorf("%w: more than %d segments", ErrPlacement, MaxSegments)
		}
		places, err := placesOf(dec)
		if err != nil {
			return err
		}
		got.Segments = append(got.Segments, places)
	}
	for _, want := range []json.Token{json.Delim(']'), json.Delim('}')} {
		if err := expect(dec, want); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%w: something follows it", ErrPlacement)
	}
	*p = got
	return nil
}

// placesOf reads those of one segment.
func placesOf(dec *json.Decoder) (places []Place, err error) {
	if err := expect(dec, json.Delim('[')); err != nil {
		return nil, err
	}
	dec.DisallowUnknownFields()
	for dec.More() {
		if len(places) == MaxPlaces {
			return nil, fmt.Errorf("%w: more than %d places of one segment", ErrPlacement, MaxPlaces)
		}
		var place Place
		if err := dec.Decode(&place); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPlacement, err)
		}
		if err := place.check(); err != nil {
			return nil, err
		}
		places = append(places, place)
	}
	return places, expect(dec, json.Delim(']'))
}

func expect(dec *json.Decoder, want json.Token) error {
	switch got, err := dec.Token(); {
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
