package wallet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Entry is one wallet of a folder.
type Entry struct {
	Name    string
	Coldkey KeyEntry // its Name is empty
	Hotkeys []KeyEntry
}

// KeyEntry is what can be said of a key without a password.
type KeyEntry struct {
	Name      string
	Address   Address // empty if Err is set
	Secret    bool    // the secret is there as well
	Encrypted bool    // and needs a password
	Err       error   // why the address could not be read
}

// List describes the wallets below path, by name. One broken key does not hide
// the others. It fails with ErrNotFound if there is no such folder.
func List(path string) ([]Entry, error) {
	path, err := expandHome(path)
	if err != nil {
		return nil, err
	}
	dirs, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return nil, fmt.Errorf("list wallets: %w", err)
	}
	var all []Entry
	for _, d := range dirs {
		info, err := os.Stat(filepath.Join(path, d.Name())) // follows links
		if err != nil || !info.IsDir() {
			continue
		}
		if e, ok := describeWallet(Location{Path: path, Name: d.Name()}); ok {
			all = append(all, e)
		}
	}
	return all, nil
}

// describeWallet says false for a folder that has nothing of a wallet.
func describeWallet(loc Location) (Entry, bool) {
	files, err := loc.Files()
	if err != nil {
		return Entry{}, false
	}
	e := Entry{Name: loc.Name, Coldkey: describeKey(files.Coldkey, At(loc).ColdkeyAddress)}
	hotkeys, err := os.ReadDir(filepath.Dir(files.Hotkey))
	if err != nil {
		return e, !errors.Is(e.Coldkey.Err, ErrNotFound)
	}
	for _, f := range hotkeys {
		// A leading dot is a temporary file, or not for us.
		if f.IsDir() || strings.HasPrefix(f.Name(), ".") || strings.HasSuffix(f.Name(), publicSuffix) {
			continue
		}
		loc.Hotkey = f.Name()
		key := describeKey(filepath.Join(filepath.Dir(files.Hotkey), f.Name()), At(loc).HotkeyAddress)
		key.Name = f.Name()
		e.Hotkeys = append(e.Hotkeys, key)
	}
	return e, true
}

func describeKey(path string, address func() (Address, error)) (e KeyEntry) {
	if data, err := readKeyfile(path); err == nil {
		c, err := parseKeyfile(data)
		e.Encrypted = isEncrypted(data)
		e.Secret = e.Encrypted || err == nil && c.pair != nil
	}
	e.Address, e.Err = address()
	return e
}
