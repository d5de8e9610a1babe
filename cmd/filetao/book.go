package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// bookDir is the folder of the lists of remembered files.
func (c *cli) bookDir(flag string) (string, error) {
	switch {
	case flag != "":
		return expandHome(flag), nil
	case c.net != nil:
		return c.net.Hashes, nil
	}
	return client.DefaultBookDir()
}

// book opens the list of the wallet's remembered files.
func (c *cli) book(u *userFlags) (*client.Book, error) {
	dir, err := c.bookDir(u.bookDir)
	if err != nil {
		return nil, err
	}
	return client.OpenBook(dir, c.wallet.Name)
}

// find turns what the user typed, the name of a remembered file or a CID, into
// the file.
func find(entries []client.Entry, text string) (client.Entry, error) {
	if i := slices.IndexFunc(entries, func(e client.Entry) bool { return e.Name == text }); i >= 0 {
		return entries[i], nil
	}
	if i := slices.IndexFunc(entries, func(e client.Entry) bool { return e.CID == text }); i >= 0 {
		return entries[i], nil
	}
	if cid.Parse(text) != nil {
		return client.Entry{}, fmt.Errorf("%w: %q, which is no CID either", client.ErrUnknownName, text)
	}
	return client.Entry{Name: text, CID: text}, nil
}

// askCID asks for the file to work on if neither a flag nor an argument names it.
func (c *cli) askCID(text *string) (err error) {
	if *text == "" {
		*text, err = c.ask("CID of the file, or its remembered name: ", false)
	}
	if *text = strings.TrimSpace(*text); errors.Is(err, errNoTerminal) || err == nil && *text == "" {
		return usagef("--cid is missing: which file? `filetao retrieve list` shows the remembered ones")
	}
	return err
}

// listFlags are the flags of `retrieve list`.
type listFlags struct {
	userFlags
	remote, local bool
}

