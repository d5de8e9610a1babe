package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCommandsThatAreRepeated is what a user does again, and with many files.
func TestCommandsThatAreRepeated(t *testing.T) {
	t.Parallel()
	u := startDevnet(t)
	t.Run("Gets", func(t *testing.T) { u.with(t).getsAgain() })
	t.Run("Reference", func(t *testing.T) { u.with(t).referenceAgain() })
	t.Run("Recovers", func(t *testing.T) { u.with(t).recoversAgain() })
	t.Run("Deletes", func(t *testing.T) { u.with(t).deletesMany() })
}

// album stores a folder of three files.
func (u user) album(name string) (files map[string][]byte) {
	u.t.Helper()
	if err := os.MkdirAll(filepath.Join(u.dir, name, "old"), 0o700); err != nil {
		u.t.Fatal(err)
	}
	files = map[string][]byte{}
	for file, size := range map[string]int{"/a": 3 << 20, "/b": 100, "/old/c": 70_000} {
		_, files[name+file] = u.file(name+file, size)
	}
	u.run(exitOK, "store", "put", filepath.Join(u.dir, name))
	return files
}

// got runs retrieve get and returns the files by name, with what was there.
func (u user) got(want exitCode, dir string, args ...string) (names, there []string, said string) {
	u.t.Helper()
	out, said := u.run(want, append([]string{"retrieve", "get", "--json", "--output", dir}, args...)...)
	var all []gotFile
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		u.t.Fatalf("retrieve get printed %q: %v", out, err)
	}
	for _, f := range all {
		name := strings.TrimPrefix(f.Path, dir+"/")
		if names = append(names, name); f.There {
			there = append(there, name)
		}
	}
	slices.Sort(names)
	slices.Sort(there)
	return names, there, said
}

func (u user) getsAgain() {
	files, back := u.album("album"), u.dir+"/back"
	letter, data := u.file("note", 500)
	u.stored(letter)
	is := func(what string, got []string, want ...string) {
		u.t.Helper()
		if !slices.Equal(got, want) {
			u.t.Fatalf("%s: %q, want %q", what, got, want)
		}
	}
	u.run(exitOK, "retrieve", "get", "album/b", "note", "--output", back)
	u.same(back+"/note", data)
	names, there, _ := u.got(exitOK, back, "album", "note", "album/b")
	is("all", names, "album/a", "album/b", "album/old/c", "note")
	is("there", there, "album/b", "note")
	if out, _ := u.run(exitOK, "retrieve", "get", "album", "--output", back); out != "3 files are there already.\n" {
		u.t.Errorf("retrieve get printed %q", out)
	}

	// What else is in the way of some, and a name that means nothing, keep no other.
	for _, name := range []string{"album/a", "album/b"} {
		if err := os.WriteFile(filepath.Join(back, name), []byte("mine"), 0o600); err != nil {
			u.t.Fatal(err)
		}
	}
	if err := os.Remove(back + "/album/old/c"); err != nil {
		u.t.Fatal(err)
	}
	names, there, said := u.got(exitExists, back, "album", "note", "nothing")
	is("all", names, "album/old/c", "note")
	is("there", there, "note")
	for _, want := range []string{
		back + "/album/a: something else is there already\n", back + "/album/b: something else is there already\n",
		"no such remembered file: \"nothing\"", "replace it with --force",
	} {
		if strings.Count(said, want) != 1 {
			u.t.Errorf("retrieve get says %q, not %q", said, want)
		}
	}
	u.same(back+"/album/a", []byte("mine"))
	names, there, _ = u.got(exitOK, back, "album", "--force")
	is("all", names, "album/a", "album/b", "album/old/c")
	is("there", there, "album/old/c")
	for name, data := range files {
		u.same(filepath.Join(back, name), data)
	}
	u.refused(exitUsage, "several files go neither", "retrieve", "get", "note", "album/b", "--output", "-")
}

// referenceAgain: a file in the Python client's format has to come to be compared.
func (u user) referenceAgain() {
	path, data := u.file("old", 30_000)
	u.stored(path, "--reference")
	for _, want := range []string{"Saved ", "is there already ("} {
		if out, _ := u.run(exitOK, "retrieve", "get", "old", "--output", u.dir+"/got"); !strings.Contains(out, want) {
			u.t.Errorf("retrieve get printed %q", out)
		}
		u.same(u.dir+"/got", data)
	}
	u.file("got", 30_000)
	u.refused(exitExists, "--force", "retrieve", "get", "old", "--output", u.dir+"/got")
}

