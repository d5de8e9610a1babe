package pysample_test

import (
	"encoding/json"
	"math/big"
	"os"
	"slices"
	"testing"

	"github.com/filetao/filetao/pysample"
)

type vectors struct {
	Sample []struct {
		BlockHash  string `json:"block_hash"`
		Population int
		K          int
		Sample     []int
	}
	Shuffle []struct {
		BlockHash string `json:"block_hash"`
		N         int
		Shuffled  []int
		Choice    int `json:"then_choice_of_1000"`
	}
	Raw []struct {
		Seed string
		Bits []uint64 `json:"getrandbits32"`
	}
}

func load(t *testing.T) vectors {
	t.Helper()
	data, err := os.ReadFile("../testdata/vectors/cpython_random.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Sample) < 10 || len(v.Shuffle) < 2 || len(v.Raw) < 6 {
		t.Fatalf("vectors hold %d, %d, %d cases", len(v.Sample), len(v.Shuffle), len(v.Raw))
	}
	return v
}

func seeded(t *testing.T, text string) *pysample.Random {
	t.Helper()
	n, ok := new(big.Int).SetString(text, 0)
	if !ok {
		t.Fatalf("bad seed %q", text)
	}
	return pysample.Seed(n)
}

func TestSampleIsCPythons(t *testing.T) {
	for _, c := range load(t).Sample {
		if got := seeded(t, c.BlockHash).Sample(c.Population, c.K); !slices.Equal(got, c.Sample) {
			t.Errorf("sample(range(%d), %d) after %s: %v, want %v", c.Population, c.K, c.BlockHash, got, c.Sample)
		}
	}
}

func TestShuffleAndChoiceAreCPythons(t *testing.T) {
	for _, c := range load(t).Shuffle {
		r := seeded(t, c.BlockHash)
		list := make([]int, c.N)
		for i := range list {
			list[i] = i
		}
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		if !slices.Equal(list, c.Shuffled) {
			t.Errorf("shuffle of %d after %s: %v, want %v", c.N, c.BlockHash, list, c.Shuffled)
		}
		if got := r.Choice(1000); got != c.Choice {
			t.Errorf("choice after %s: %d, want %d", c.BlockHash, got, c.Choice)
		}
	}
}

func TestRawBitsAreCPythons(t *testing.T) {
	for _, c := range load(t).Raw {
		r := seeded(t, c.Seed)
		for i, want := range c.Bits {
			if got := r.GetRandBits(32); got != want {
				t.Errorf("getrandbits(32) number %d after seed %s: %d, want %d", i, c.Seed, got, want)
			}
		}
	}
}

// Printed by CPython 3.11: random.seed(-7), then getrandbits of these widths.
func TestBitWidthsAreCPythons(t *testing.T) {
	r := pysample.Seed(big.NewInt(-7))
	for _, c := range []struct {
		k    int
		want uint64
	}{{1, 0}, {0, 0}, {31, 2035525362}, {32, 647892279}, {33, 5990721294}, {47, 10192164782032}, {64, 9885278224986867748}, {7, 12}} {
		if got := r.GetRandBits(c.k); got != c.want {
			t.Errorf("getrandbits(%d) = %d, want %d", c.k, got, c.want)
		}
	}
	if r.GetRandBits(-3) != 0 {
		t.Error("a negative width gave bits")
	}
}

func TestImpossibleRequestsAreTotal(t *testing.T) {
	r := pysample.Seed(big.NewInt(1))
	for _, c := range []struct{ n, k, want int }{{3, 9, 3}, {0, 4, 0}, {-2, 1, 0}, {5, -1, 0}} {
		if got := r.Sample(c.n, c.k); len(got) != c.want {
			t.Errorf("Sample(%d, %d) drew %v", c.n, c.k, got)
		}
	}
	if got := r.Choice(0); got != -1 {
		t.Errorf("choice of nothing: %d", got)
	}
}

func FuzzSampleDrawsWithoutReplacement(f *testing.F) {
	f.Add([]byte{1}, uint16(256), uint16(10))
	f.Add([]byte{}, uint16(22), uint16(5))
	f.Add([]byte{255, 255, 255, 255, 255}, uint16(85), uint16(85))
	f.Fuzz(func(t *testing.T, seed []byte, n, k uint16) {
		n %= 4096
		got := pysample.Seed(new(big.Int).SetBytes(seed)).Sample(int(n), int(k))
		if len(got) != int(min(n, k)) {
			t.Fatalf("drew %d of %d, asked for %d", len(got), n, k)
		}
		seen := map[int]bool{}
		for _, v := range got {
			if v < 0 || v >= int(n) || seen[v] {
				t.Fatalf("%d drawn twice or outside [0, %d)", v, n)
			}
			seen[v] = true
		}
	})
}
