package wallet

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/filetao/filetao/internal/durable"
)

// ErrExists says that a key is there already and was not to be replaced.
var ErrExists = errors.New("key exists already")

// CreateOptions say which keys Create writes.
type CreateOptions struct {
	Coldkey        *Keypair     // nil: none is written
	ColdkeyAddress Address      // written as coldkeypub.txt alone if Coldkey is nil: the secret is kept elsewhere
	Password       PasswordFunc // asked once; encrypts the coldkey ($NACL; seconds, 512 MiB); nil: written plain
	Hotkey         *Keypair     // nil: none is written; always plain
	Overwrite      bool         // replace what exists: whoever has no copy of the old key loses it
	Rand           io.Reader    // for the encryption
}

// Create writes key files at loc, with mode 0600 in folders of 0700, each
// durable before the next; nothing is written if a key exists and Overwrite is
// not set (ErrExists), which is found out before the password is asked. A coldkeypub.txt of the very same key is no obstacle.
func Create(loc Location, opt CreateOptions) (*Wallet, error) {
	files, err := loc.Files()
	if err != nil {
		return nil, err
	}
	if !opt.Overwrite {
		if err := refuseExisting(files, opt); err != nil {
			return nil, err
		}
	}
	todo, err := keyFilesToWrite(files, opt)
	if err != nil {
		return nil, err
	}
	for _, f := range todo {
		if err := makeFolder(filepath.Dir(f.path)); err != nil {
			return nil, err
		}
		if err := durable.WriteFile(f.path, f.data, 0o600); err != nil {
			return nil, err
		}
	}
	return At(loc), nil
}

type fileToWrite struct {
	path string
	data []byte
}

// keyFilesToWrite prepares everything before the first byte is written. Secrets
// come before their public halves: a crash between loses what can be had again.
func keyFilesToWrite(files Files, opt CreateOptions) (todo []fileToWrite, err error) {
	add := func(path string, data []byte, e error) {
		todo, err = append(todo, fileToWrite{path, data}), errors.Join(err, e)
	}
	addPublic := func(path string, a Address) {
		data, err := marshalAddress(a)
		add(path, data, err)
	}
	switch {
	case opt.Coldkey != nil:
		data, err := marshalKeypair(opt.Coldkey)
		if err == nil && opt.Password != nil {
			data, err = encryptAsking(data, files.Coldkey, opt)
		}
		add(files.Coldkey, data, err)
		addPublic(files.Coldkeypub, opt.Coldkey.Address())
	case opt.ColdkeyAddress != "":
		addPublic(files.Coldkeypub, opt.ColdkeyAddress)
	}
	if opt.Hotkey != nil {
		data, err := marshalKeypair(opt.Hotkey)
		add(files.Hotkey, data, err)
		addPublic(files.Hotkeypub, opt.Hotkey.Address())
	}
	return todo, err
}

func encryptAsking(data []byte, path string, opt CreateOptions) ([]byte, error) {
	password, err := opt.Password("New password for " + path + ": ")
	if err != nil {
		return nil, err
	}
	if password == "" {
		return nil, fmt.Errorf("%w: it is empty", ErrPassword)
	}
	return encrypt(opt.Rand, data, password)
}

func refuseExisting(files Files, opt CreateOptions) error {
	coldkey := opt.ColdkeyAddress
	if opt.Coldkey != nil {
		coldkey = opt.Coldkey.Address()
		if err := refuseFile(files.Coldkey, ""); err != nil {
			return err
		}
	}
	if opt.Hotkey != nil {
		if err := refuseFile(files.Hotkey, ""); err != nil {
			return err
		}
		if err := refuseFile(files.Hotkeypub, opt.Hotkey.Address()); err != nil {
			return err
		}
	}
	if coldkey == "" {
		return nil
	}
	return refuseFile(files.Coldkeypub, coldkey)
}

// refuseFile fails if path exists, unless it is the public file of same.
func refuseFile(path string, same Address) error {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create key: %w", err)
	}
	if c, err := load(path, nil); err == nil && same != "" && c.pair == nil && c.address == same {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrExists, path)
}

// makeFolder makes dir and its parents, each on disk before the next.
func makeFolder(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeFolder(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create wallet folder: %w", err)
	}
	return durable.SyncDir(parent)
}
