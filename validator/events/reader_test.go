package events

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestUnreadableLinesAreCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	long := `{"task_name":"store","block":9,"best_hotkey":"` + strings.Repeat("a", MaxLine) + `"}`
	lines := []string{
		`{"task_name":"store","block":1}`, "", "{", "null", "[]", `{"block":2}`, `{"task_name":"store","block":-1}`,
		`{"task_name":"store","block":9007199254740992}`, `{"task_name":"store","uids":[1,2],"rewards":[1]}`,
		`{"task_name":"store","uids":[70000]}`, `{"task_name":"store","rewards":[1e999]}`, long, `{"task_name":"store","block":3}`,
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, skipped := read(t, path)
	if !slices.Equal(blocks(got), []uint64{1, 3}) || skipped != len(lines)-2 {
		t.Fatalf("blocks %v, %d skipped", blocks(got), skipped)
	}
}

func TestWhereNoLogIs(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, FileName), filepath.Join(dir, "nowhere", FileName)} {
		if _, err := Open(path); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Open(dir); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("a folder: %v", err)
	}
}

// TestOtherFilesAreNotOfTheLog reads a log beside files with names like its own.
func TestOtherFilesAreNotOfTheLog(t *testing.T) {
	dir := t.TempDir()
	for name, block := range map[string]string{
		"events-000002.jsonl": "2", "events-1000000.jsonl": "3", "events-000001.jsonl": "1", // and none that is written
		"events-1.jsonl": "9", "events-00000x.jsonl": "9", "events-+00001.jsonl": "9", "other-000001.jsonl": "9", "events-000001.json": "9",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(`{"task_name":"store","block":`+block+"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wantBlocks(t, filepath.Join(dir, FileName), 1, 3)
}

// FuzzLog reads anything, and goes on writing behind it: what was readable stays
// so, and the new line is the last.
func FuzzLog(f *testing.F) {
	text, err := encode(Line{Event: event(3), Tiers: []string{"Gold"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:len(text)-1])
	f.Add(text[:40])
	f.Add([]byte("{}\n\n[1,2]\nnull"))
	f.Add([]byte(`{"task_name":"store","uids":[1],"rewards":[1e308],"tiers":["a"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), FileName)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		before, _ := read(t, path)
		w := New(DefaultConfig(path), Deps{})
		w.append(Line{Event: event(77)})
		if err := w.Close(); err != nil || w.Lost() != 0 {
			t.Fatal(err, w.Lost())
		}
		after, _ := read(t, path)
		if len(after) != len(before)+1 || !slices.Equal(blocks(after[:len(before)]), blocks(before)) || after[len(before)].Block != 77 {
			t.Fatalf("%v became %v", blocks(before), blocks(after))
		}
	})
}
