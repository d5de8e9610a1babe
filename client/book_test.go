package client_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/wallet"
)

const (
	alice = wallet.Address("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
	bob   = wallet.Address("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
)

func openBook(t *testing.T, dir string) *client.Book {
	t.Helper()
	b, err := client.OpenBook(dir, "default")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBookIsTheReferences reads what the reference writes, and writes what it
// reads, next to things neither understands.
func TestBookIsTheReferences(t *testing.T) {
	dir := t.TempDir()
	first, second := cid.Sum([]byte("1")), cid.Sum([]byte("2"))
	old := fmt.Sprintf(`{"a.txt": %q, "a.txt_hotkeys": [%q], "other": {"x": 1}, "b": "123"}`, first, alice)
	if err := os.WriteFile(filepath.Join(dir, "default.json"), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	b := openBook(t, dir)
	list, err := b.List()
	if err != nil || len(list) != 2 || list[0].CID != first || list[0].Gateways[0] != alice || list[1].CID != "123" {
		t.Fatalf("%+v, %v", list, err)
	}
	previous, err := b.Add(client.Entry{Name: "a.txt", CID: second, Gateways: []wallet.Address{bob, alice}})
	if err != nil || previous != first {
		t.Fatalf("replaced %q, %v; want %s", previous, err, first)
	}
	if previous, err = b.Add(client.Entry{Name: "new", CID: first}); err != nil || previous != "" {
		t.Fatalf("replaced %q, %v", previous, err)
	}
	text, err := os.ReadFile(b.Path())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	keys := slices.Sorted(maps.Keys(got))
	want := []string{"a.txt", "a.txt_hotkeys", "b", "new", "new_hotkeys", "other"}
	if !slices.Equal(keys, want) || got["a.txt"] != second || fmt.Sprint(got["a.txt_hotkeys"]) != fmt.Sprint([]any{bob, alice}) || fmt.Sprint(got["new_hotkeys"]) != "[]" {
		t.Fatalf("%s", text)
	}
	if e, err := b.Find(first); err != nil || e.Name != "new" {
		t.Fatalf("%+v, %v", e, err)
	}
	if err := errors.Join(b.Remove("new"), b.Remove("b")); err != nil {
		t.Fatal(err)
	}
	if list, err = b.List(); err != nil || len(list) != 1 || list[0].Name != "a.txt" {
		t.Fatalf("%+v, %v", list, err)
	}
	if err := b.Remove("new"); !errors.Is(err, client.ErrUnknownName) {
		t.Fatalf("removed twice: %v", err)
	}
	if _, err := b.Find(first); !errors.Is(err, client.ErrUnknownName) {
		t.Fatal(err)
	}
}

func TestBookRefusesWhatItWouldDestroy(t *testing.T) {
	dir := t.TempDir()
	id := cid.Sum(nil)
	b := openBook(t, filepath.Join(dir, "not", "there"))
	if list, err := b.List(); err != nil || len(list) != 0 {
		t.Fatalf("%v, %v", list, err)
	}
	for _, names := range [][2]string{{"a", "a_hotkeys"}, {"b_hotkeys", "b"}} {
		if _, err := b.Add(client.Entry{Name: names[0], CID: id}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Add(client.Entry{Name: names[1], CID: id}); !errors.Is(err, client.ErrNameTaken) {
			t.Fatalf("%q after %q: %v", names[1], names[0], err)
		}
	}
	for _, e := range []client.Entry{{Name: "", CID: id}, {Name: "../x", CID: id}, {Name: "..", CID: id}, {Name: "x", CID: "QmX"}} {
		if _, err := b.Add(e); !errors.Is(err, client.ErrBook) {
			t.Fatalf("%+v: %v", e, err)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", "/x", ".hidden"} {
		if _, err := client.OpenBook(dir, name); !errors.Is(err, client.ErrBook) {
			t.Fatalf("wallet name %q: %v", name, err)
		}
	}
	for _, text := range []string{"null", "[]", "{", `"x"`, ""} {
		if err := os.WriteFile(b.Path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Add(client.Entry{Name: "x", CID: id}); !errors.Is(err, client.ErrBook) {
			t.Fatalf("%q: %v", text, err)
		}
		if got, err := os.ReadFile(b.Path()); err != nil || string(got) != text {
			t.Fatalf("a damaged book was overwritten: %q, %v", got, err)
		}
	}
}

func TestBookTakesManyWritersAtOnce(t *testing.T) {
	dir := t.TempDir()
	var work sync.WaitGroup
	const writers, each = 8, 8
	for w := range writers {
		b := openBook(t, dir)
		work.Go(func() {
			for i := range each {
				name := fmt.Sprintf("%d-%d", w, i)
				if _, err := b.Add(client.Entry{Name: name, CID: cid.Sum([]byte(name))}); err != nil {
					t.Error(err)
				}
				if _, err := b.List(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	list, err := openBook(t, dir).List()
	if err != nil || len(list) != writers*each {
		t.Fatalf("%d of %d names, %v", len(list), writers*each, err)
	}
	for _, e := range list {
		if e.CID != cid.Sum([]byte(e.Name)) {
			t.Fatalf("%+v", e)
		}
	}
}

// TestBookStaysAsItWasWhenAChangeFails by a lock that cannot be taken and a
// folder that cannot be made.
func TestBookStaysAsItWasWhenAChangeFails(t *testing.T) {
	dir := t.TempDir()
	b := openBook(t, dir)
	if _, err := b.Add(client.Entry{Name: "kept", CID: cid.Sum(nil)}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(b.Path()+".lock"), os.Mkdir(b.Path()+".lock", 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Add(client.Entry{Name: "lost", CID: cid.Sum(nil)}); !errors.Is(err, client.ErrBook) {
		t.Fatalf("changed without the lock: %v", err)
	}
	if list, err := b.List(); err != nil || len(list) != 1 || list[0].Name != "kept" {
		t.Fatalf("%+v, %v", list, err)
	}
	below := openBook(t, filepath.Join(b.Path(), "folder"))
	if _, err := below.Add(client.Entry{Name: "lost", CID: cid.Sum(nil)}); !errors.Is(err, client.ErrBook) {
		t.Fatalf("made a folder below a file: %v", err)
	}
}

func FuzzBook(f *testing.F) {
	id := cid.Sum(nil)
	f.Add([]byte(fmt.Sprintf(`{"n":%q,"n_hotkeys":[%q]}`, id, alice)), "n")
	f.Add([]byte(`{"n":["x"],"m_hotkeys":"y","m":1}`), "m")
	f.Add([]byte(`{"":"x","_hotkeys":[null]}`), "")
	f.Fuzz(func(t *testing.T, text []byte, name string) {
		b := openBook(t, t.TempDir())
		if err := os.WriteFile(b.Path(), text, 0o600); err != nil {
			t.Fatal(err)
		}
		before, err := b.List()
		if err != nil {
			return
		}
		name = strings.ToValidUTF8(name, "?") // as JSON keeps it
		if _, err := b.Add(client.Entry{Name: name, CID: id}); err != nil {
			return
		}
		after, err := b.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range append(before, client.Entry{Name: name, CID: id}) {
			kept := slices.ContainsFunc(after, func(a client.Entry) bool { return a.Name == e.Name && (a.CID == e.CID || e.Name == name) })
			if !kept {
				t.Fatalf("%+v is lost: %+v", e, after)
			}
		}
	})
}

// TestBookNames: a file goes with all its names, and no other does.
func TestBookNames(t *testing.T) {
	b, err := client.OpenBook(t.TempDir(), "alice")
	check(t, err)
	one, other := cid.Sum([]byte("one")), cid.Sum([]byte("other"))
	for _, name := range []string{"b", "a", "c_hotkeys", "d"} {
		_, err := b.Add(client.Entry{Name: name, CID: one})
		check(t, err)
	}
	_, err = b.Add(client.Entry{Name: "d", CID: other})
	check(t, err)
	named, err := b.Named(one)
	if err != nil || len(named) != 3 || named[0].Name != "a" || named[2].Name != "c_hotkeys" {
		t.Fatalf("%+v, %v", named, err)
	}
	names, err := b.RemoveFile(one)
	if err != nil || !slices.Equal(names, []string{"a", "b", "c_hotkeys"}) {
		t.Fatal(names, err)
	}
	if names, err = b.RemoveFile(one); err != nil || len(names) != 0 {
		t.Fatal(names, err)
	}
	if all, err := b.List(); err != nil || len(all) != 1 || all[0].CID != other {
		t.Fatalf("%+v, %v", all, err)
	}
}
