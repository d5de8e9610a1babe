package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/wire"
)

// writeTree makes files of several sizes under a folder, and returns them by name.
func writeTree(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for i, name := range []string{"a", "b/c", "b/d/e", "empty", "b/big"} {
		data := text([]int{10, 20_000, 70_000, 0, 2 << 20}[i])
		files["tree/"+name] = data
		path := filepath.Join(dir, "tree", filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, data, 0o600))
	}
	check(t, os.Symlink("a", filepath.Join(dir, "tree", "link")))
	return files
}

func TestTreesGoRound(t *testing.T) {
	n, all := streaming(t, 1)
	c := n.user(t, client.Config{})
	dir, to := t.TempDir(), t.TempDir()
	want := writeTree(t, dir)
	files, skipped, err := client.FilesUnder([]string{filepath.Join(dir, "tree")})
	check(t, err)
	if len(files) != len(want) || len(skipped) != 1 || filepath.Base(skipped[0]) != "link" {
		t.Fatalf("%d files, skipped %v", len(files), skipped)
	}
	var last client.Progress
	var stored []client.TreeFile
	o := client.PutFileOptions{Keys: keys(), Progress: func(p client.Progress) { last = p }}
	check(t, c.PutTree(t.Context(), files, o, func(f client.TreeFile, s client.Stored) error {
		f.CID = s.CID
		stored = append(stored, f)
		return nil
	}))
	total := int64(0)
	for _, data := range want {
		total += int64(len(data))
	}
	if last.Bytes != total || last.Done != total || last.Files != len(want) || last.FilesDone != len(want) {
		t.Fatalf("%+v of %d bytes", last, total)
	}
	get := client.GetFileOptions{Keys: keys(), Progress: o.Progress}
	check(t, c.GetTree(t.Context(), stored, to, get, func(client.TreeFile, client.Got) error { return nil }))
	for name, data := range want {
		if got, err := os.ReadFile(filepath.Join(to, name)); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	if last.Bytes != total || last.Done != total || last.FilesDone != len(want) {
		t.Fatalf("%+v of %d bytes", last, total)
	}

	// One that fails keeps no other, and none leaves its folder.
	all[0].giving = func(m *wire.GetObject, out wire.Body) (wire.Body, error) {
		if m.CID == stored[0].CID {
			return out, wire.Forbidden("not this one")
		}
		return out, nil
	}
	out := stored[1]
	out.Name = "../out"
	done := 0
	err = c.GetTree(t.Context(), append(stored, out), t.TempDir(), get, func(client.TreeFile, client.Got) error { done++; return nil })
	if done != len(stored)-1 || wire.StatusOf(err) != wire.StatusForbidden && !errors.Is(err, client.ErrNameTaken) || strings.Count(err.Error(), "\n") != 1 {
		t.Fatalf("%d came, %v", done, err)
	}
}

func TestFilesUnderRefusesTwoOfOneName(t *testing.T) {
	dir := t.TempDir()
	writeTree(t, dir)
	if _, _, err := client.FilesUnder([]string{filepath.Join(dir, "tree/a"), filepath.Join(dir, "tree/b/../a")}); !errors.Is(err, client.ErrNameTaken) {
		t.Fatal(err)
	}
	if _, _, err := client.FilesUnder([]string{filepath.Join(dir, "nothing")}); !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}

func TestListAndRenew(t *testing.T) {
	n, _ := streaming(t, 2)
	c := n.user(t, client.Config{Attempts: 1})
	var want []string
	for i := range 5 {
		want = append(want, putFile(t, c, fmt.Append(nil, i), client.PutFileOptions{UIDs: ids(0), TTL: time.Hour}).CID)
	}
	putFile(t, c, []byte{'0'}, client.PutFileOptions{UIDs: ids(1), TTL: 2 * time.Hour})
	slices.Sort(want)
	list, err := c.List(t.Context(), client.AskOptions{})
	check(t, err)
	var got []string
	both := 0
	for _, l := range list {
		got = append(got, l.CID)
		hours := l.Expires.Sub(l.Stored).Round(time.Minute).Hours()
		if both += len(l.Gateways) - 1; hours != float64(len(l.Gateways)) || l.Size != 17 {
			t.Fatalf("%+v", l)
		}
	}
	if !slices.Equal(got, want) || both != 1 {
		t.Fatalf("%v, want %v; %d at both", got, want, both)
	}
	until, err := c.Renew(t.Context(), want[0], 50*time.Hour, client.AskOptions{})
	if left := time.Until(until).Round(time.Hour); err != nil || left != 50*time.Hour {
		t.Fatal(left, err)
	}
	check(t, c.Delete(t.Context(), want[0], client.DeleteOptions{}))
	if _, err := c.Renew(t.Context(), want[0], 0, client.AskOptions{}); !errors.Is(err, client.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := c.Export(t.Context(), want[0], client.AskOptions{}); !errors.Is(err, client.ErrNotFound) {
		t.Fatal(err)
	}
}