func (c *cli) retrieveListCommand() *cobra.Command {
	var l listFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the remembered files, or those that gateways have", Args: noArgs,
		Long: `List the remembered files: of all wallets, or of the one that --wallet.name names.
Gateways are asked how large they are and when they end: "not listed" is what no
gateway that answers has in its list, since it has ended or was deleted, or was
stored in the Python client's format, which gateways do not list.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if l.remote {
				return c.listRemote(cmd.Context(), &l.userFlags)
			}
			rows, err := c.bookRows(&l.userFlags)
			if err != nil {
				return err
			}
			if !l.local {
				if err := c.lookUp(cmd.Context(), &l.userFlags, rows); err != nil {
					return err
				}
			}
			return c.print(rows, func() { c.printBook(rows) })
		},
	}
	cmd.Flags().BoolVar(&l.remote, "remote", false, "list what gateways have instead")
	cmd.Flags().BoolVar(&l.local, "local", false, "ask nobody: names and CIDs alone")
	cmd.MarkFlagsMutuallyExclusive("remote", "local")
	l.add(cmd, 0)
	return cmd
}

// remoteRow is one file that gateways have. Times are Unix seconds; a file that
// expires at 0 never does.
type remoteRow struct {
	CID     string           `json:"cid"`
	Name    string           `json:"name"`
	Bytes   int64            `json:"bytes"`
	Stored  int64            `json:"stored"`
	Expires int64            `json:"expires"`
	Hotkeys []wallet.Address `json:"hotkeys"`
}

func (c *cli) listRemote(ctx context.Context, u *userFlags) error {
	if err := c.settleWallet(); err != nil {
		return err
	}
	ask := client.AskOptions{Timeout: u.limit()}
	var err error
	if ask.Gateways, ask.UIDs, err = u.gateways(); err != nil {
		return err
	}
	book, err := c.book(u)
	if err != nil {
		return err
	}
	entries, err := book.List()
	if err != nil {
		return err
	}
	var list []client.Listed
	if err := c.asUser(ctx, u, func(user *node.User) (err error) {
		list, err = user.List(ctx, ask)
		return err
	}); err != nil {
		return err
	}
	rows := []remoteRow{}
	for _, l := range list {
		row := remoteRow{CID: l.CID, Bytes: l.Size, Stored: l.Stored.Unix(), Hotkeys: l.Gateways}
		if !l.Expires.IsZero() {
			row.Expires = l.Expires.Unix()
		}
		if i := slices.IndexFunc(entries, func(e client.Entry) bool { return e.CID == l.CID }); i >= 0 {
			row.Name = entries[i].Name
		}
		rows = append(rows, row)
	}
	return c.print(rows, func() { c.printRemote(rows) })
}

func (c *cli) printRemote(rows []remoteRow) {
	if len(rows) == 0 {
		fmt.Fprintln(c.out, "The gateways have no files of this hotkey.")
		return
	}
	var table [][]string
	for _, r := range rows {
		table = append(table, []string{r.Name, r.CID, size(r.Bytes), expiry(r.Expires)})
	}
	c.table([]string{"NAME", "CID", ">SIZE", "EXPIRES"}, table)
}

// bookRow is one remembered file. Bytes are as they are stored, Expires is in Unix
// seconds and 0 for never; both are unknown where State is.
type bookRow struct {
	Wallet  string   `json:"wallet"`
	Name    string   `json:"name"`
	CID     string   `json:"cid"`
	Hotkeys []string `json:"hotkeys"`
	State   string   `json:"state,omitempty"` // stored or not listed; "" is not known
	Bytes   int64    `json:"bytes,omitempty"`
	Expires int64    `json:"expires,omitempty"`
}

const (
	fileStored = "stored"
	fileGone   = "not listed"
)

func (c *cli) bookRows(u *userFlags) ([]bookRow, error) {
	dir, err := c.bookDir(u.bookDir)
	if err != nil {
		return nil, err
	}
	wallets := []string{c.wallet.Name}
	if !c.named.wallet {
		if wallets, err = booksIn(dir); err != nil {
			return nil, err
		}
	}
	rows := []bookRow{} // an empty list is [] in JSON
	for _, name := range wallets {
		book, err := client.OpenBook(dir, name)
		if err != nil {
			return nil, err
		}
		entries, err := book.List()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", book.Path(), err)
		}
		for _, e := range entries {
			row := bookRow{Wallet: name, Name: e.Name, CID: e.CID, Hotkeys: []string{}}
			for _, g := range e.Gateways {
				row.Hotkeys = append(row.Hotkeys, string(g))
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// booksIn are the wallets that have a list of remembered files in a folder.
func booksIn(dir string) (wallets []string, err error) {
	files, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".json"); ok && name != "" && !strings.HasPrefix(name, ".") && f.Type().IsRegular() {
			wallets = append(wallets, name)
		}
	}
	return wallets, nil
}

func (c *cli) printBook(rows []bookRow) {
	if len(rows) == 0 {
		fmt.Fprintln(c.out, "No files are remembered; `filetao store put` stores one.")
		return
	}
	var table [][]string
	for _, r := range rows {
		bytes, expires := "?", "?"
		switch r.State {
		case fileStored:
			bytes, expires = size(r.Bytes), expiry(r.Expires)
		case fileGone:
			bytes, expires = "", fileGone
		}
		table = append(table, []string{r.Wallet, r.Name, bytes, expires, r.CID, strings.Join(r.Hotkeys, " ")})
	}
	c.table([]string{"WALLET", "NAME", ">SIZE", "EXPIRES", "CID", "GATEWAYS"}, table)
}

// expiry shows when a file ends.
func expiry(unix int64) string {
	if unix == 0 {
		return "never"
	}
	return time.Unix(unix, 0).Local().Format(time.DateTime)
}

// completeCID offers the names of the wallet's remembered files.
func (c *cli) completeCID(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	dir, err := c.bookDir(cmd.Flag("hash_basepath").Value.String())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	book, err := client.OpenBook(dir, c.wallet.Name)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	entries, err := book.List()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// savedPath is where a file goes: --output, else its remembered name in dir.
// "-" is standard output. Unless force is given, nothing may be there.
func savedPath(output, dir string, e client.Entry, force bool) (string, error) {
	path := expandHome(output)
	if path == "-" {
		return path, nil
	}
	name := filepath.Base(e.Name)
	if path == "" {
		path = filepath.Join(dir, name)
	} else if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, name)
	}
	if _, err := os.Lstat(path); err == nil && !force {
		return "", fmt.Errorf("%s: %w; choose another place with --output, or replace it with --force", path, os.ErrExist)
	}
	return path, nil
}
