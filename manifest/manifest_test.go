package manifest_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
)

// small is a file that is inline.
func small() manifest.Manifest {
	return manifest.Manifest{
		Owner: [32]byte{1, 2}, CID: cid.Sum([]byte("hello")), Size: 5, Payload: envelope.Payload2([32]byte{3}),
		Upload: [16]byte{4}, Secret: envelope.ShardSecret{5}, Created: 1763740800, Inline: []byte("hello"),
	}
}

// three is a file of three segments, of 300, 300 and 1 bytes.
func three() manifest.Manifest {
	m := small()
	m.Inline, m.Size, m.SegmentSize = nil, 601, 300
	m.Segments = []manifest.Segment{
		{Size: 300, Root: erasure.Root{1}, Scheme: erasure.Scheme{Data: 4, Total: 8}},
		{Size: 300, Root: erasure.Root{2}, Scheme: erasure.Scheme{Data: 10, Total: 30}},
		{Size: 1, Root: erasure.Root{3}, Scheme: erasure.Scheme{Data: 1, Total: 3}},
	}
	return m
}

func anyManifest(t *rapid.T) manifest.Manifest {
	m := small()
	m.Owner = [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Filter(func(b []byte) bool { return b[0] != 0 }).Draw(t, "owner"))
	m.Payload = rapid.StringN(0, 1000, envelope.MaxPayload).Draw(t, "payload")
	m.Created = rapid.Int64Range(0, 253402300799).Draw(t, "created")
	if rapid.Bool().Draw(t, "inline") {
		m.Inline = rapid.SliceOfN(rapid.Byte(), 0, manifest.MaxInline).Draw(t, "bytes")
		if len(m.Inline) == 0 {
			m.Inline = nil
		}
		m.Size = int64(len(m.Inline))
		return m
	}
	m.Inline, m.SegmentSize = nil, rapid.Int64Range(1, erasure.MaxSegment).Draw(t, "segment size")
	n := rapid.IntRange(1, 200).Draw(t, "segments")
	m.Size = int64(n-1)*m.SegmentSize + rapid.Int64Range(1, m.SegmentSize).Draw(t, "last")
	for i := range n {
		data := rapid.IntRange(1, erasure.MaxTotal).Draw(t, "data")
		m.Segments = append(m.Segments, manifest.Segment{
			Size:   min(m.SegmentSize, m.Size-m.Offset(i)),
			Root:   erasure.Root{byte(i), 7},
			Scheme: erasure.Scheme{Data: data, Total: rapid.IntRange(data, erasure.MaxTotal).Draw(t, "total")},
		})
	}
	return m
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyManifest(t)
		if err := m.Check(); err != nil {
			t.Fatal(err)
		}
		b := m.Encode()
		got, err := manifest.Parse(b)
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Fatalf("%v: %+v, want %+v", err, got, m)
		}
		if got.Digest() != m.Digest() || !bytes.Equal(got.Text(), m.Text()) {
			t.Fatal("another digest")
		}
		for _, bad := range [][]byte{b[:len(b)-1], append(bytes.Clone(b), 0), b[1:], nil} {
			if _, err := manifest.Parse(bad); !errors.Is(err, manifest.ErrManifest) {
				t.Fatalf("%d bytes of %d: %v", len(bad), len(b), err)
			}
		}
	})
}

func TestContradictions(t *testing.T) {
	for name, change := range map[string]func(*manifest.Manifest){
		"no owner":            func(m *manifest.Manifest) { m.Owner = [32]byte{} },
		"no cid":              func(m *manifest.Manifest) { m.CID = "" },
		"another cid":         func(m *manifest.Manifest) { m.CID = strings.ToUpper(m.CID) },
		"long payload":        func(m *manifest.Manifest) { m.Payload = strings.Repeat("x", envelope.MaxPayload+1) },
		"payload not text":    func(m *manifest.Manifest) { m.Payload = "\xff" },
		"before 1970":         func(m *manifest.Manifest) { m.Created = -1 },
		"after 9999":          func(m *manifest.Manifest) { m.Created = 253402300800 },
		"longer":              func(m *manifest.Manifest) { m.Size++ },
		"negative size":       func(m *manifest.Manifest) { m.Size = -1 },
		"inline too":          func(m *manifest.Manifest) { m.Inline = []byte("x") },
		"only inline":         func(m *manifest.Manifest) { m.Segments = nil },
		"long inline":         func(m *manifest.Manifest) { *m = small(); m.Inline = make([]byte, 8193); m.Size = 8193 },
		"inline and size":     func(m *manifest.Manifest) { *m = small(); m.SegmentSize = 5 },
		"no segment size":     func(m *manifest.Manifest) { m.SegmentSize = 0 },
		"negative segments":   func(m *manifest.Manifest) { m.SegmentSize = -300 },
		"other segment size":  func(m *manifest.Manifest) { m.SegmentSize = 301 },
		"large segments":      func(m *manifest.Manifest) { m.SegmentSize = erasure.MaxSegment + 1 },
		"empty last":          func(m *manifest.Manifest) { m.Segments[2].Size = 0; m.Size = 600 },
		"long last":           func(m *manifest.Manifest) { m.Segments[2].Size = 301; m.Size = 901 },
		"short first":         func(m *manifest.Manifest) { m.Segments[0].Size = 299; m.Size = 600 },
		"a gap":               func(m *manifest.Manifest) { m.Segments[1].Size = 299 },
		"sizes in other ways": func(m *manifest.Manifest) { m.Segments[0].Size, m.Segments[1].Size = 299, 301 },
		"no scheme":           func(m *manifest.Manifest) { m.Segments[1].Scheme = erasure.Scheme{} },
		"scheme that wraps":   func(m *manifest.Manifest) { m.Segments[1].Scheme = erasure.Scheme{Data: 257, Total: 258} },
		"too many segments": func(m *manifest.Manifest) {
			m.SegmentSize, m.Size = 1, manifest.MaxSegments+1
			m.Segments = make([]manifest.Segment, m.Size)
			for i := range m.Segments {
				m.Segments[i] = manifest.Segment{Size: 1, Scheme: erasure.Scheme{Data: 1, Total: 1}}
			}
		},
	} {
		m := three()
		change(&m)
		if err := m.Check(); !errors.Is(err, manifest.ErrManifest) {
			t.Errorf("%s: %v", name, err)
		}
		if m.Encode() != nil || m.Text() != nil || m.Digest() != [32]byte{} {
			t.Errorf("%s: is encoded", name)
		}
	}
}