func (u user) recoversAgain() {
	path, data := u.file("rare", 200_000)
	u.stored(path)
	export := u.dir + "/rare.filetao"
	u.run(exitOK, "files", "export", "rare", "-o", export)
	for _, want := range []bool{false, true} {
		out, _ := u.run(exitOK, "files", "recover", export, "-o", u.dir+"/back", "--json")
		var got gotFile
		if err := json.Unmarshal([]byte(out), &got); err != nil || got.There != want || got.Bytes != 200_000 {
			u.t.Errorf("files recover printed %q: %v", out, err)
		}
		u.same(u.dir+"/back", data)
	}
	u.recoversMany(export)
	u.file("back", 7)
	u.refused(exitExists, "--force", "files", "recover", export, "-o", u.dir+"/back")
	u.run(exitOK, "files", "recover", export, "-o", u.dir+"/back", "--force")
	u.same(u.dir+"/back", data)
}

// recoversMany recovers a folder's exports, one of which is none, and another.
func (u user) recoversMany(more string) {
	u.t.Helper()
	files, exports, back := u.album("lost"), u.dir+"/lost.filetao", u.dir+"/found"
	u.run(exitOK, "files", "export", "lost", "-o", exports)
	if out, _ := u.run(exitOK, "files", "recover", exports, "-o", back); strings.Count(out, "Saved ") != 3 {
		u.t.Errorf("files recover printed %q", out)
	}
	u.file("lost.filetao/bad.filetao", 100)
	if err := os.WriteFile(back+"/lost/b", []byte("mine"), 0o600); err != nil {
		u.t.Fatal(err)
	}
	out, said := u.run(exitExists, "files", "recover", exports, more, "-o", back)
	if !strings.Contains(out, "Saved "+back+"/rare (") || !strings.Contains(out, "\n2 files are there already.\n") ||
		!strings.Contains(said, back+"/lost/b: something else is there already") || !strings.Contains(said, "bad.filetao: ") {
		u.t.Errorf("files recover printed %q and said %q", out, said)
	}
	u.refused(exitUsage, "bad.filetao: not an export of a file", "files", "recover", exports+"/bad.filetao", exports+"/lost/a.filetao", "-o", back)
	u.run(exitOK, "files", "recover", exports+"/lost", "-o", back+"/lost", "--force")
	for name, data := range files {
		u.same(filepath.Join(back, name), data)
	}
	u.refused(exitUsage, "there is no export in", "files", "recover", back)
	u.refused(exitUsage, "several files go neither", "files", "recover", exports, "-o", "-")
}

func (u user) deletesMany() {
	u.album("trip")
	var ids []string
	for _, name := range []string{"one", "two"} {
		path, _ := u.file(name, 900)
		u.stored(path, "--name", name+"-more")
		ids = append(ids, u.stored(path).CID)
	}
	words := []string{"delete", "one", ids[1], "trip", "two", "trip/b", "nothing"}
	u.refused(exitUsage, "Deleting 4 files (one, "+ids[1]+", trip, two, trip/b) for good; 1 name is only forgotten, since others have the same content.", words...)
	out, said := u.run(exitNotFound, append(words, "--yes", "--json")...)
	var gone []deletedFile
	if err := json.Unmarshal([]byte(out), &gone); err != nil || len(gone) != 5 || !strings.Contains(said, "no such remembered file: \"nothing\"") {
		u.t.Fatalf("delete printed %q and said %q: %v", out, said, err)
	}
	if one := gone[0]; one.CID != ids[0] || one.Deleted || !slices.Equal(one.Names, []string{"one"}) || !slices.Equal(one.Kept, []string{"one-more"}) {
		u.t.Errorf("%+v", one)
	}
	if two := gone[1]; two.CID != ids[1] || !two.Deleted || !slices.Equal(two.Names, []string{"two", "two-more"}) {
		u.t.Errorf("%+v", two)
	}
	for i, name := range []string{"trip/a", "trip/b", "trip/old/c"} {
		if f := gone[i+2]; !f.Deleted || !slices.Equal(f.Names, []string{name}) || len(f.Kept) > 0 {
			u.t.Errorf("%+v", f)
		}
	}

	// One that the network does not have keeps no other.
	absent := ids[0][:len(ids[0])-4] + "aaaa"
	out, said = u.run(exitNotFound, "delete", absent, "one-more", "--yes")
	if !strings.Contains(out, "Deleted one-more ("+ids[0]+").") || !strings.Contains(said, absent+": ") {
		u.t.Errorf("delete printed %q and said %q", out, said)
	}
	u.refused(exitNotFound, "no such remembered file", "delete", "trip", "one", "--yes")
}
