package erasure_test

import (
	"crypto/sha256"
	"crypto/sha3"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/filetao/filetao/erasure"
)

type vectors struct {
	Parity []string `json:"parity_4_of_8"`
	Hashes []struct {
		Size                  int
		Leaves, Root, Decimal string
	}
	Codings []struct {
		Data, Total, Size int
		ShardSize         int64    `json:"shard_size"`
		Sums              []string `json:"shards_sha256"`
		Shards            []string // where they are short
	}
}

// The vectors are made by testdata/vectors.py, which shares no code with us.
func load(t *testing.T) (v vectors) {
	t.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Hashes) < 5 || len(v.Codings) < 5 {
		t.Fatal(len(v.Hashes), len(v.Codings), "vectors")
	}
	return v
}

func vector(size int) []byte {
	return sha3.SumSHAKE256(fmt.Appendf(nil, "filetao erasure vector %d", size), size)
}

func TestHashVectors(t *testing.T) {
	for _, v := range load(t).Hashes {
		h := hashed(vector(v.Size))
		root := h.Root()
		if hex.EncodeToString(h.Leaves()) != v.Leaves || hex.EncodeToString(root[:]) != v.Root || root.String() != v.Decimal {
			t.Errorf("%d bytes: root %x, leaves %x", v.Size, root, h.Leaves())
		}
	}
}

func TestCodingVectors(t *testing.T) {
	for _, v := range load(t).Codings {
		s := erasure.Scheme{Data: v.Data, Total: v.Total}
		c, err := erasure.New(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.ShardSize(int64(v.Size)); got != v.ShardSize {
			t.Errorf("%v: %d bytes make shards of %d", s, v.Size, got)
		}
		for i, shard := range split(t, c, vector(v.Size)) {
			sum := sha256.Sum256(shard)
			if hex.EncodeToString(sum[:]) != v.Sums[i] || v.Shards != nil && hex.EncodeToString(shard) != v.Shards[i] {
				t.Errorf("%v of %d bytes: shard %d is %.40x", s, v.Size, i, shard)
			}
		}
	}
}

func TestParityMatrix(t *testing.T) {
	c, pieces := row(t, erasure.Scheme{Data: 4, Total: 8}, 4)
	for i := range 4 {
		pieces[i][i] = 1
	}
	if err := c.Encode(pieces); err != nil {
		t.Fatal(err)
	}
	for i, want := range load(t).Parity {
		if hex.EncodeToString(pieces[4+i]) != want {
			t.Errorf("parity %d is made with %x, want %s", i, pieces[4+i], want)
		}
	}
}
