package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/node"
)

func (c *cli) retrieveCommand() *cobra.Command {
	cmd := group("retrieve", "Get files back from the network", c.retrieveGetCommand(), c.retrieveListCommand())
	cmd.Aliases = []string{"r"}
	return cmd
}

// getFlags are the flags of `retrieve get`.
type getFlags struct {
	userFlags
	cid, dir, output string
	force, plain     bool
}

// gotFile is the answer of `retrieve get`.
type gotFile struct {
	CID     string  `json:"cid"`
	Path    string  `json:"path"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

func (c *cli) retrieveGetCommand() *cobra.Command {
	var g getFlags
	cmd := &cobra.Command{
		Use: "get", Short: "Fetch a file, decrypt it, save it", Args: cobra.NoArgs,
		Long: `Fetch a file, check it against its CID, decrypt it with the wallet's coldkey and
save it under its remembered name (else under its CID) in --storage_basepath, or
where --output says; "-" is standard output.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.get(cmd.Context(), &g) },
	}
	g.add(cmd, 0)
	f := cmd.Flags()
	f.StringVar(&g.cid, "cid", "", "CID of the file, or the name it is remembered under")
	f.StringVar(&g.cid, "data_hash", "", "the same, as the Python client 1.x calls it")
	f.StringVar(&g.dir, "storage_basepath", "", "folder to save it in (default ~/.bittensor/storage)")
	f.StringVarP(&g.output, "output", "o", "", "file to save it as; - is standard output")
	f.BoolVar(&g.force, "force", false, "overwrite a file that exists")
	f.BoolVar(&g.plain, "plain", false, "also take a file that was stored in the open")
	return cmd
}

func (c *cli) get(ctx context.Context, g *getFlags) error {
	if g.cid == "" {
		cid, err := c.ask("CID of the file: ", false)
		if errors.Is(err, errNoTerminal) {
			return usagef("--cid is missing: which file? `filetao retrieve list` shows the remembered ones")
		} else if err != nil {
			return err
		}
		g.cid = strings.TrimSpace(cid)
	}
	book, err := c.book(&g.userFlags)
	if err != nil {
		return err
	}
	entry, err := book.Find(g.cid)
	if errors.Is(err, client.ErrUnknownName) {
		entry = client.Entry{Name: g.cid, CID: g.cid}
	} else if err != nil {
		return err
	}
	path, err := g.path(entry)
	if err != nil {
		return err
	}
	start := c.now()
	data, err := c.fetch(ctx, g, entry)
	if err != nil {
		return err
	}
	if path == "-" {
		_, err := c.out.Write(data)
		return err
	}
	if err := durable.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	answer := gotFile{CID: entry.CID, Path: path, Bytes: int64(len(data)), Seconds: c.now().Sub(start).Seconds()}
	return c.print(answer, func() { fmt.Fprintf(c.out, "Saved %s (%s).\n", answer.Path, size(answer.Bytes)) })
}

// path is where the file goes. That it can be written there is seen to before
// anything is fetched.
func (g *getFlags) path(e client.Entry) (string, error) {
	path := expandHome(g.output)
	if path == "-" {
		return path, nil
	}
	if path == "" {
		dir := expandHome(g.dir)
		if dir == "" {
			dir = expandHome("~/.bittensor/storage")
		}
		path = filepath.Join(dir, filepath.Base(e.Name))
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	if _, err := os.Lstat(path); err == nil && !g.force {
		return "", fmt.Errorf("%s: %w; choose another place with --output, or replace it with --force", path, os.ErrExist)
	}
	return path, nil
}

// fetch asks the gateways that the flags name; else those that took the file,
// and when none of them has it, the ones the network has now.
func (c *cli) fetch(ctx context.Context, g *getFlags, e client.Entry) (data []byte, err error) {
	opt := client.GetOptions{Unlock: c.unlockEnvelope, Plain: g.plain, Timeout: g.limit()}
	if opt.Gateways, opt.UIDs, err = g.gateways(); err != nil {
		return nil, err
	}
	named := len(opt.Gateways)+len(opt.UIDs) > 0
	err = c.asUser(ctx, &g.userFlags, func(user *node.User) error {
		bar := c.progress("retrieving")
		defer bar.done()
		opt.Progress = bar.stage
		if !named && len(e.Gateways) > 0 {
			opt.Gateways = e.Gateways
			if data, err = user.Get(bar.context(ctx), e.CID, opt); err == nil {
				return nil
			}
			c.log.Debug("the gateways that took the file do not give it", "err", err)
			opt.Gateways = nil
		}
		data, err = user.Get(bar.context(ctx), e.CID, opt)
		return err
	})
	return data, err
}

func (c *cli) retrieveListCommand() *cobra.Command {
	var u userFlags
	cmd := &cobra.Command{
		Use: "list", Short: "List the remembered files", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			book, err := c.book(&u)
			if err != nil {
				return err
			}
			entries, err := book.List()
			if err != nil {
				return err
			}
			return c.print(bookRows(entries), func() { c.printBook(entries) })
		},
	}
	cmd.Flags().StringVar(&u.bookDir, "hash_basepath", "", "folder of the lists of remembered files (default ~/.bittensor/hashes)")
	return cmd
}

// bookRow is one remembered file in --json.
type bookRow struct {
	Name    string   `json:"name"`
	CID     string   `json:"cid"`
	Hotkeys []string `json:"hotkeys"`
}

func bookRows(entries []client.Entry) []bookRow {
	rows := []bookRow{} // an empty list is [] in JSON
	for _, e := range entries {
		row := bookRow{Name: e.Name, CID: e.CID, Hotkeys: []string{}}
		for _, g := range e.Gateways {
			row.Hotkeys = append(row.Hotkeys, string(g))
		}
		rows = append(rows, row)
	}
	return rows
}

func (c *cli) printBook(entries []client.Entry) {
	if len(entries) == 0 {
		fmt.Fprintf(c.out, "Wallet %s remembers no files; `filetao store put` stores one.\n", c.wallet.Name)
		return
	}
	var rows [][]string
	for _, r := range bookRows(entries) {
		rows = append(rows, []string{r.Name, r.CID, strings.Join(r.Hotkeys, " ")})
	}
	c.table([]string{"NAME", "CID", "GATEWAYS"}, rows)
}
