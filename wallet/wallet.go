package wallet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrName says that a wallet's or hotkey's name cannot be a file name.
var ErrName = errors.New("unusable wallet name")

const (
	defaultName   = "default"
	hotkeysFolder = "hotkeys"
	publicSuffix  = "pub.txt"
)

// PasswordFunc asks for a password; prompt says which file it is for. Its error
// is handed through.
type PasswordFunc func(prompt string) (string, error)

// DefaultPath is where bittensor keeps wallets. A leading ~ is the user's home.
func DefaultPath() string { return "~/.bittensor/wallets" }

// Location names one coldkey and one of its hotkeys. Empty fields have
// bittensor's defaults: DefaultPath, "default", "default".
type Location struct {
	Path   string // folder of all wallets
	Name   string // of the wallet, a folder
	Hotkey string // of the hotkey, a file
}

// Files are the paths of a wallet. Not all of them need exist.
type Files struct {
	Dir        string // of the wallet
	Coldkey    string // usually encrypted
	Coldkeypub string // public part of the coldkey
	Hotkey     string // usually plain
	Hotkeypub  string // public part of the hotkey; btwallet 4 and later
}

// Files names the files at l. It fails with ErrName, or if the home folder is
// needed and not known.
func (l Location) Files() (Files, error) {
	name, hotkey := orDefault(l.Name), orDefault(l.Hotkey)
	for _, s := range []string{name, hotkey} {
		if s != filepath.Base(s) || s == "." || s == ".." || strings.ContainsAny(s, "/\\\x00") {
			return Files{}, fmt.Errorf("%w: %q", ErrName, s)
		}
	}
	path, err := expandHome(l.Path)
	if err != nil {
		return Files{}, err
	}
	dir := filepath.Join(path, name)
	hot := filepath.Join(dir, hotkeysFolder, hotkey)
	return Files{dir, filepath.Join(dir, "coldkey"), filepath.Join(dir, "coldkey"+publicSuffix), hot, hot + publicSuffix}, nil
}

func orDefault(name string) string {
	if name == "" {
		return defaultName
	}
	return name
}

func expandHome(path string) (string, error) {
	if path == "" {
		path = DefaultPath()
	}
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && rest[0] != '/' && rest[0] != filepath.Separator {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("wallet path %s: %w", path, err)
	}
	return filepath.Join(home, rest), nil
}

// Wallet reads the keys at one Location. Every call reads the file anew; it
// holds no secrets and is safe for concurrent use.
type Wallet struct{ loc Location }

// At is the wallet at loc, which need not exist yet.
func At(loc Location) *Wallet { return &Wallet{loc} }

// Files names the wallet's files; see Location.Files.
func (w *Wallet) Files() (Files, error) { return w.loc.Files() }

// Hotkey reads the hotkey's secret, which must not be encrypted (ErrEncrypted; see
// UnlockHotkey). Other errors: ErrNotFound, ErrPublicOnly, ErrKeyfile.
func (w *Wallet) Hotkey() (*Keypair, error) { return w.UnlockHotkey(nil) }

// UnlockHotkey is Hotkey for a file that may be encrypted; password is called
// only if it is. Another error is ErrPassword.
func (w *Wallet) UnlockHotkey(password PasswordFunc) (*Keypair, error) {
	files, err := w.Files()
	if err != nil {
		return nil, err
	}
	return secret(files.Hotkey, password)
}

// Coldkey reads the coldkey's secret. Opening an encrypted one takes seconds and,
// in the usual form, 512 MiB; password is called only then. Errors:
// ErrNotFound, ErrPassword, ErrEncrypted (password is nil), ErrPublicOnly,
// ErrKeyfile.
func (w *Wallet) Coldkey(password PasswordFunc) (*Keypair, error) {
	files, err := w.Files()
	if err != nil {
		return nil, err
	}
	return secret(files.Coldkey, password)
}

func secret(path string, password PasswordFunc) (*Keypair, error) {
	c, err := load(path, password)
	if err != nil {
		return nil, err
	}
	k, err := c.keypair()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// ColdkeyAddress reads coldkeypub.txt or, if there is none, a plain coldkey. It
// asks no password. Errors: ErrNotFound, ErrEncrypted, ErrKeyfile.
func (w *Wallet) ColdkeyAddress() (Address, error) {
	files, err := w.Files()
	if err != nil {
		return "", err
	}
	return publicOf(files.Coldkeypub, files.Coldkey)
}

// HotkeyAddress reads a plain hotkey or, if it is missing or encrypted, the
// public file beside it. It asks no password. Errors: ErrNotFound,
// ErrEncrypted, ErrKeyfile.
func (w *Wallet) HotkeyAddress() (Address, error) {
	files, err := w.Files()
	if err != nil {
		return "", err
	}
	return publicOf(files.Hotkey, files.Hotkeypub)
}

// publicOf is the address in the first of two files that gives one. If the
// second does not exist the first one's error is the answer, and the other way
// round.
func publicOf(first, second string) (Address, error) {
	c, err := load(first, nil)
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrEncrypted) {
		other, otherErr := load(second, nil)
		if otherErr == nil || !errors.Is(otherErr, ErrNotFound) {
			return other.address, otherErr
		}
	}
	return c.address, err
}
