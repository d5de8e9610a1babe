package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/manifest"
)

// TestFilesOfADevnet is the user's work with files of our own format.
func TestFilesOfADevnet(t *testing.T) {
	t.Parallel()
	u := startDevnet(t)
	t.Run("Folders", func(t *testing.T) { u.with(t).folders() })
	t.Run("FolderNames", func(t *testing.T) { u.with(t).folderNames() })
	t.Run("StandardInput", func(t *testing.T) { u.with(t).standardInput() })
	t.Run("Ranges", func(t *testing.T) { u.with(t).ranges() })
	t.Run("MinersAlone", func(t *testing.T) { u.with(t).minersAlone() })
	t.Run("Longer", func(t *testing.T) { u.with(t).longer() })
	t.Run("Ends", func(t *testing.T) { u.with(t).ends() })
	t.Run("Names", func(t *testing.T) { u.with(t).names() })
	t.Run("Reference", func(t *testing.T) { u.with(t).reference() })
}

// stored runs store put and returns what it says of one file.
func (u user) stored(args ...string) (s storedFile) {
	u.t.Helper()
	out, _ := u.run(exitOK, append([]string{"store", "put", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &s); err != nil || s.CID == "" {
		u.t.Fatalf("store put printed %q: %v", out, err)
	}
	return s
}

func (u user) folders() {
	if err := os.MkdirAll(filepath.Join(u.dir, "photos", "summer"), 0o700); err != nil {
		u.t.Fatal(err)
	}
	_, first := u.file("photos/one.raw", 300_000)
	_, second := u.file("photos/summer/two.raw", 100)
	out, _ := u.run(exitOK, "store", "put", u.dir+"/photos", "--json")
	var all []storedFile
	if err := json.Unmarshal([]byte(out), &all); err != nil || len(all) != 2 || all[0].Reference || all[1].Reference {
		u.t.Fatalf("store put printed %q: %v", out, err)
	}
	u.run(exitOK, "retrieve", "get", "photos", "--output", u.dir+"/back")
	u.same(u.dir+"/back/photos/one.raw", first)
	u.same(u.dir+"/back/photos/summer/two.raw", second)
	u.refused(exitUsage, "is a folder", "retrieve", "get", "photos", "--output", "-")
	u.run(exitOK, "retrieve", "get", "photos/summer/two.raw", "--output", u.dir+"/two")
	u.same(u.dir+"/two", second)
	if out, _ := u.run(exitOK, "store", "put", u.dir+"/photos"); !strings.Contains(out, "NAME ") || !strings.Contains(out, "photos/one.raw ") {
		u.t.Errorf("store put printed %q", out)
	}
}

// folderNames: what one command takes for a folder's name, all take.
func (u user) folderNames() {
	if err := os.MkdirAll(filepath.Join(u.dir, "docs", "old"), 0o700); err != nil {
		u.t.Fatal(err)
	}
	_, data := u.file("docs/a", 40_000)
	u.file("docs/old/b", 50_000)
	shared, _ := u.file("docs/c", 60_000)
	u.run(exitOK, "store", "put", u.dir+"/docs")
	u.stored(shared, "--name", "elsewhere")

	out, _ := u.run(exitOK, "files", "renew", "docs", "--ttl", "5184000", "--json")
	var until []renewed
	if err := json.Unmarshal([]byte(out), &until); err != nil || len(until) != 3 || until[2].Name != "docs/old/b" || until[2].Expires < time.Now().Unix()+5_000_000 {
		u.t.Errorf("files renew printed %q: %v", out, err)
	}
	u.refused(exitUsage, "is a folder", "files", "export", "docs", "-o", "-")
	if out, _ := u.run(exitOK, "files", "export", "docs/", "-o", u.dir+"/exports"); strings.Count(out, "Saved ") != 3 {
		u.t.Errorf("files export printed %q", out)
	}
	u.refused(exitExists, "--force", "files", "export", "docs", "-o", u.dir+"/exports")
	for _, name := range []string{"../x", "/x", "a//b", "."} {
		u.refused(exitUsage, "is no name like", "store", "put", shared, "--name", name)
	}
	u.run(exitOK, "files", "recover", u.dir+"/exports/docs/a.filetao", "-o", u.dir)
	u.same(u.dir+"/a", data)

	u.refused(exitUsage, "Deleting 2 files in docs for good; 1 name is only forgotten, since others have the same content.", "delete", "docs/")
	u.refused(exitNotFound, "no such remembered file", "delete", "doc", "--yes")
	out, _ = u.run(exitOK, "delete", "docs", "--yes", "--json")
	var gone []deletedFile
	if err := json.Unmarshal([]byte(out), &gone); err != nil || len(gone) != 3 || !gone[0].Deleted || gone[1].Deleted || !slices.Equal(gone[1].Kept, []string{"elsewhere"}) || !gone[2].Deleted {
		u.t.Errorf("delete printed %q: %v", out, err)
	}
	u.refused(exitNotFound, "no such remembered file", "delete", "docs", "--yes")
	u.run(exitOK, "delete", "elsewhere", "--yes")
}

func (u user) standardInput() {
	data := bytes.Repeat([]byte("stream "), 40_000)
	var out, said bytes.Buffer
	c := newCLI(streams{in: bytes.NewReader(data), out: &out, err: &said, now: time.Now})
	if code := c.execute(u.t.Context(), []string{"store", "put", "-", "--name", "piped", "--json", "--devnet", u.devnet}); code != exitOK {
		u.t.Fatalf("exit code %d: %s", code, &said)
	}
	u.run(exitOK, "retrieve", "get", "piped", "--output", u.dir+"/piped")
	u.same(u.dir+"/piped", data)
}

func (u user) ranges() {
	path, data := u.file("ranged", 500_000)
	u.stored(path)
	for text, want := range map[string][]byte{"0-0": data[:1], "70000-70009": data[70000:70010], "499990-": data[499990:], "499999-9999999": data[499999:]} {
		if out, _ := u.run(exitOK, "retrieve", "get", "ranged", "--range", text, "-o", "-"); out != string(want) {
			u.t.Errorf("%d bytes for %s", len(out), text)
		}
	}
	u.run(exitOK, "retrieve", "get", "ranged", "--range", "5-10", "-o", u.dir+"/part")
	u.same(u.dir+"/part", data[5:11])
	u.refused(exitUsage, "the file has no such part", "retrieve", "get", "ranged", "--range", "500001-", "-o", "-")
}

func (u user) minersAlone() {
	path, data := u.file("precious", 200_000)
	s := u.stored(path)
	export := filepath.Join(u.dir, "precious.filetao")
	out, _ := u.run(exitOK, "files", "export", "precious", "-o", export, "--json")
	var saved exported
	if err := json.Unmarshal([]byte(out), &saved); err != nil || saved.CID != s.CID || saved.Segments != 1 || saved.Shards < 1 {
		u.t.Errorf("files export printed %q: %v", out, err)
	}
	var used []usageRow
	out, _ = u.run(exitOK, "files", "usage", "--json")
	if err := json.Unmarshal([]byte(out), &used); err != nil || len(used) != 1 || used[0].Objects < 1 || used[0].Bytes < 200_000 || used[0].MaxUploads != 256 {
		u.t.Errorf("files usage printed %q: %v", out, err)
	}
	if out, _ = u.run(exitOK, "files", "usage"); !strings.Contains(out, "UPLOADS") || !strings.Contains(out, " of 256") {
		u.t.Errorf("files usage printed %q", out)
	}
	u.refused(exitExists, "--force", "files", "export", "precious", "-o", export)
	document, err := os.ReadFile(export)
	if err != nil {
		u.t.Fatal(err)
	}
	if out, _ := u.run(exitOK, "files", "export", "precious", "-o", "-"); out != string(document) {
		if _, err := manifest.ParseExport([]byte(out)); err != nil {
			u.t.Error(err)
		}
	}
	u.run(exitOK, "files", "recover", export, "-o", u.dir+"/back")
	u.same(u.dir+"/back", data)
	out, said := u.run(exitOK, "files", "recover", export, "-o", "-", "--subtensor.chain_endpoint", "ws://127.0.0.1:1")
	if out != string(data) || !strings.Contains(said, "note: no chain: ") {
		u.t.Errorf("without a chain %d bytes came, and it says %q", len(out), said)
	}
	u.refused(exitNotFound, "file not found", "files", "export", "--cid", s.CID[:len(s.CID)-4]+"aaaa")
}

func (u user) longer() {
	path, _ := u.file("lasting", 20_000)
	s := u.stored(path, "--ttl", "3600")
	find := func() remoteRow {
		u.t.Helper()
		out, _ := u.run(exitOK, "retrieve", "list", "--remote", "--json")
		var rows []remoteRow
		if err := json.Unmarshal([]byte(out), &rows); err != nil {
			u.t.Fatalf("retrieve list printed %q: %v", out, err)
		}
		for _, r := range rows {
			if r.CID == s.CID {
				return r
			}
		}
		u.t.Fatalf("%s is not in %s", s.CID, out)
		return remoteRow{}
	}
	before := find()
	if out, _ := u.run(exitOK, "files", "renew", "lasting", "--ttl", "7200"); !strings.Contains(out, "lasting is kept until ") {
		u.t.Errorf("files renew printed %q", out)
	}
	if after := find(); after.Name != "lasting" || after.Expires < before.Expires+3590 || len(after.Hotkeys) != 1 {
		u.t.Errorf("%+v, and before %+v", after, before)
	}
	if out, _ := u.run(exitOK, "retrieve", "list", "--remote"); !strings.Contains(out, s.CID+" ") {
		u.t.Errorf("retrieve list printed %q", out)
	}
	long := find()
	if out, _ := u.run(exitOK, "files", "renew", "lasting", "--ttl", "60"); !strings.Contains(out, "--shorten has it end earlier") || find().Expires != long.Expires {
		u.t.Errorf("files renew printed %q", out)
	}
	u.stored(path, "--ttl", "60")
	if find().Expires != long.Expires {
		u.t.Errorf("%+v, and before %+v", find(), long)
	}
	u.refused(exitUsage, "--shorten needs a --ttl", "files", "renew", "lasting", "--shorten")
	if u.run(exitOK, "files", "renew", "lasting", "--ttl", "600", "--shorten"); find().Expires > long.Expires-6000 {
		u.t.Errorf("%+v, and before %+v", find(), long)
	}
	for _, ttl := range []string{"315360001", "18446744100", "99999999999", "9223372036854775807"} {
		u.refused(exitUsage, "want 1 to 315360000 seconds", "files", "renew", "lasting", "--ttl", ttl)
		u.refused(exitUsage, "want 1 to 315360000 seconds", "store", "put", path, "--ttl", ttl)
	}
	u.run(exitOK, "delete", "lasting", "--yes")
	u.refused(exitNotFound, "file not found", "files", "renew", s.CID)
}

// ends: the list of remembered files says how large they are and when they end.
func (u user) ends() {
	path, _ := u.file("ending", 30_000)
	s := u.stored(path, "--ttl", "3600")
	list := func(now time.Time, args ...string) (text string, row bookRow) {
		u.t.Helper()
		for _, json := range []bool{false, true} {
			var out, said bytes.Buffer
			c := newCLI(streams{out: &out, err: &said, now: func() time.Time { return now }})
			c.json = json
			if code := c.execute(u.t.Context(), append([]string{"retrieve", "list", "--devnet", u.devnet, fmt.Sprintf("--json=%t", json)}, args...)); code != exitOK || said.Len() > 0 {
				u.t.Fatalf("exit code %d: %s", code, &said)
			}
			text += out.String()
		}
		var rows []bookRow
		if err := json.Unmarshal([]byte(text[strings.LastIndex(text, "\n[")+1:]), &rows); err != nil {
			u.t.Fatalf("retrieve list printed %q: %v", text, err)
		}
		i := slices.IndexFunc(rows, func(r bookRow) bool { return r.CID == s.CID })
		return text, rows[i]
	}
	text, row := list(time.Now())
	if row.State != fileStored || row.Bytes < 30_000 || row.Expires < time.Now().Unix()+3000 || !strings.Contains(text, expiry(row.Expires)) || !strings.Contains(text, " SIZE  EXPIRES") {
		u.t.Errorf("%+v: %s", row, text)
	}
	if text, row = list(time.Now().Add(2 * time.Hour)); row.State != fileGone || row.Bytes+row.Expires != 0 || !strings.Contains(text, " not listed") {
		u.t.Errorf("%+v: %s", row, text)
	}
	if text, row = list(time.Now(), "--local"); row.State != "" || !strings.Contains(text, "?  ?") {
		u.t.Errorf("%+v: %s", row, text)
	}
	u.refused(exitUsage, "none of the others can be", "retrieve", "list", "--local", "--remote")
	u.run(exitOK, "delete", "ending", "--yes")
}

// names: a file goes with its last name, or with all of them when that is said.
func (u user) names() {
	path, data := u.file("alias", 50_000)
	put := func() string {
		for _, name := range []string{"alias", "alias2", "alias3"} {
			u.stored(path, "--name", name)
		}
		return u.stored(path).CID
	}
	remembered := func(want ...string) {
		u.t.Helper()
		out, _ := u.run(exitOK, "retrieve", "list", "--json")
		var rows []bookRow
		if err := json.Unmarshal([]byte(out), &rows); err != nil {
			u.t.Fatal(err)
		}
		var names []string
		for _, r := range rows {
			if strings.HasPrefix(r.Name, "alias") {
				names = append(names, r.Name)
			}
		}
		if !slices.Equal(names, want) {
			u.t.Fatalf("%q are remembered, want %q", names, want)
		}
	}
	id := put()
	u.refused(exitUsage, "stays, as alias, alias3", "delete", "alias2")
	if out, _ := u.run(exitOK, "delete", "alias2", "--yes"); !strings.Contains(out, "Forgot the name alias2; the file ("+id+") stays, as alias, alias3.") {
		u.t.Errorf("delete printed %q", out)
	}
	remembered("alias", "alias3")
	u.run(exitOK, "delete", "alias", "--yes")
	u.run(exitOK, "retrieve", "get", "alias3", "--output", u.dir+"/alias.back")
	u.same(u.dir+"/alias.back", data)
	if out, _ := u.run(exitOK, "delete", "alias3", "--yes"); !strings.Contains(out, "Deleted alias3 ("+id+").") {
		u.t.Errorf("delete printed %q", out)
	}
	remembered()
	for _, args := range [][]string{{"alias", "--all"}, {id}} {
		put()
		u.refused(exitUsage, "Deleting alias, alias2, alias3 ("+id+") for good", append([]string{"delete"}, args...)...)
		out, _ := u.run(exitOK, append([]string{"delete", "--yes", "--json"}, args...)...)
		var gone deletedFile
		if err := json.Unmarshal([]byte(out), &gone); err != nil || !gone.Deleted || len(gone.Names) != 3 || len(gone.Kept) != 0 {
			u.t.Errorf("delete printed %q: %v", out, err)
		}
		remembered()
		u.refused(exitNotFound, "file not found", "delete", id, "--yes")
	}
}

func (u user) reference() {
	path, data := u.file("old", 300_000)
	if s := u.stored(path, "--reference"); !s.Reference || s.Segments != 0 {
		u.t.Errorf("%+v", s)
	}
	u.run(exitOK, "retrieve", "get", "old", "-o", u.dir+"/got")
	u.same(u.dir+"/got", data)
	u.run(exitOK, "delete", "old", "--yes")
}

func TestRangesAreRead(t *testing.T) {
	for text, want := range map[string]client.Range{"0-0": {Length: 1}, "5-": {Offset: 5, Length: -1}, "10-19": {Offset: 10, Length: 10}} {
		if got, err := parseRange(text); err != nil || *got != want {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-", "5", "-5", "9-3", "a-b", "1-9223372036854775807", "0--3"} {
		if got, err := parseRange(text); err == nil {
			t.Errorf("%q is taken for %+v", text, got)
		}
	}
}

func TestStreamOnATerminal(t *testing.T) {
	now := time.Unix(1000, 0)
	c := newCLI(streams{err: &bytes.Buffer{}, now: func() time.Time { return now }})
	p := c.progress("storing film")
	is := func(want string) {
		t.Helper()
		if got := p.line(90); got != want {
			t.Errorf("the line is\n%q, want\n%q", got, want)
		}
	}
	const all = 400 << 20
	p.stage(client.Progress{Stage: client.StageSending, Bytes: all, Done: all / 2, Resumed: all / 2})
	now = now.Add(10 * time.Second)
	p.stage(client.Progress{Stage: client.StageSending, Bytes: all, Done: all / 4 * 3, Resumed: all / 2})
	is("storing film [=================      ]  75%  300.0 MiB of 400.0 MiB  10.0 MiB/s  0:10 left")
	p.stage(client.Progress{Stage: client.StageSending, Bytes: 2 * all, Done: all, Files: 7, FilesDone: 3})
	if got := p.line(200); !strings.Contains(got, " 50%  400.0 MiB of 800.0 MiB") {
		t.Errorf("the line is %q", got)
	}
	p.stage(client.Progress{Stage: client.StageComparing, Bytes: all, Done: all / 4})
	now = now.Add(time.Second)
	if got := p.line(200); !strings.HasPrefix(got, "storing film: reading what is there already [==========    ") || !strings.HasSuffix(got, " 25%  100.0 MiB of 400.0 MiB  100.0 MiB/s  0:03 left") {
		t.Errorf("the line is %q", got)
	}
	for seconds, want := range map[float64]string{1: "0:01 left", 3599: "59:59 left", 7325: "2:02:05 left", 1e9: "days left"} {
		if got := remaining(seconds); got != want {
			t.Errorf("%v seconds are %q, want %q", seconds, got, want)
		}
	}
}
