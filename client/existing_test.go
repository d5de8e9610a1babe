package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// TestWhatIsThereAlready is left if it is the file, and else is an error or replaced.
func TestWhatIsThereAlready(t *testing.T) {
	n, all := streaming(t, 1)
	c := n.user(t, client.Config{Attempts: 1})
	for _, plain := range []bool{false, true} {
		for _, size := range []int{0, 100, 3<<20 + 7} {
			for _, reference := range []bool{false, true} {
				t.Run(fmt.Sprint(plain, size, reference), func(t *testing.T) {
					fetched := 0
					all[0].giving = func(_ *wire.GetObject, out wire.Body) (wire.Body, error) { fetched++; return out, nil }
					data, path := text(size), filepath.Join(t.TempDir(), "file")
					stored := putFile(t, c, data, client.PutFileOptions{Plain: plain, Reference: reference})
					get := func(e client.Existing, there bool, want error) {
						t.Helper()
						var last client.Progress
						o := client.GetFileOptions{Keys: keys(), Plain: plain, Existing: e, Progress: func(p client.Progress) { last = p }}
						got, err := c.GetFile(t.Context(), stored.CID, path, o)
						if !errors.Is(err, want) || err != nil && !strings.HasPrefix(err.Error(), path+": ") {
							t.Fatalf("%v, want %v", err, want)
						}
						if err == nil && (got.There != there || got.CID != stored.CID || got.Size != int64(size) || there && got.Resumed != got.Size || last.Stage != client.StageDone) {
							t.Fatalf("%+v, %+v", got, last)
						}
						if back, err := os.ReadFile(path); want == nil && (err != nil || !bytes.Equal(back, data)) {
							t.Fatalf("%d bytes, %v", len(back), err)
						}
						if rest, err := filepath.Glob(path + ".*"); err != nil || len(rest) > 0 {
							t.Fatalf("%v is left, %v", rest, err)
						}
					}
					get(client.KeepOther, false, nil)
					before, err := os.Stat(path)
					check(t, err)
					fetched = 0
					get(client.KeepOther, true, nil)
					get(client.ReplaceOther, true, nil)
					if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) || fetched > 0 {
						t.Fatalf("it was fetched %d times, %v", fetched, err)
					}
					get(client.ReplaceAny, false, nil)
					for _, other := range [][]byte{append([]byte("x"), data...), flipped(data)} {
						check(t, os.WriteFile(path, other, 0o600))
						get(client.KeepOther, false, client.ErrExists)
						if kept, err := os.ReadFile(path); err != nil || !bytes.Equal(kept, other) {
							t.Fatalf("%d bytes of %d, %v", len(kept), len(other), err)
						}
						get(client.ReplaceOther, false, nil)
					}
				})
			}
		}
	}
}

// flipped is data with its last bit another; of nothing a byte.
func flipped(data []byte) []byte {
	if len(data) == 0 {
		return []byte{1}
	}
	other := bytes.Clone(data)
	other[len(other)-1] ^= 1
	return other
}

