package main

import (
	"strings"

	"github.com/filetao/filetao/wallet"
	"github.com/spf13/cobra"
)

// The two keys of a wallet, as arguments of commands.
const (
	coldkeyWord = "coldkey"
	hotkeyWord  = "hotkey"
)

func (c *cli) walletCommand() *cobra.Command {
	cmd := group("wallet", "Make, show and use keys",
		c.walletCreateCommand(),
		c.walletRegenCommand(),
		c.walletListCommand(),
		c.walletShowCommand(),
		c.walletSignCommand(),
		c.walletVerifyCommand(),
	)
	cmd.Long = `Make, show and use keys.

A wallet is a coldkey, which owns funds and opens files, and hotkeys, which sign
for nodes and requests. They are kept as bittensor keeps them, in
<wallet.path>/<wallet.name>/: its wallets work here and the other way round.

The password of an encrypted coldkey comes from --password-file, from the
environment (BT_PW_…, BT_COLD_PW_<WALLET NAME>), or is asked for at a terminal.`
	return cmd
}

// envName is a wallet's name as in its BT_COLD_PW_ variable.
func envName(name string) string {
	return strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// keyWords checks an optional argument "coldkey" or "hotkey".
func keyWords(_ *cobra.Command, args []string) error {
	if len(args) > 1 || len(args) == 1 && args[0] != coldkeyWord && args[0] != hotkeyWord {
		return usagef("%q: the argument is %s or %s", strings.Join(args, " "), coldkeyWord, hotkeyWord)
	}
	return nil
}

// wants says whether a command with an optional key word is about key.
func wants(args []string, key string) bool { return len(args) == 0 || args[0] == key }

// key reads the secret of the coldkey or the hotkey.
func (c *cli) key(word string) (*wallet.Keypair, error) {
	if word == coldkeyWord {
		return c.coldkey()
	}
	return c.hotkey()
}
