package main

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/filetao/filetao/wallet"
	"github.com/spf13/cobra"
)

// shownWallet is a wallet as the commands print it.
type shownWallet struct {
	Name       string         `json:"name"`
	Path       string         `json:"path"`
	Coldkey    wallet.Address `json:"coldkey,omitempty"`
	HotkeyName string         `json:"hotkey_name,omitempty"`
	Hotkey     wallet.Address `json:"hotkey,omitempty"`
	Secrets    *shownSecrets  `json:"secrets,omitempty"`
}

type shownSecrets struct {
	Coldkey *shownSecret `json:"coldkey,omitempty"`
	Hotkey  *shownSecret `json:"hotkey,omitempty"`
}

type shownSecret struct {
	Mnemonic   string `json:"mnemonic,omitempty"`
	Seed       string `json:"seed,omitempty"`
	PrivateKey string `json:"private_key"`
}

// secretsOf describes one or both keys; a nil one is left out.
func secretsOf(coldkey, hotkey *wallet.Keypair) *shownSecrets {
	return &shownSecrets{secretOf(coldkey), secretOf(hotkey)}
}

func secretOf(k *wallet.Keypair) *shownSecret {
	if k == nil {
		return nil
	}
	s := &shownSecret{Mnemonic: k.Mnemonic(), PrivateKey: "0x" + k.PrivateKeyHex()}
	if seed, ok := k.Seed(); ok {
		s.Seed = "0x" + hex.EncodeToString(seed[:])
	}
	return s
}

func (c *cli) printWallet(w shownWallet) {
	rows := [][2]string{{"wallet", w.Name}, {"path", w.Path}}
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, [2]string{name, value})
		}
	}
	addSecret := func(key string, s *shownSecret) {
		if s != nil {
			add(key+" mnemonic", s.Mnemonic)
			add(key+" seed", s.Seed)
			add(key+" private key", s.PrivateKey)
		}
	}
	add(coldkeyWord, string(w.Coldkey))
	if w.Hotkey != "" {
		add(hotkeyWord, fmt.Sprintf("%s (%s)", w.Hotkey, w.HotkeyName))
	}
	if w.Secrets != nil {
		addSecret(coldkeyWord, w.Secrets.Coldkey)
		addSecret(hotkeyWord, w.Secrets.Hotkey)
	}
	c.pairs(rows)
}

func (c *cli) walletShowCommand() *cobra.Command {
	var showSecret, addressOnly bool
	cmd := &cobra.Command{
		Use: "show [coldkey | hotkey]", Short: "Print the addresses of a wallet",
		Example: `  filetao wallet show --wallet.name miner1
  filetao wallet show hotkey --address
  filetao wallet show coldkey --show-secret`,
		Args: keyWords, ValidArgs: []string{coldkeyWord, hotkeyWord},
		RunE: func(_ *cobra.Command, args []string) error {
			read := c.readAddresses
			if showSecret {
				read = c.readSecrets
			}
			shown, err := read(args)
			if err != nil {
				return err
			}
			if addressOnly {
				return c.printAddresses(shown)
			}
			return c.print(shown, func() { c.printWallet(shown) })
		},
	}
	cmd.Flags().BoolVar(&addressOnly, "address", false, "print nothing but the address, for scripts")
	cmd.Flags().BoolVar(&showSecret, "show-secret", false, "print the mnemonic, seed and private key as well")
	cmd.MarkFlagsMutuallyExclusive("address", "show-secret")
	return cmd
}

// printAddresses prints an address a line, the coldkey's first.
func (c *cli) printAddresses(w shownWallet) error {
	for _, a := range []wallet.Address{w.Coldkey, w.Hotkey} {
		if a != "" {
			fmt.Fprintln(c.out, a)
		}
	}
	return nil
}

// readAddresses describes the keys that args ask for. A password is needed only
// for an encrypted key whose public file is missing.
func (c *cli) readAddresses(args []string) (shownWallet, error) {
	w := wallet.At(c.wallet)
	coldkey, hotkey, err := eitherKey(args,
		func() (wallet.Address, error) { return addressOr(w.ColdkeyAddress, c.coldkey) },
		func() (wallet.Address, error) { return addressOr(w.HotkeyAddress, c.hotkey) })
	if err != nil {
		return shownWallet{}, err
	}
	return c.shown(coldkey, hotkey)
}

func addressOr(public func() (wallet.Address, error), secret func() (*wallet.Keypair, error)) (wallet.Address, error) {
	a, err := public()
	if errors.Is(err, wallet.ErrEncrypted) {
		k, err := secret()
		if err != nil {
			return "", err
		}
		return k.Address(), nil
	}
	return a, err
}