// TestWhatIsNoFileIsNoneOfOurs: links to nowhere, folders, parts, and what another
// key has sealed.
func TestWhatIsNoFileIsNoneOfOurs(t *testing.T) {
	n, _ := streaming(t, 1)
	c := n.user(t, client.Config{})
	data, dir := text(1<<20), t.TempDir()
	stored := putFile(t, c, data, client.PutFileOptions{})
	get := func(name string, o client.GetFileOptions) error {
		if o.Keys.User == nil {
			o.Keys = keys()
		}
		_, err := c.GetFile(t.Context(), stored.CID, filepath.Join(dir, name), o)
		return err
	}
	keep, replace := client.GetFileOptions{Existing: client.KeepOther}, client.GetFileOptions{Existing: client.ReplaceOther}
	check(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	check(t, os.Symlink("nowhere", filepath.Join(dir, "link")))
	for _, err := range []error{get("folder", keep), get("folder", replace), get("link", keep)} {
		if !errors.Is(err, client.ErrExists) {
			t.Error(err)
		}
	}
	check(t, get("link", replace))
	if back, err := os.ReadFile(filepath.Join(dir, "link")); err != nil || !bytes.Equal(back, data) {
		t.Fatalf("%d bytes, %v", len(back), err)
	}
	part := keep
	part.Range = &client.Range{Length: 1 << 20}
	if err := get("link", part); !errors.Is(err, client.ErrExists) {
		t.Error(err)
	}
	thief := keep
	thief.Keys.User = func() (envelope.UserKey, error) { return envelope.UserKeyOf("thief"), nil }
	if err := get("link", thief); !errors.Is(err, client.ErrWrongKey) {
		t.Error(err)
	}
}

// TestTreesGoOn: what is there stays, and what is in the way of one keeps no other.
func TestTreesGoOn(t *testing.T) {
	n, all := streaming(t, 1)
	c := n.user(t, client.Config{Attempts: 1, Tries: 1})
	dir, to := t.TempDir(), t.TempDir()
	want := writeTree(t, dir)
	files, _, err := client.FilesUnder([]string{filepath.Join(dir, "tree")})
	check(t, err)
	var stored []client.TreeFile
	check(t, c.PutTree(t.Context(), files, client.PutFileOptions{Keys: keys()}, func(f client.TreeFile, s client.Stored) error {
		stored = append(stored, client.TreeFile{Name: f.Name, CID: s.CID})
		return nil
	}))
	var last client.Progress
	o := client.GetFileOptions{Keys: keys(), Existing: client.KeepOther, Progress: func(p client.Progress) { last = p }}
	get := func() (there, resumed []string, err error) {
		err = c.GetTree(t.Context(), stored, to, o, func(f client.TreeFile, got client.Got) error {
			if got.There {
				there = append(there, f.Name)
			} else if got.Resumed > 0 {
				resumed = append(resumed, f.Name)
			}
			return nil
		})
		return there, resumed, err
	}
	all[0].giving = func(m *wire.GetObject, out wire.Body) (wire.Body, error) {
		if out.Size > 2<<20 {
			out.Reader = &cutting{out.Reader, 1<<20 + 100_000}
		}
		return out, nil
	}
	if there, _, err := get(); err == nil || len(there) > 0 {
		t.Fatalf("there were %v; %v", there, err)
	}
	all[0].giving = nil
	other := filepath.Join(to, "tree/b/c")
	check(t, os.WriteFile(other, []byte("mine"), 0o600))
	there, resumed, err := get()
	if len(there) != 3 || len(resumed) != 1 || resumed[0] != "tree/b/big" || !errors.Is(err, client.ErrExists) || strings.Count(err.Error(), "\n") != 0 || !strings.Contains(err.Error(), other) {
		t.Fatalf("there were %v, resumed %v; %v", there, resumed, err)
	}
	o.Existing = client.ReplaceOther
	if there, _, err = get(); err != nil || len(there) != 4 || last.FilesDone != len(want) || last.Done != last.Bytes {
		t.Fatalf("there were %v; %+v; %v", there, last, err)
	}
	for name, data := range want {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// TestRecoveredFilesAreThereAlready without a miner that answers.
func TestRecoveredFilesAreThereAlready(t *testing.T) {
	n, all := streaming(t, 1)
	c := n.user(t, client.Config{})
	data, path := text(2<<20), filepath.Join(t.TempDir(), "file")
	stored := putFile(t, c, data, client.PutFileOptions{})
	o := all[0].objects[stored.CID]
	e := manifest.Export{Manifest: o.manifest, Signature: o.signature}
	check(t, os.WriteFile(path, data, 0o600))
	opt := client.GetFileOptions{Keys: keys(), Existing: client.KeepOther}
	if got, err := c.RecoverFile(t.Context(), e, path, opt); err != nil || !got.There || got.CID != stored.CID {
		t.Fatalf("%+v, %v", got, err)
	}
	check(t, os.WriteFile(path, flipped(data), 0o600))
	if _, err := c.RecoverFile(t.Context(), e, path, opt); !errors.Is(err, client.ErrExists) {
		t.Fatal(err)
	}
}
