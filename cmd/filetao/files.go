package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/node"
)

func (c *cli) filesCommand() *cobra.Command {
	return group("files", "Keep files longer, export them, recover them without a gateway; what they take",
		c.filesUsageCommand(), c.filesRenewCommand(), c.filesExportCommand(), c.filesRecoverCommand())
}

// exportFlags are the flags of `files export`.
type exportFlags struct {
	userFlags
	cid, output string
	force       bool
}

// exported is the answer of `files export`.
type exported struct {
	CID      string `json:"cid"`
	Path     string `json:"path"`
	Segments int    `json:"segments"`
	Shards   int    `json:"shards"`
}

func (c *cli) filesExportCommand() *cobra.Command {
	var x exportFlags
	cmd := &cobra.Command{
		Use: "export [CID | NAME]", Short: "Save what it takes to get a file from the miners alone", Args: oneArg("cid", &x.cid),
		ValidArgsFunction: c.completeCID,
		Long: `Save what a file is and where its shards are now, so that recover can get it from
the miners when no gateway answers. It opens nothing: for that the wallet's
coldkey is needed as well.

An export stays good for as long as the file is kept and enough of its shards are
anywhere: those that have moved since are looked for at all miners, which takes the
chain or miners that the export names. Only shards that were stored by an older
version and have not moved since cannot be looked for; for them it names the place.
A small file is in its export as a whole.`,
		Example: "  filetao files export film.mkv -o film.filetao",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.export(cmd.Context(), &x) },
	}
	f := cmd.Flags()
	f.StringVar(&x.cid, "cid", "", "`CID` of the file, or the name it is remembered under")
	f.StringVarP(&x.output, "output", "o", "", "`file` to write; - is standard output (default NAME.filetao)")
	f.BoolVar(&x.force, "force", false, "overwrite a file that exists")
	x.add(cmd, 0)
	completeFlag(cmd, "cid", c.completeCID)
	return cmd
}

func (c *cli) export(ctx context.Context, x *exportFlags) error {
	entry, ask, err := c.aboutFile(&x.userFlags, &x.cid)
	if err != nil {
		return err
	}
	path := x.output
	if path == "" {
		path = filepath.Base(entry.Name) + ".filetao"
	}
	if path, err = savedPath(path, "", entry, x.force); err != nil {
		return err
	}
	var e manifest.Export
	err = c.asUser(ctx, &x.userFlags, func(user *node.User) error {
		return rememberedFirst(ask, entry, func(ask client.AskOptions) (err error) {
			e, err = user.Export(ctx, entry.CID, ask)
			return err
		})
	})
	if err != nil {
		return err
	}
	if path == stdinName {
		return e.Write(c.out)
	}
	var document bytes.Buffer
	if err := e.Write(&document); err != nil {
		return err
	}
	if err := durable.WriteFile(path, document.Bytes(), 0o600); err != nil {
		return err
	}
	answer := exported{CID: entry.CID, Path: path, Segments: len(e.Placement.Segments)}
	for _, places := range e.Placement.Segments {
		answer.Shards += len(places)
	}
	return c.print(answer, func() {
		fmt.Fprintf(c.out, "Saved %s: %d segments in %d shards.\n", path, answer.Segments, answer.Shards)
	})
}

// rememberedFirst asks the gateways that took a file, if no flag names others, and
// when they fail the ones the network has now.
func rememberedFirst(ask client.AskOptions, e client.Entry, do func(client.AskOptions) error) error {
	if len(ask.Gateways)+len(ask.UIDs) == 0 && len(e.Gateways) > 0 {
		remembered := ask
		remembered.Gateways = e.Gateways
		if err := do(remembered); err == nil {
			return nil
		}
	}
	return do(ask)
}

// aboutFile finds the file that a command is about, and who is asked about it.
func (c *cli) aboutFile(u *userFlags, name *string) (entry client.Entry, ask client.AskOptions, err error) {
	if err = c.askCID(name); err != nil {
		return entry, ask, err
	}
	if err = c.settleWallet(); err != nil {
		return entry, ask, err
	}
	book, err := c.book(u)
	if err != nil {
		return entry, ask, err
	}
	if entry, _, err = find(book, *name); err != nil {
		return entry, ask, err
	}
	ask.Timeout = u.limit()
	ask.Gateways, ask.UIDs, err = u.gateways()
	return entry, ask, err
}

// recoverFlags are the flags of `files recover`.
type recoverFlags struct {
	saveFlags
	path string
}

func (c *cli) filesRecoverCommand() *cobra.Command {
	var r recoverFlags
	cmd := &cobra.Command{
		Use: "recover FILE", Short: "Get an exported file from the miners alone", Args: oneArg("export", &r.path),
		Long: `Get a file from the miners alone, with what export has saved, however old it is. No
gateway is asked. Shards that are not where they were are looked for at all miners
of the network, and where the chain does not answer, at those that the export names.`,
		Example: "  filetao files recover film.filetao --output film.mkv",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.recover(cmd.Context(), &r) },
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&r.path, "export", "", "`file` that export has written; - is standard input")
	r.add(cmd)
	return cmd
}

