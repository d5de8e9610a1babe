package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/filetao/filetao/wallet"
)

// settleWallet settles which wallet and hotkey a command works with. Those that
// no flag or variable names, and that are not there under the default name, are
// asked for at a terminal; in a script that is an error.
func (c *cli) settleWallet() error {
	entries, err := wallet.List(c.wallet.Path)
	if err != nil && !errors.Is(err, wallet.ErrNotFound) {
		return err
	}
	wallets := map[string][]string{} // their hotkeys
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
		for _, h := range e.Hotkeys {
			wallets[e.Name] = append(wallets[e.Name], h.Name)
		}
	}
	if err := c.choose("wallet", "--wallet.name", &c.wallet.Name, c.named.wallet, names); err != nil {
		return err
	}
	if hotkeys := wallets[c.wallet.Name]; len(hotkeys) > 0 {
		return c.choose("hotkey", "--wallet.hotkey", &c.wallet.Hotkey, c.named.hotkey, hotkeys)
	}
	return nil // whoever reads it says what is missing
}

// choose asks which of the names it is to be, unless name is given or is one.
func (c *cli) choose(what, flag string, name *string, given bool, names []string) error {
	if given || slices.Contains(names, *name) {
		return nil
	}
	if len(names) == 0 {
		return usagef("%s is missing, and there is no %s in %s yet; `filetao wallet create` makes one", flag, what, c.wallet.Path)
	}
	list := strings.Join(names, ", ")
	answer, err := c.ask(fmt.Sprintf("Which %s? (%s) ", what, list), false)
	if errors.Is(err, errNoTerminal) {
		return usagef("%s is missing: which %s? There is no %q, but %s", flag, what, *name, list)
	}
	if err != nil {
		return err
	}
	if answer = strings.TrimSpace(answer); answer == "" && len(names) == 1 {
		answer = names[0]
	}
	if !slices.Contains(names, answer) {
		return usagef("there is no %s %q; there is %s", what, answer, list)
	}
	*name = answer
	return nil
}
