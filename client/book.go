package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/wallet"
)

// Errors of a Book.
var (
	// ErrBook: the file of remembered names is not one, or may not be used.
	ErrBook = errors.New("the list of remembered files cannot be used")
	// ErrUnknownName: nothing is remembered under that name.
	ErrUnknownName = errors.New("no such remembered file")
	// ErrNameTaken: the name collides with what the format keeps beside another.
	ErrNameTaken = errors.New("the name is taken")
)

const (
	hotkeysSuffix = "_hotkeys"
	maxBook       = 64 << 20 // bytes of a book that is read
)

// Entry is one remembered file.
type Entry struct {
	// Name is the file's base name, or its path with slashes from the name of the
	// folder on that was stored; one read from a book may be anything.
	Name     string
	CID      string           // what was stored
	Gateways []wallet.Address // who stored it, in the order of the book
}

// Book is the list of files one wallet has stored, in the reference's form:
// <folder>/<wallet name>.json, an object with name → CID and name_hotkeys →
// [ss58]. Entries it does not understand are kept. Every method reads the file
// anew and changes are made under a lock, so that several programs can use one
// book.
type Book struct{ path string }

// DefaultBookDir is ~/.bittensor/hashes, the reference's hash_basepath.
func DefaultBookDir() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBook, err)
	}
	return filepath.Join(home, ".bittensor", "hashes"), nil
}

// OpenBook names the book of a wallet in a folder; neither has to exist yet.
// It fails for a wallet name that is not a plain file name.
func OpenBook(dir, walletName string) (*Book, error) {
	if walletName == "" || walletName != filepath.Base(walletName) || strings.HasPrefix(walletName, ".") {
		return nil, fmt.Errorf("%w: %q is no wallet name", ErrBook, walletName)
	}
	return &Book{path: filepath.Join(dir, walletName+".json")}, nil
}

// Path is the file the book is kept in.
func (b *Book) Path() string { return b.path }

// Add remembers e. A name that is remembered already is pointed at the new
// CID, and the CID it pointed at before is returned; "" when it is new or the
// same. It is on disk when Add returns nil. Errors: ErrBook, ErrNameTaken.
func (b *Book) Add(e Entry) (previous string, err error) {
	if !filepath.IsLocal(e.Name) || e.Name != path.Clean(e.Name) || e.Name == "." {
		return "", fmt.Errorf("%w: %q is neither a file's base name nor one in a folder", ErrBook, e.Name)
	}
	if err := cid.Parse(e.CID); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBook, err)
	}
	err = b.change(func(pages pages) error {
		if err := pages.free(e.Name); err != nil {
			return err
		}
		if old, ok := pages.cid(e.Name); ok && old != e.CID {
			previous = old
		}
		return pages.set(e)
	})
	return previous, err
}

// Remove forgets a name. Errors: ErrUnknownName, ErrBook.
func (b *Book) Remove(name string) error {
	return b.change(func(pages pages) error {
		if _, ok := pages.cid(name); !ok {
			return fmt.Errorf("%w: %q", ErrUnknownName, name)
		}
		delete(pages, name)
		if _, ok := pages.gateways(name); ok {
			delete(pages, name+hotkeysSuffix)
		}
		return nil
	})
}

// RemoveFile forgets every name of the file with that CID, and returns them; there
// may be none. Errors: ErrBook.
func (b *Book) RemoveFile(id string) (names []string, err error) {
	err = b.change(func(pages pages) error {
		names = pages.names(id)
		for _, name := range names {
			delete(pages, name)
			if _, ok := pages.gateways(name); ok {
				delete(pages, name+hotkeysSuffix)
			}
		}
		return nil
	})
	return names, err
}

