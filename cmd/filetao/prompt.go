package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/filetao/filetao/wallet"
	"golang.org/x/term"
)

// errNoTerminal says that a question cannot be asked: standard input is no
// terminal.
var errNoTerminal = errors.New("standard input is not a terminal")

const (
	minPassword   = 8        // characters of a new password
	maxSecretFile = 16 << 10 // bytes of a password or secret file
)

// ask puts a question on the terminal and returns the line typed. Secret answers
// are not shown. It fails with errNoTerminal, or errInterrupted on Ctrl-C and
// Ctrl-D.
func (c *cli) ask(question string, secret bool) (string, error) {
	f, ok := c.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", errNoTerminal
	}
	if c.tty == nil {
		c.tty = newTerminal(f, c.err)
	}
	// In raw mode Ctrl-C arrives here as a key instead of a signal that would find
	// the terminal without echo.
	state, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return "", fmt.Errorf("prompt: %w", err)
	}
	var line string
	if secret {
		line, err = c.tty.ReadPassword(question)
	} else {
		c.tty.SetPrompt(question)
		line, err = c.tty.ReadLine()
	}
	err = errors.Join(err, term.Restore(int(f.Fd()), state))
	if errors.Is(err, io.EOF) {
		c.tty = nil // it would meet the same key again
		fmt.Fprintln(c.err)
		return "", errInterrupted
	}
	return line, err
}

func newTerminal(in *os.File, out io.Writer) *term.Terminal {
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, out}, "")
	width, height, err := term.GetSize(int(in.Fd()))
	if err != nil || width <= 0 {
		width, height = 1<<10, 1 // unknown: do not wrap
	}
	_ = t.SetSize(width, height) // fails only in redrawing, and nothing is drawn yet
	return t
}

// readSecretFile reads a small file, standard input for "-", without the line
// end.
func (c *cli) readSecretFile(path string) (string, error) {
	in := c.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxSecretFile+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > maxSecretFile {
		return "", usagef("%s is longer than %d bytes: it holds no password or mnemonic", path, maxSecretFile)
	}
	return string(bytes.TrimRight(data, "\r\n")), nil
}

// givenPassword is the password of a key file from --password-file or the
// environment, and where it came from; source is empty if there is none.
func (c *cli) givenPassword(keyfile string) (password, source string, err error) {
	if c.passwordFile != "" {
		password, err = c.readSecretFile(c.passwordFile)
		return password, c.passwordFile, err
	}
	return wallet.PasswordFromEnv(c.environ, c.wallet.Name, keyfile)
}

func missingPassword(name string) error {
	return usagef("a password is needed and there is no terminal to ask for it: put it in a file and name that with --password-file, or set BT_COLD_PW_%s", envName(name))
}

// unlock reads a key with read, which is Coldkey or UnlockHotkey of a wallet; the
// password, if it needs one, comes from --password-file, the environment or the
// terminal, in this order.
func (c *cli) unlock(keyfile string, read func(wallet.PasswordFunc) (*wallet.Keypair, error)) (*wallet.Keypair, error) {
	from := ""
	var bar *progressBar
	k, err := read(func(question string) (_ string, err error) {
		defer func() {
			if err == nil {
				bar = c.progress("opening the key file") // seconds, for a strong cipher
			}
		}()
		password, source, err := c.givenPassword(keyfile)
		if source != "" || err != nil {
			from = source
			return password, err
		}
		password, err = c.ask(question, true)
		switch {
		case errors.Is(err, errNoTerminal):
			err = missingPassword(c.wallet.Name)
		case err == nil && password == "":
			err = usagef("no password was typed")
		}
		return password, err
	})
	if bar != nil {
		bar.done()
	}
	if errors.Is(err, wallet.ErrPassword) && from != "" {
		err = fmt.Errorf("%w (it came from %s)", err, from)
	}
	return k, err
}

// coldkey reads the coldkey that the flags name.
func (c *cli) coldkey() (*wallet.Keypair, error) {
	files, err := c.wallet.Files()
	if err != nil {
		return nil, err
	}
	return c.unlock(files.Coldkey, wallet.At(c.wallet).Coldkey)
}

// hotkey reads the hotkey that the flags name.
func (c *cli) hotkey() (*wallet.Keypair, error) {
	files, err := c.wallet.Files()
	if err != nil {
		return nil, err
	}
	return c.unlock(files.Hotkey, wallet.At(c.wallet).UnlockHotkey)
}

// newPassword gives the password for a coldkey that is about to be written; a
// person types it twice.
func (c *cli) newPassword(keyfile string) wallet.PasswordFunc {
	return func(question string) (string, error) {
		password, source, err := c.givenPassword(keyfile)
		if err == nil && source == "" {
			password, err = c.askTwice(question)
		}
		if err != nil {
			return "", err
		}
		return password, longEnough(password)
	}
}

func longEnough(password string) error {
	if n := utf8.RuneCountInString(password); n < minPassword {
		return usagef("the password has %d characters, it needs at least %d", n, minPassword)
	}
	return nil
}

func (c *cli) askTwice(question string) (string, error) {
	password, err := c.ask(question, true)
	if errors.Is(err, errNoTerminal) {
		return "", usagef("%v, or write the key unencrypted with --no-password", missingPassword(c.wallet.Name))
	}
	if err != nil {
		return "", err
	}
	if err := longEnough(password); err != nil {
		return "", err
	}
	again, err := c.ask("The same again: ", true)
	if err != nil {
		return "", err
	}
	if password != again {
		return "", usagef("the two passwords differ; nothing was written")
	}
	return password, nil
}
