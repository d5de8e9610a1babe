package wallet

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/nacl/secretbox"
)

func fixed(password string) PasswordFunc {
	return func(string) (string, error) { return password, nil }
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func files(t *testing.T, loc Location) Files {
	t.Helper()
	f, err := loc.Files()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestCreateReadEncrypted(t *testing.T) {
	loc := Location{Path: filepath.Join(t.TempDir(), "a", "wallets"), Name: "w", Hotkey: "h"}
	cold, hot := mustURI(t, devPhrase), mustURI(t, "//Alice")
	w, err := Create(loc, CreateOptions{Coldkey: cold, Password: fixed(vectorPassword), Hotkey: hot, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	f := files(t, loc)
	for _, path := range []string{f.Coldkey, f.Coldkeypub, f.Hotkey, f.Hotkeypub} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	// The vector's key opens it, so bittensor does.
	raw, err := os.ReadFile(f.Coldkey)
	if err != nil || !bytes.HasPrefix(raw, []byte("$NACL")) {
		t.Fatalf("%.10q, %v", raw, err)
	}
	plain, ok := secretbox.Open(nil, raw[29:], (*[24]byte)(raw[5:]), (*[32]byte)(unhexed(t, naclKey)))
	if want, _ := marshalKeypair(cold); !ok || !bytes.Equal(plain, want) {
		t.Errorf("opens to %s", plain)
	}
	got, err := w.Coldkey(fixed(vectorPassword))
	if err != nil || got.secret != cold.secret || got.Mnemonic() != devPhrase {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := w.Hotkey(); err != nil || got.secret != hot.secret {
		t.Errorf("%v, %v", got, err)
	}
	if a, err := w.ColdkeyAddress(); err != nil || a != devAddress {
		t.Errorf("%s, %v", a, err)
	}
	if a, err := w.HotkeyAddress(); err != nil || a != aliceAddr {
		t.Errorf("%s, %v", a, err)
	}
	list, err := List(loc.Path)
	if err != nil || len(list) != 1 || list[0].Name != "w" || !list[0].Coldkey.Encrypted || list[0].Coldkey.Address != devAddress ||
		len(list[0].Hotkeys) != 1 || list[0].Hotkeys[0] != (KeyEntry{Name: "h", Address: aliceAddr, Secret: true}) {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestNothingIsReplacedUnasked(t *testing.T) {
	loc := Location{Path: t.TempDir()}
	first, second := mustURI(t, "//Alice"), mustURI(t, "//Bob")
	both := CreateOptions{Coldkey: first, Hotkey: first}
	if _, err := Create(loc, both); err != nil {
		t.Fatal(err)
	}
	unasked := func(string) (string, error) { t.Error("asked for a password first"); return "password", nil }
	for name, opt := range map[string]CreateOptions{
		"same":        both,
		"coldkey":     {Coldkey: second, Password: unasked},
		"public only": {ColdkeyAddress: second.Address()},
		"hotkey":      {Hotkey: second},
	} {
		if _, err := Create(loc, opt); !errors.Is(err, ErrExists) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Create(Location{Path: loc.Path, Hotkey: "other"}, CreateOptions{Coldkey: second, Hotkey: second}); !errors.Is(err, ErrExists) {
		t.Error("coldkey of another hotkey replaced")
	}
	if _, err := os.Stat(filepath.Join(loc.Path, "default", "hotkeys", "other")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half of a refused creation was written: %v", err)
	}
	if k, err := At(loc).Coldkey(nil); err != nil || k.Address() != first.Address() {
		t.Errorf("%v, %v", k, err)
	}
	if _, err := Create(loc, CreateOptions{Coldkey: second, Hotkey: second, Overwrite: true}); err != nil {
		t.Fatal(err)
	}
	for _, a := range []func() (Address, error){At(loc).ColdkeyAddress, At(loc).HotkeyAddress} {
		if got, err := a(); err != nil || got != second.Address() {
			t.Errorf("%s, %v", got, err)
		}
	}
}

func TestSecretJoinsItsPublicKey(t *testing.T) {
	loc := Location{Path: t.TempDir()}
	alice := mustURI(t, "//Alice")
	w, err := Create(loc, CreateOptions{ColdkeyAddress: alice.Address()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Coldkey(nil); !errors.Is(err, ErrNotFound) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if list, err := List(loc.Path); err != nil || len(list) != 1 || list[0].Coldkey.Secret || list[0].Coldkey.Address != alice.Address() {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := Create(loc, CreateOptions{Coldkey: mustURI(t, "//Bob")}); !errors.Is(err, ErrExists) {
		t.Errorf("another coldkey: %v", err)
	}
	if _, err := Create(loc, CreateOptions{Coldkey: alice}); err != nil {
		t.Error(err)
	}
}

// A write that fails midway leaves whole files or none, and what was there.
func TestFailedWritesLeaveWholeFiles(t *testing.T) {
	loc := Location{Path: t.TempDir()}
	f := files(t, loc)
	write(t, f.Coldkeypub+"/in-the-way", "") // renaming a file over a folder fails
	alice := mustURI(t, "//Alice")
	if _, err := Create(loc, CreateOptions{Coldkey: alice, Hotkey: alice, Overwrite: true}); err == nil {
		t.Fatal("no error")
	}
	if k, err := At(loc).Coldkey(nil); err != nil || k.Address() != alice.Address() {
		t.Errorf("the secret, written first: %v, %v", k, err)
	}
	if _, err := os.Stat(f.Hotkey); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("hotkey after the failure: %v", err)
	}
	empty := t.TempDir()
	for _, password := range []string{"", "password, but no randomness"} {
		if _, err := Create(Location{Path: empty}, CreateOptions{Coldkey: alice, Password: fixed(password), Rand: strings.NewReader("")}); err == nil {
			t.Errorf("%q: no error", password)
		}
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	write(t, filepath.Join(loc.Path, "file"), "")
	if _, err := Create(Location{Path: filepath.Join(loc.Path, "file")}, CreateOptions{Hotkey: alice}); err == nil {
		t.Error("created below a file")
	}
}

func TestKeysThatCannotBeRead(t *testing.T) {
	loc := Location{Path: t.TempDir()}
	f := files(t, loc)
	w := At(loc)
	for name, c := range map[string]struct {
		hotkey string
		want   error
	}{
		"encrypted":   {ansibleFile, ErrEncrypted},
		"public only": {"0x" + devPublic, ErrPublicOnly},
		"broken":      {"{", ErrKeyfile},
		"huge":        {strings.Repeat(" ", maxKeyfile+1), ErrKeyfile},
	} {
		write(t, f.Hotkey, c.hotkey)
		if k, err := w.Hotkey(); !errors.Is(err, c.want) || k != nil {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
	write(t, f.Hotkey, ansibleFile)
	if _, err := w.HotkeyAddress(); !errors.Is(err, ErrEncrypted) {
		t.Errorf("address of an encrypted hotkey: %v", err)
	}
	write(t, f.Hotkeypub, "0x"+devPublic)
	if a, err := w.HotkeyAddress(); err != nil || a != devAddress {
		t.Errorf("address beside an encrypted hotkey: %s, %v", a, err)
	}
	if _, err := w.UnlockHotkey(fixed("wrong")); !errors.Is(err, ErrPassword) {
		t.Errorf("wrong password: %v", err)
	}
	if _, err := w.UnlockHotkey(fixed(vectorPassword)); !errors.Is(err, ErrKeyfile) { // the vector is no key
		t.Errorf("content: %v", err)
	}
	asked := errors.New("nobody there")
	if _, err := w.UnlockHotkey(func(string) (string, error) { return "", asked }); !errors.Is(err, asked) {
		t.Errorf("prompt's error: %v", err)
	}
	if err := os.Mkdir(f.Coldkey, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Coldkey(nil); !errors.Is(err, ErrKeyfile) {
		t.Errorf("a folder: %v", err)
	}
}

func TestNamesThatLeaveTheFolderAreRefused(t *testing.T) {
	for _, name := range []string{"..", ".", "a/b", "/", "../x", `a\b`, "a\x00"} {
		for _, loc := range []Location{{Path: "/w", Name: name}, {Path: "/w", Hotkey: name}} {
			if f, err := loc.Files(); !errors.Is(err, ErrName) {
				t.Errorf("%q: %+v, %v", name, f, err)
			}
		}
	}
	t.Setenv("HOME", "/home/op")
	for path, want := range map[string]string{
		"": "/home/op/.bittensor/wallets/default", "~": "/home/op/default", "~/w": "/home/op/w/default", "~w": "~w/default", "/w/": "/w/default",
	} {
		if f := files(t, Location{Path: path}); f.Dir != want {
			t.Errorf("%q: %s", path, f.Dir)
		}
	}
}

func TestListSkipsWhatIsNoWallet(t *testing.T) {
	dir := t.TempDir()
	if _, err := List(filepath.Join(dir, "none")); !errors.Is(err, ErrNotFound) {
		t.Errorf("%v", err)
	}
	if list, err := List(dir); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	write(t, filepath.Join(dir, "notes.txt"), "x")
	write(t, filepath.Join(dir, "empty", "x"), "x")
	write(t, filepath.Join(dir, "b", "hotkeys", "broken"), "x")
	write(t, filepath.Join(dir, "b", "hotkeys", "good"), `{"secretSeed":"`+aliceSeed+`"}`)
	write(t, filepath.Join(dir, "b", "hotkeys", "goodpub.txt"), "0x"+devPublic)
	write(t, filepath.Join(dir, "b", "hotkeys", ".good.123.tmp"), "x")
	write(t, filepath.Join(dir, "a", "coldkey"), `{"secretSeed":"`+aliceSeed+`"}`)
	list, err := List(dir)
	if err != nil || len(list) != 2 || list[0].Name != "a" || list[1].Name != "b" {
		t.Fatalf("%+v, %v", list, err)
	}
	if list[0].Coldkey != (KeyEntry{Address: aliceAddr, Secret: true}) {
		t.Errorf("%+v", list[0])
	}
	h := list[1].Hotkeys
	if len(h) != 2 || !errors.Is(h[0].Err, ErrKeyfile) || h[0].Secret || h[1] != (KeyEntry{Name: "good", Address: aliceAddr, Secret: true}) {
		t.Errorf("%+v", h)
	}
}