// readSecrets is readAddresses with the secrets.
func (c *cli) readSecrets(args []string) (shownWallet, error) {
	coldkey, hotkey, err := eitherKey(args, c.coldkey, c.hotkey)
	if err != nil {
		return shownWallet{}, err
	}
	shown, err := c.shown(addressOf(coldkey), addressOf(hotkey))
	shown.Secrets = secretsOf(coldkey, hotkey)
	return shown, err
}

func addressOf(k *wallet.Keypair) wallet.Address {
	if k == nil {
		return ""
	}
	return k.Address()
}

// eitherKey reads the keys that args ask for; one of two may be missing.
func eitherKey[K any](args []string, readCold, readHot func() (K, error)) (cold, hot K, err error) {
	missing := 0
	var firstMissing error
	for _, key := range []struct {
		word string
		into *K
		read func() (K, error)
	}{{coldkeyWord, &cold, readCold}, {hotkeyWord, &hot, readHot}} {
		if !wants(args, key.word) {
			missing++
			continue
		}
		if *key.into, err = key.read(); errors.Is(err, wallet.ErrNotFound) {
			missing++
			firstMissing = cmp.Or(firstMissing, err)
		} else if err != nil {
			return cold, hot, err
		}
	}
	if missing == 2 {
		return cold, hot, firstMissing
	}
	return cold, hot, nil
}

// shown describes the wallet that the flags name; an empty address is a key that
// is not there.
func (c *cli) shown(coldkey, hotkey wallet.Address) (shownWallet, error) {
	files, err := c.wallet.Files()
	w := shownWallet{Name: c.wallet.Name, Path: files.Dir, Coldkey: coldkey, Hotkey: hotkey}
	if hotkey != "" {
		w.HotkeyName = c.wallet.Hotkey
	}
	return w, err
}

// listedKey is a key as `wallet list --json` prints it.
type listedKey struct {
	Name    string         `json:"name,omitempty"`
	Address wallet.Address `json:"address,omitempty"`
	Secret  string         `json:"secret"` // encrypted, plain or none
	Error   string         `json:"error,omitempty"`
}

type listedWallet struct {
	Name    string      `json:"name"`
	Coldkey listedKey   `json:"coldkey"`
	Hotkeys []listedKey `json:"hotkeys"`
}

func listed(k wallet.KeyEntry) listedKey {
	l := listedKey{Name: k.Name, Address: k.Address, Secret: "plain"}
	switch {
	case !k.Secret:
		l.Secret = "none"
	case k.Encrypted:
		l.Secret = "encrypted"
	}
	if k.Err != nil && !errors.Is(k.Err, wallet.ErrNotFound) {
		l.Error = k.Err.Error()
	}
	return l
}

func (k listedKey) text() string {
	if k.Address == "" && k.Error != "" {
		return "unreadable"
	}
	return string(k.Address)
}

func (c *cli) walletListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the wallets and their hotkeys", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			entries, err := wallet.List(c.wallet.Path)
			if err != nil && !errors.Is(err, wallet.ErrNotFound) {
				return err
			}
			all := []listedWallet{}
			for _, e := range entries {
				w := listedWallet{e.Name, listed(e.Coldkey), []listedKey{}}
				for _, h := range e.Hotkeys {
					w.Hotkeys = append(w.Hotkeys, listed(h))
				}
				all = append(all, w)
			}
			return c.print(all, func() { c.printWallets(all) })
		},
	}
}

// printWallets has one row a hotkey; what is wrong with a key goes to stderr.
func (c *cli) printWallets(all []listedWallet) {
	if len(all) == 0 {
		fmt.Fprintf(c.err, "There are no wallets in %s; `filetao wallet create` makes one.\n", c.wallet.Path)
		return
	}
	var rows [][]string
	for _, w := range all {
		row := []string{w.Name, w.Coldkey.text(), w.Coldkey.Secret}
		for _, h := range w.Hotkeys {
			rows = append(rows, append(row, h.Name, h.text()))
			row = []string{"", "", ""}
		}
		if len(w.Hotkeys) == 0 {
			rows = append(rows, row)
		}
	}
	c.table([]string{"WALLET", "COLDKEY", "SECRET", "HOTKEY", "ADDRESS"}, rows)
	for _, w := range all {
		for _, k := range append([]listedKey{w.Coldkey}, w.Hotkeys...) {
			if k.Error != "" {
				fmt.Fprintf(c.err, "%s: %s\n", w.Name, k.Error)
			}
		}
	}
}
