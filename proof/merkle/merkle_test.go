package merkle_test

import (
	"bytes"
	"crypto/sha3"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/proof/merkle"
)

type proofVector struct {
	Index int64
	Proof []map[string]string
	Wire  string
	Valid bool
}

type treeVector struct {
	Leaves []string
	Root   string
	Proofs []proofVector
}

func vectors(t testing.TB) []treeVector {
	t.Helper()
	text, err := os.ReadFile("../../testdata/vectors/merkle.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []treeVector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) == 0 {
		t.Fatal("no cases")
	}
	return file.Cases
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVectors(t *testing.T) {
	for _, c := range vectors(t) {
		if len(c.Proofs) == 0 {
			t.Fatalf("%d leaves: no proofs", len(c.Leaves))
		}
		for _, p := range c.Proofs {
			b := merkle.NewBuilder(p.Index)
			for _, leaf := range c.Leaves {
				if err := b.Add(unhex(t, leaf)); err != nil {
					t.Fatal(err)
				}
			}
			root, path, err := b.Finish()
			if err != nil || hex.EncodeToString(root) != c.Root || path.Wire() != p.Wire {
				t.Errorf("leaf %d of %d: root %x, wire %s, %v", p.Index, len(c.Leaves), root, path.Wire(), err)
			}
			parsed, err := merkle.ParsePath(p.Wire)
			if err != nil || len(parsed) != len(p.Proof) {
				t.Fatalf("%s: %v, %v", p.Wire, parsed, err)
			}
			for i, s := range p.Proof {
				side, want := "right", s["right"]
				if parsed[i].Left {
					side, want = "left", s["left"]
				}
				if hex.EncodeToString(parsed[i].Sibling) != want {
					t.Errorf("leaf %d of %d, step %d: not the sibling on the %s", p.Index, len(c.Leaves), i, side)
				}
			}
			err = parsed.Verify(unhex(t, c.Leaves[p.Index]), p.Index, int64(len(c.Leaves)), unhex(t, c.Root))
			if (err == nil) != p.Valid {
				t.Errorf("leaf %d of %d: %v", p.Index, len(c.Leaves), err)
			}
		}
	}
}

// levels is the whole tree, built the plain way.
func levels(leaves [][]byte) [][][]byte {
	all := [][][]byte{leaves}
	for len(leaves) > 1 {
		var up [][]byte
		for i := 0; i+1 < len(leaves); i += 2 {
			sum := sha3.Sum256(append(bytes.Clone(leaves[i]), leaves[i+1]...))
			up = append(up, sum[:])
		}
		if len(leaves)%2 == 1 {
			up = append(up, leaves[len(leaves)-1])
		}
		all, leaves = append(all, up), up
	}
	return all
}

func someLeaves(n int) [][]byte {
	leaves := make([][]byte, n)
	for i := range leaves {
		leaves[i] = fmt.Appendf(nil, "%d,%d", i, i*i)
	}
	return leaves
}

func TestBuilderIsThePlainTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 300).Draw(t, "leaves")
		index := rapid.IntRange(0, count-1).Draw(t, "index")
		leaves := someLeaves(count)
		b := merkle.NewBuilder(int64(index))
		for _, leaf := range leaves {
			if err := b.Add(leaf); err != nil {
				t.Fatal(err)
			}
		}
		root, path, err := b.Finish()
		if err != nil {
			t.Fatal(err)
		}
		all := levels(leaves)
		if !bytes.Equal(root, all[len(all)-1][0]) {
			t.Fatal("another root")
		}
		at, step := index, 0
		for _, level := range all[:len(all)-1] {
			if sibling := at ^ 1; sibling < len(level) {
				if s := path[step]; !bytes.Equal(s.Sibling, level[sibling]) || s.Left != (sibling < at) {
					t.Fatalf("step %d is wrong", step)
				}
				step++
			}
			at /= 2
		}
		if step != len(path) {
			t.Fatalf("%d steps, want %d", len(path), step)
		}
		checkBinding(t, path, leaves[index], int64(index), int64(count), root)
	})
}

// checkBinding: the path verifies, and with anything changed it does not.
func checkBinding(t *rapid.T, path merkle.Path, leaf []byte, index, count int64, root []byte) {
	if err := path.Verify(leaf, index, count, root); err != nil {
		t.Fatal(err)
	}
	wrong := map[string]error{
		"root":      path.Verify(leaf, index, count, append(bytes.Clone(root), 0)),
		"leaf":      path.Verify(append(bytes.Clone(leaf), '0'), index, count, root),
		"more":      append(path[:len(path):len(path)], merkle.Step{Sibling: root}).Verify(leaf, index, count, root),
		"elsewhere": path.Verify(leaf, index^1, count^1, root),
	}
	if len(path) > 0 {
		wrong["fewer"] = path[1:].Verify(leaf, index, count, root)
		changed := append(merkle.Path(nil), path...)
		i := rapid.IntRange(0, len(path)-1).Draw(t, "step")
		changed[i].Left = !changed[i].Left
		wrong["side"] = changed.Verify(leaf, index, count, root)
		changed[i] = merkle.Step{Left: path[i].Left, Sibling: append(bytes.Clone(path[i].Sibling), 1)}
		wrong["sibling"] = changed.Verify(leaf, index, count, root)
	}
	for name, err := range wrong {
		if !errors.Is(err, merkle.ErrPath) && !errors.Is(err, merkle.ErrIndex) {
			t.Fatalf("leaf %d of %d, %s: %v", index, count, name, err)
		}
	}
	for _, bad := range []int64{-1, count, 1 << 62} {
		if err := path.Verify(leaf, bad, count, root); !errors.Is(err, merkle.ErrIndex) {
			t.Fatalf("leaf %d of %d: %v", bad, count, err)
		}
	}
}

