package placement_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/placement"
)

const mib = 1 << 20

func TestChunkSizeIsTheReferences(t *testing.T) {
	data, err := os.ReadFile("../testdata/vectors/chunk_size.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Cases []struct {
			Size      int64 `json:"data_size"`
			Available int
			Replicas  int
			Chunk     int64 `json:"chunk_size"`
		}
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) < 40 {
		t.Fatalf("only %d cases", len(v.Cases))
	}
	for _, c := range v.Cases {
		if got := placement.ChunkSize(c.Size, c.Available, c.Replicas); got != c.Chunk {
			t.Errorf("ChunkSize(%d, %d, %d) = %d, want %d", c.Size, c.Available, c.Replicas, got, c.Chunk)
		}
	}
}

// whole says what is wrong with a split, or "".
func whole(size int64, parts []placement.Part) string {
	var end int64
	for _, p := range parts {
		if p.Offset != end {
			return "a gap or an overlap"
		}
		if p.Length < 1 {
			return "an empty part"
		}
		end += p.Length
	}
	if end != max(size, 0) {
		return "parts do not sum to the size"
	}
	return ""
}

// The sizes whose tails the reference loses, with what it keeps of them.
func TestLargeFilesKeepTheirTails(t *testing.T) {
	for _, c := range []struct {
		size  int64
		parts int
		last  int64
	}{
		{0, 0, 0}, {1, 1, 1}, {64 * mib, 1, 64 * mib}, {65 * mib, 2, mib},
		{800 * mib, 4, 32 * mib}, {1000 * mib, 4, 232 * mib}, {1500 * mib, 6, 220 * mib},
	} {
		chunk := placement.ChunkSize(c.size, 10, 3)
		parts := placement.Split(c.size, chunk)
		if wrong := whole(c.size, parts); wrong != "" {
			t.Errorf("%d bytes: %s: %v", c.size, wrong, parts)
		}
		if len(parts) != c.parts || c.parts > 0 && parts[c.parts-1].Length != c.last {
			t.Errorf("%d bytes in chunks of %d: %v", c.size, chunk, parts)
		}
	}
}

func TestPlanSumsToSizeAndDealsChunksInTurn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(-1, 4<<40).Draw(t, "size")
		available := rapid.IntRange(-1, 300).Draw(t, "available")
		replicas := rapid.IntRange(-1, 20).Draw(t, "replicas")
		miners := make([]int, rapid.IntRange(0, 40).Draw(t, "miners"))
		for i := range miners {
			miners[i] = i
		}
		chunk := placement.ChunkSize(size, available, replicas)
		if chunk > max(size, 0) || chunk > placement.MaxChunk || chunk < min(max(size, 0), placement.MinChunk) {
			t.Fatalf("chunk size %d for %d bytes", chunk, size)
		}
		plan := placement.Plan(size, chunk, miners, replicas)
		groups := placement.Groups(miners, replicas)
		parts := make([]placement.Part, len(plan))
		for i, p := range plan {
			parts[i] = p.Part
			if len(groups) > 0 && !slices.Equal(p.Miners, groups[i%len(groups)]) {
				t.Fatalf("chunk %d went to %v", i, p.Miners)
			}
		}
		if wrong := whole(size, parts); wrong != "" {
			t.Fatalf("%s: %v", wrong, parts)
		}
	})
}

func TestGroupsAreWholeAndDisjoint(t *testing.T) {
	for _, c := range []struct{ miners, replicas, groups, each int }{
		{10, 3, 3, 3}, {9, 3, 3, 3}, {3, 3, 1, 3}, {2, 3, 1, 2}, {0, 3, 0, 0}, {4, 0, 4, 1},
	} {
		miners := make([]int, c.miners)
		for i := range miners {
			miners[i] = i
		}
		got := placement.Groups(miners, c.replicas)
		if len(got) != c.groups {
			t.Errorf("%d miners by %d: %v", c.miners, c.replicas, got)
		}
		for i, m := range slices.Concat(got...) {
			if m != i {
				t.Errorf("%d miners by %d: %v", c.miners, c.replicas, got)
			}
		}
		for _, g := range got {
			if len(g) != c.each {
				t.Errorf("%d miners by %d: %v", c.miners, c.replicas, got)
			}
		}
	}
}

func FuzzSplitLosesNothing(f *testing.F) {
	f.Add(int64(0), int64(0))
	f.Add(int64(1), int64(1))
	f.Add(int64(800*mib), int64(256*mib))
	f.Add(int64(5), int64(-1))
	f.Fuzz(func(t *testing.T, size, chunk int64) {
		if chunk > 0 && size/chunk > 1<<16 {
			return // more parts than memory is worth
		}
		if wrong := whole(size, placement.Split(size, chunk)); wrong != "" {
			t.Fatal(wrong)
		}
	})
}
