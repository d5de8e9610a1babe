package commits

import (
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

const alice wallet.Address = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"

func drawn(t testing.TB, genesis chain.Hash, net chain.NetUID, at uint64) Commit {
	t.Helper()
	c, err := Draw(strings.NewReader(strings.Repeat(string(rune('a'+at)), 32)), genesis, net, alice, []chain.Weight{{UID: 3, Value: 65535}, {UID: 4, Value: 1}}, 302, at)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestListed(t *testing.T) {
	f, here := Folder(t.TempDir()+"/a"), chain.Hash{1}
	if list, err := f.List(here, 21, alice); err != nil || list != nil {
		t.Errorf("of no folder: %v, %v", list, err)
	}
	older, newer := drawn(t, here, 21, 1), drawn(t, here, 21, 2)
	for _, c := range []Commit{newer, older, drawn(t, chain.Hash{2}, 21, 3), drawn(t, here, 22, 4)} {
		if err := f.Save(c); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := f.List(here, 21, alice); err != nil || !reflect.DeepEqual(list, []Commit{older, newer}) {
		t.Errorf("%v, %v", list, err)
	}
	for range 2 {
		if err := f.Remove(older); err != nil {
			t.Error(err)
		}
	}
	for text, data := range map[string][]byte{
		"its weights have the hash": []byte(strings.Replace(string(text(t, newer)), "65535", "65534", 1)),
		"unexpected EOF":            []byte(`{"salt":[1`),
		"more than":                 make([]byte, maxFile+1),
	} {
		if err := os.WriteFile(f.Path(older), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.List(here, 21, alice); !errors.Is(err, ErrFile) || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), f.Path(older)) {
			t.Errorf("want %q, got %v", text, err)
		}
	}
	if _, err := Draw(strings.NewReader("short"), here, 21, alice, nil, 0, 0); err == nil {
		t.Error("a short salt was drawn")
	}
}

func TestFolderThatCannotBe(t *testing.T) {
	blocked := t.TempDir() + "/file"
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Folder(blocked).Save(drawn(t, chain.Hash{}, 21, 1)); err == nil {
		t.Error("a commitment was kept in a file")
	}
	if _, err := Folder(blocked).List(chain.Hash{}, 21, alice); err == nil {
		t.Error("a file was listed")
	}
}

func text(t testing.TB, c Commit) []byte {
	t.Helper()
	data, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func FuzzParse(f *testing.F) {
	c := drawn(f, chain.Hash{9}, 21, 5)
	f.Add(text(f, c))
	c.Block = 7
	f.Add(text(f, c))
	f.Add([]byte(`{"weights":null,"salt":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parse(data)
		if err != nil {
			if !errors.Is(err, ErrFile) {
				t.Fatal(err)
			}
			return
		}
		again, err := parse(text(t, c))
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("%+v came back as %+v, %v", c, again, err)
		}
	})
}