func TestBuilderRefuses(t *testing.T) {
	for _, index := range []int64{-1, 3, 1 << 62} {
		b := merkle.NewBuilder(index)
		for _, leaf := range someLeaves(3) {
			if err := b.Add(leaf); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := b.Finish(); !errors.Is(err, merkle.ErrIndex) {
			t.Errorf("leaf %d of 3: %v", index, err)
		}
	}
	if _, _, err := merkle.NewBuilder(0).Finish(); !errors.Is(err, merkle.ErrIndex) {
		t.Errorf("no leaves: %v", err)
	}
	if err := merkle.NewBuilder(0).Add(make([]byte, merkle.MaxNode+1)); !errors.Is(err, merkle.ErrPath) {
		t.Errorf("a long leaf: %v", err)
	}
}

func wire(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestParsePathTakesAnyWhiteSpace(t *testing.T) {
	path, err := merkle.ParsePath(wire("\n[ {\t\"right\":\"00ff\"} ,\r\n{\"left\" : \"01\"}] "))
	if err != nil || len(path) != 2 || path[0].Left || !path[1].Left {
		t.Fatalf("%v, %v", path, err)
	}
	if path.Wire() != wire(`[{"right": "00ff"}, {"left": "01"}]`) {
		t.Fatal(path.Wire())
	}
}

func TestParsePathRefuses(t *testing.T) {
	good := wire(`[{"left": "00"}]`)
	step := `{"left":"00"}`
	for name, bad := range map[string]string{
		"empty":            "",
		"not base64":       "[]",
		"no padding":       strings.TrimRight(wire("[]"), "="),
		"line break":       good[:4] + "\n" + good[4:],
		"not JSON":         wire("[{"),
		"more than JSON":   wire("[] []"),
		"null":             wire("null"),
		"an object":        wire(step),
		"null step":        wire("[null]"),
		"empty step":       wire("[{}]"),
		"both sides":       wire(`[{"left":"00","right":"00"}]`),
		"other key":        wire(`[{"middle":"00"}]`),
		"key in capitals":  wire(`[{"Left":"00"}]`),
		"a number":         wire(`[{"left":0}]`),
		"no sibling":       wire(`[{"left":""}]`),
		"not hex":          wire(`[{"left":"0g"}]`),
		"odd hex":          wire(`[{"left":"000"}]`),
		"hex in capitals":  wire(`[{"left":"AA"}]`),
		"a long sibling":   wire(`[{"left":"` + strings.Repeat("00", merkle.MaxNode+1) + `"}]`),
		"too many steps":   wire("[" + strings.Repeat(step+",", merkle.MaxSteps) + step + "]"),
		"too long":         wire("[" + strings.Repeat(" ", 1<<20) + "]"),
		"deep":             wire(strings.Repeat("[", 20000)),
		"steps in a step":  wire(`[[` + step + `]]`),
		"text for a list":  wire(`"left"`),
		"trailing garbage": wire("[]x"),
	} {
		if _, err := merkle.ParsePath(bad); !errors.Is(err, merkle.ErrPath) || len(err.Error()) > 300 {
			t.Errorf("%s: %.300v", name, err)
		}
	}
}

func TestLongestPathIsTaken(t *testing.T) {
	path := make(merkle.Path, merkle.MaxSteps)
	for i := range path {
		path[i] = merkle.Step{Left: i%2 == 0, Sibling: make([]byte, merkle.MaxNode)}
	}
	if parsed, err := merkle.ParsePath(path.Wire()); err != nil || parsed.Wire() != path.Wire() {
		t.Fatal(err)
	}
}

// FuzzPath: what is parsed comes back the same, and neither that nor checking
// it fails in another way than by an error.
func FuzzPath(f *testing.F) {
	for _, c := range vectors(f)[:4] {
		f.Add(c.Proofs[0].Wire, []byte("leaf"), int64(0), int64(len(c.Leaves)), unhex(f, c.Root))
	}
	f.Add(wire("null"), []byte{}, int64(-1), int64(1)<<62, []byte{})
	f.Fuzz(func(t *testing.T, text string, leaf []byte, index, count int64, root []byte) {
		path, err := merkle.ParsePath(text)
		if err != nil {
			return
		}
		again, err := merkle.ParsePath(path.Wire())
		if err != nil || again.Wire() != path.Wire() || len(path) > merkle.MaxSteps {
			t.Fatalf("%q: %v", text, err)
		}
		if len(leaf) > merkle.MaxNode {
			return
		}
		if path.Verify(leaf, index, count, root) == nil && !bytes.Equal(path.Root(leaf), root) {
			t.Fatalf("%q does not lead to %x", text, root)
		}
	})
}
