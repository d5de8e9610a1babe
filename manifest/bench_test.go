package manifest_test

import (
	"encoding/json"
	"testing"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
)

// big is a file of 1 TiB.
func big() manifest.Manifest {
	m := small()
	m.Inline, m.SegmentSize = nil, manifest.SegmentSize
	for range 1 << 14 {
		m.Segments = append(m.Segments, manifest.Segment{Size: m.SegmentSize, Root: erasure.Root{1}, Scheme: erasure.Scheme{Data: 10, Total: 30}})
		m.Size += m.SegmentSize
	}
	m.Size -= int64(len(small().Inline))
	return m
}

func BenchmarkEncode(b *testing.B) {
	m := big()
	b.SetBytes(int64(len(m.Encode())))
	b.ReportAllocs()
	for b.Loop() {
		m.Encode()
	}
}

func BenchmarkParse(b *testing.B) {
	text := big().Encode()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := manifest.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSegmentID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		manifest.SegmentID([32]byte{1}, [16]byte{2}, 3, 4, erasure.Root{5})
	}
}

func BenchmarkParsePlacement(b *testing.B) {
	p := manifest.Placement{Segments: make([][]manifest.Place, 100)}
	for i := range p.Segments {
		for n := range 30 {
			p.Segments[i] = append(p.Segments[i], manifest.Place{
				Number: n, Miner: "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
				Root: erasure.Root{byte(n), 1, 2, 3}.String(), Addr: "203.0.113.1:8091",
			})
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := manifest.ParsePlacement(text); err != nil {
			b.Fatal(err)
		}
	}
}