func (c *cli) recover(ctx context.Context, r *recoverFlags) error {
	if r.path == "" {
		return usagef("--export is missing: which file?")
	}
	opt, err := r.options()
	if err != nil {
		return err
	}
	e, err := c.readExport(expandHome(r.path))
	if err != nil {
		return err
	}
	m, err := manifest.Parse(e.Manifest)
	if err != nil {
		return fmt.Errorf("%s: %w", r.path, err)
	}
	if err := c.settleWallet(); err != nil {
		return err
	}
	path, err := savedPath(r.output, ".", client.Entry{Name: m.CID, CID: m.CID}, r.force)
	if err != nil {
		return err
	}
	return c.save(ctx, path, m.CID, opt, func(ctx context.Context, to savedTo) error {
		opt.Keys, opt.Progress = to.keys, to.bar.stage
		return c.asUserOffline(ctx, func(user *node.User) (err error) {
			if path == stdinName {
				*to.got, err = user.Recover(ctx, e, to, opt)
			} else {
				*to.got, err = user.RecoverFile(ctx, e, path, opt)
			}
			return err
		})
	})
}

// readExport reads what export has saved.
func (c *cli) readExport(path string) (e manifest.Export, err error) {
	in := c.in
	if path != stdinName {
		f, err := os.Open(path)
		if err != nil {
			return e, err
		}
		defer f.Close() // it was read only
		in = f
	}
	if e, err = manifest.ReadExport(in); err != nil {
		return e, fmt.Errorf("%s: %w", path, err)
	}
	return e, nil
}

// renewFlags are the flags of `files renew`.
type renewFlags struct {
	userFlags
	cid     string
	ttl     int64
	shorten bool
}

func (c *cli) filesRenewCommand() *cobra.Command {
	var r renewFlags
	cmd := &cobra.Command{
		Use: "renew [CID | NAME]", Short: "Keep a file for longer", Args: oneArg("cid", &r.cid),
		ValidArgsFunction: c.completeCID,
		Long: `Keep a file for --ttl seconds from now on, or as long as it is kept already if that
is longer: with --shorten it ends earlier all the same. Files in the Python client's
format are renewed by storing them again.`,
		Example: "  filetao files renew letter.txt --ttl 31536000",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.renew(cmd.Context(), &r) },
	}
	f := cmd.Flags()
	f.StringVar(&r.cid, "cid", "", "`CID` of the file, or the name it is remembered under")
	f.Int64Var(&r.ttl, "ttl", 0, "`seconds` to keep it from now on (default 30 days)")
	f.BoolVar(&r.shorten, "shorten", false, "also if it would be kept for longer")
	r.add(cmd, 0)
	completeFlag(cmd, "cid", c.completeCID)
	return cmd
}

func (c *cli) renew(ctx context.Context, r *renewFlags) error {
	ttl, err := keepFor(r.ttl)
	if err != nil {
		return err
	}
	if r.shorten && ttl == 0 {
		return usagef("--shorten needs a --ttl")
	}
	entry, ask, err := c.aboutFile(&r.userFlags, &r.cid)
	if err != nil {
		return err
	}
	var until time.Time
	err = c.asUser(ctx, &r.userFlags, func(user *node.User) error {
		return rememberedFirst(ask, entry, func(ask client.AskOptions) (err error) {
			renew := user.Renew
			if r.shorten {
				renew = user.Shorten
			}
			until, err = renew(ctx, entry.CID, ttl, ask)
			return err
		})
	})
	if err != nil {
		return err
	}
	return c.print(map[string]any{"cid": entry.CID, "expires": until.Unix()}, func() {
		fmt.Fprintf(c.out, "%s is kept until %s.\n", entry.Name, until.Local().Format(time.DateTime))
		if !r.shorten && ttl > 0 && until.Sub(c.now()) > ttl+time.Minute {
			fmt.Fprintln(c.out, "That is longer than asked for; --shorten has it end earlier.")
		}
	})
}

// asUserOffline is asUser, also where no chain answers.
func (c *cli) asUserOffline(ctx context.Context, fn func(*node.User) error) error {
	reached := false
	err := c.asUser(ctx, &userFlags{}, func(user *node.User) error {
		reached = true
		return fn(user)
	})
	if err == nil || reached || ctx.Err() != nil || errors.As(err, new(usageError)) {
		return err
	}
	hotkey, keyErr := c.hotkey()
	if keyErr != nil {
		return err
	}
	fmt.Fprintf(c.err, "note: no chain: %v\n", err)
	user, err := node.Connect(ctx, node.UserConfig{Hotkey: hotkey, Log: c.log})
	if err != nil {
		return err
	}
	return errors.Join(fn(user), user.Close())
}