// List returns all remembered files by name.
func (b *Book) List() ([]Entry, error) {
	pages, err := b.read()
	if err != nil {
		return nil, err
	}
	var all []Entry
	for name := range pages {
		if id, ok := pages.cid(name); ok {
			gateways, _ := pages.gateways(name)
			all = append(all, Entry{Name: name, CID: id, Gateways: gateways})
		}
	}
	slices.SortFunc(all, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Find returns the remembered file with that CID, the first by name.
// Errors: ErrUnknownName, ErrBook.
func (b *Book) Find(id string) (Entry, error) {
	all, err := b.List()
	if err != nil {
		return Entry{}, err
	}
	if i := slices.IndexFunc(all, func(e Entry) bool { return e.CID == id }); i >= 0 {
		return all[i], nil
	}
	return Entry{}, fmt.Errorf("%w: %s", ErrUnknownName, id)
}

// Named returns what is remembered of the file with that CID under all its names,
// by name; there may be none. Errors: ErrBook.
func (b *Book) Named(id string) ([]Entry, error) {
	all, err := b.List()
	return slices.DeleteFunc(all, func(e Entry) bool { return e.CID != id }), err
}

// change rewrites the book under its lock.
func (b *Book) change(edit func(pages) error) error {
	if err := os.MkdirAll(filepath.Dir(b.path), 0o700); err != nil {
		return fmt.Errorf("%w: %w", ErrBook, err)
	}
	unlock, err := lock(b.path)
	if err != nil {
		return err
	}
	defer unlock()
	pages, err := b.read()
	if err != nil {
		return err
	}
	if err := edit(pages); err != nil {
		return err
	}
	text, err := json.MarshalIndent(pages, "", "    ")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBook, err)
	}
	if err := durable.WriteFile(b.path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("%w: %w", ErrBook, err)
	}
	return nil
}

func (b *Book) read() (pages, error) {
	info, err := os.Stat(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return pages{}, nil
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBook, err)
	}
	if info.Size() > maxBook {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrBook, b.path, info.Size())
	}
	text, err := os.ReadFile(b.path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBook, err)
	}
	return parsePages(text)
}

// pages are the members of a book's JSON object, as they stand in it.
type pages map[string]json.RawMessage

func parsePages(text []byte) (pages, error) {
	p := pages{}
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("%w: not a JSON object: %w", ErrBook, err)
	}
	if p == nil {
		return nil, fmt.Errorf("%w: null is not a JSON object", ErrBook)
	}
	return p, nil
}

// cid is the text under a name; a list under it belongs to another name.
func (p pages) cid(name string) (string, bool) {
	var id string
	raw, ok := p[name]
	if !ok || len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &id) != nil {
		return "", false
	}
	return id, true
}

// names are those of a CID, in order.
func (p pages) names(id string) (names []string) {
	for name := range p {
		if is, ok := p.cid(name); ok && is == id {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (p pages) gateways(name string) ([]wallet.Address, bool) {
	var list []wallet.Address
	raw, ok := p[name+hotkeysSuffix]
	if !ok || len(raw) == 0 || raw[0] != '[' || json.Unmarshal(raw, &list) != nil {
		return nil, false
	}
	return list, true
}

// free says why a name cannot be used: "a" and "a_hotkeys" share a member of
// the object, and what is not understood is not overwritten.
func (p pages) free(name string) error {
	if _, ok := p[name]; ok {
		if _, mine := p.cid(name); !mine {
			return fmt.Errorf("%w: %q holds something else in this list; store the file under another name", ErrNameTaken, name)
		}
	}
	if _, ok := p[name+hotkeysSuffix]; ok {
		if _, mine := p.gateways(name); !mine {
			return fmt.Errorf("%w: %q is needed beside %q; store the file under another name", ErrNameTaken, name+hotkeysSuffix, name)
		}
	}
	return nil
}

func (p pages) set(e Entry) error {
	id, err := json.Marshal(e.CID)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBook, err)
	}
	gateways := e.Gateways
	if gateways == nil {
		gateways = []wallet.Address{}
	}
	list, err := json.Marshal(gateways)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBook, err)
	}
	p[e.Name], p[e.Name+hotkeysSuffix] = id, list
	return nil
}