func TestTheLargestManifest(t *testing.T) {
	m := three()
	m.Payload = strings.Repeat("p", envelope.MaxPayload)
	m.Segments = make([]manifest.Segment, manifest.MaxSegments)
	m.SegmentSize, m.Size = erasure.MaxSegment, erasure.MaxSegment*manifest.MaxSegments
	for i := range m.Segments {
		m.Segments[i] = manifest.Segment{Size: erasure.MaxSegment, Scheme: erasure.Scheme{Data: 128, Total: 128}}
	}
	b := m.Encode()
	if got, err := manifest.Parse(b); err != nil || len(b) > manifest.MaxEncoded || got.Size != m.Size {
		t.Fatal(len(b), err)
	}
	if _, err := manifest.Parse(make([]byte, manifest.MaxEncoded+1)); !errors.Is(err, manifest.ErrManifest) {
		t.Error(err)
	}
}

// A count of segments that are not there allocates nothing for them.
func TestCountsAreNotBelieved(t *testing.T) {
	b := three().Encode()
	at := len(b) - 4 - 3*42 - 4
	for _, count := range []byte{0, 1, 4, 0xff} {
		bad := bytes.Clone(b)
		bad[at], bad[at+3] = count, count
		if _, err := manifest.Parse(bad); !errors.Is(err, manifest.ErrManifest) {
			t.Errorf("count %x: %v", bad[at:at+4], err)
		}
	}
}

// Every byte counts: a changed one makes another digest or no manifest.
func TestEveryByteIsSigned(t *testing.T) {
	for _, m := range []manifest.Manifest{small(), three()} {
		b := m.Encode()
		for i := range b {
			changed := bytes.Clone(b)
			changed[i] ^= 1
			got, err := manifest.Parse(changed)
			if err == nil && (got.Digest() == m.Digest() || !bytes.Equal(got.Encode(), changed)) {
				t.Errorf("byte %d does not count", i)
			}
		}
	}
}

// Ranges are those bytes, one after another, each inside its segment.
func TestLocate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := anyManifest(t)
		anywhere := rapid.OneOf(rapid.Int64Range(-5, m.Size+5), rapid.SampledFrom([]int64{math.MaxInt64, math.MinInt64, 0}))
		offset, length := anywhere.Draw(t, "offset"), anywhere.Draw(t, "length")
		ranges := m.Locate(offset, length)
		next, end := offset, offset
		if offset >= 0 && offset < m.Size && length > 0 && len(m.Segments) > 0 {
			end += min(length, m.Size-offset)
		}
		for _, r := range ranges {
			if r.Length < 1 || r.Offset < 0 || r.Offset+r.Length > m.Segments[r.Segment].Size || m.Offset(r.Segment)+r.Offset != next {
				t.Fatalf("%+v at %d", r, next)
			}
			next += r.Length
		}
		if next != end {
			t.Fatalf("%d+%d of %d: ends at %d, want %d", offset, length, m.Size, next, end)
		}
	})
}

func TestSegmentIDsDiffer(t *testing.T) {
	m := three()
	ids := map[[32]byte]bool{}
	for i := range m.Segments {
		ids[m.ID(i)] = true
	}
	for _, id := range [][32]byte{
		manifest.SegmentID(m.Owner, m.Upload, 0, 301, erasure.Root{1}), manifest.SegmentID(m.Owner, m.Upload, 0, 300, erasure.Root{2}),
		manifest.SegmentID(m.Owner, [16]byte{}, 0, 300, erasure.Root{1}), manifest.SegmentID([32]byte{1}, m.Upload, 0, 300, erasure.Root{1}),
		manifest.SegmentID(m.Owner, m.Upload, 300, 0, erasure.Root{1}),
	} {
		ids[id] = true
	}
	if len(ids) != 8 {
		t.Errorf("%d IDs of 8 segments", len(ids))
	}
}
