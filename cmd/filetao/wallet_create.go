package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/filetao/filetao/wallet"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// keyWriting are the flags of commands that write keys.
type keyWriting struct{ noPassword, overwrite, showSecret bool }

func (k *keyWriting) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&k.noPassword, "no-password", false, "write the coldkey unencrypted: for development only")
	f.BoolVar(&k.overwrite, "overwrite", false, "replace keys that exist: without their mnemonics they are lost")
	f.BoolVar(&k.showSecret, "show-secret", false, "print the mnemonic, seed and private key")
}

func (c *cli) walletCreateCommand() *cobra.Command {
	var writing keyWriting
	words := wallet.DefaultWords
	cmd := &cobra.Command{
		Use: "create [coldkey | hotkey]", Short: "Make new keys: a coldkey and a hotkey, or one of them",
		Long: `Make new keys: a coldkey and a hotkey, or one of them.

The coldkey is encrypted with a password. Keep its mnemonic in a safe place off
this machine: print it with --show-secret, here or in "filetao wallet show".`,
		Example: `  filetao wallet create
  filetao wallet create --wallet.name miner1 --password-file pw.txt --show-secret
  filetao wallet create hotkey --wallet.hotkey second`,
		Args: keyWords, ValidArgs: []string{coldkeyWord, hotkeyWord},
		RunE: func(_ *cobra.Command, args []string) error {
			var opt wallet.CreateOptions
			var err error
			if wants(args, coldkeyWord) {
				if opt.Coldkey, err = wallet.Generate(rand.Reader, words); err != nil {
					return usagef("--words: %v", err)
				}
			}
			if wants(args, hotkeyWord) {
				if opt.Hotkey, err = wallet.Generate(rand.Reader, words); err != nil {
					return usagef("--words: %v", err)
				}
			}
			return c.writeKeys(opt, writing)
		},
	}
	cmd.Flags().IntVar(&words, "words", words, "length of a mnemonic: 12, 15, 18, 21 or 24")
	writing.flags(cmd)
	return cmd
}

// writeKeys creates what opt holds at the wallet the flags name, and prints it.
func (c *cli) writeKeys(opt wallet.CreateOptions, writing keyWriting) error {
	files, err := c.wallet.Files()
	if err != nil {
		return err
	}
	opt.Overwrite, opt.Rand = writing.overwrite, rand.Reader
	if !writing.noPassword {
		opt.Password = c.newPassword(files.Coldkey)
	}
	if _, err := wallet.Create(c.wallet, opt); err != nil {
		return err
	}
	shown, err := c.shown(cmp.Or(addressOf(opt.Coldkey), opt.ColdkeyAddress), addressOf(opt.Hotkey))
	if err != nil {
		return err
	}
	if writing.showSecret {
		shown.Secrets = secretsOf(opt.Coldkey, opt.Hotkey)
	}
	if err := c.print(shown, func() { c.printWallet(shown) }); err != nil {
		return err
	}
	if f, ok := c.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) && opt.Coldkey != nil && !writing.showSecret {
		fmt.Fprintf(c.err, "\nWhoever loses the coldkey loses what it owns. To write its mnemonic down:\n  %s\n",
			ownName()+" wallet show coldkey --show-secret --wallet.name "+shellWord(c.wallet.Name))
	}
	return nil
}

func (c *cli) walletRegenCommand() *cobra.Command {
	var writing keyWriting
	var from secretFlags
	const coldkeypub = "coldkeypub"
	cmd := &cobra.Command{
		Use: "regen coldkey | hotkey | coldkeypub", Short: "Bring a key back from its mnemonic, seed or URI",
		Long: `Bring a key back from its mnemonic, seed or URI. Without a flag it is asked for.

Other users of this machine can see the flags of running commands: prefer the
prompt or --secret-file. "coldkeypub" writes the public half alone, from
--address, for a machine that must not have the secret.`,
		Example: `  filetao wallet regen coldkey
  filetao wallet regen hotkey --secret-file mnemonic.txt
  filetao wallet regen coldkeypub --address 5Grw…`,
		Args: cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs), ValidArgs: []string{coldkeyWord, hotkeyWord, coldkeypub},
		RunE: func(_ *cobra.Command, args []string) error {
			var opt wallet.CreateOptions
			if args[0] == coldkeypub {
				a, err := wallet.ParseAddress(from.address)
				opt.ColdkeyAddress = a
				if err != nil {
					return fmt.Errorf("--address: %w", err)
				}
				return c.writeKeys(opt, writing)
			}
			if from.address != "" {
				return usagef("--address is for %s: an address does not give the secret back", coldkeypub)
			}
			k, err := c.secretKey(from)
			if err != nil {
				return err
			}
			if args[0] == coldkeyWord {
				opt.Coldkey = k
			} else {
				opt.Hotkey = k
			}
			return c.writeKeys(opt, writing)
		},
	}
	from.flags(cmd)
	writing.flags(cmd)
	return cmd
}

// secretFlags say where a secret comes from; at most one is given.
type secretFlags struct{ mnemonic, seed, uri, file, address string }

func (s *secretFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.file, "secret-file", "", "file with a mnemonic, seed or URI (- for standard input)")
	f.StringVar(&s.mnemonic, "mnemonic", "", "12 to 24 words")
	f.StringVar(&s.seed, "seed", "", "64 hex digits")
	f.StringVar(&s.uri, "uri", "", "mnemonic or seed with a derivation path and password: words//hard/soft///password; //Alice is a development key")
	f.StringVar(&s.address, "address", "", "SS58 address, for coldkeypub")
	cmd.MarkFlagsMutuallyExclusive("secret-file", "mnemonic", "seed", "uri", "address")
}

// secretKey reads a key from the flags, or from a secret typed at the terminal.
func (c *cli) secretKey(from secretFlags) (*wallet.Keypair, error) {
	text, err := from.mnemonic+from.uri, error(nil)
	switch {
	case from.seed != "":
		text = "0x" + strings.TrimPrefix(from.seed, "0x")
	case from.file != "":
		text, err = c.readSecretFile(from.file)
	case text == "":
		text, err = c.ask("Mnemonic, seed (0x…) or URI: ", true)
	}
	if errors.Is(err, errNoTerminal) {
		return nil, usagef("no secret is given and there is no terminal to ask for it: name a file that holds it with --secret-file")
	}
	if err != nil {
		return nil, err
	}
	if text = strings.TrimSpace(text); text == "" {
		return nil, usagef("the secret is empty")
	}
	return wallet.KeypairFromURI(text)
}
