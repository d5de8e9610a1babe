package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/recovery"
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
	f.StringVarP(&x.output, "output", "o", "", "`file` to write, or a folder for the exports of a folder's files; - is standard output (default NAME.filetao)")
	f.BoolVar(&x.force, "force", false, "overwrite a file that exists")
	x.add(cmd, 0)
	completeFlag(cmd, "cid", c.completeCID)
	return cmd
}

func (c *cli) export(ctx context.Context, x *exportFlags) error {
	files, isFolder, ask, err := c.aboutFiles(&x.userFlags, &x.cid)
	if err != nil {
		return err
	}
	paths, err := x.places(files, isFolder)
	if err != nil {
		return err
	}
	answers := []exported{}
	err = c.asUser(ctx, &x.userFlags, func(user *node.User) error {
		return eachFile(ctx, files, func(i int, entry client.Entry) error {
			var e manifest.Export
			if err := rememberedFirst(ask, entry, func(ask client.AskOptions) (err error) {
				e, err = user.Export(ctx, entry.CID, ask)
				return err
			}); err != nil {
				return err
			}
			answer, err := c.saveExport(e, paths[i])
			answers = append(answers, answer)
			return err
		})
	})
	if len(answers) == 0 || paths[0] == stdinName {
		return err
	}
	var answer any = answers
	if !isFolder {
		answer = answers[0]
	}
	return errors.Join(err, c.print(answer, func() {
		for _, a := range answers {
			where := fmt.Sprintf("%s in %s", count(a.Segments, "segment"), count(a.Shards, "shard"))
			if a.Segments == 0 {
				where = "the file itself, being so small"
			}
			fmt.Fprintf(c.out, "Saved %s: %s.\n", a.Path, where)
		}
	}))
}

// places are where the exports of files go: those of a folder into one.
func (x *exportFlags) places(files []client.Entry, isFolder bool) ([]string, error) {
	if !isFolder {
		path := x.output
		if path == "" {
			path = filepath.Base(files[0].Name) + recovery.Suffix
		} else if info, err := os.Stat(expandHome(path)); err == nil && info.IsDir() {
			path = filepath.Join(path, filepath.Base(files[0].Name)+recovery.Suffix)
		}
		path, err := savedPath(path, "", files[0], x.force)
		return []string{path}, err
	}
	if x.output == stdinName {
		return nil, usagef("%q is a folder: its exports do not go to standard output", x.cid)
	}
	dir, paths := expandHome(x.output), make([]string, len(files))
	if dir == "" {
		dir = strings.ReplaceAll(strings.Trim(x.cid, "/"), "/", "-") + recovery.Suffix
	}
	for i, e := range files {
		path, err := savedPath(filepath.Join(dir, filepath.FromSlash(e.Name))+recovery.Suffix, "", e, x.force)
		if err != nil {
			return nil, err
		}
		if !filepath.IsLocal(filepath.FromSlash(e.Name)) {
			return nil, fmt.Errorf("%w: %q leads out of the folder", client.ErrNameTaken, e.Name)
		}
		paths[i] = path
	}
	return paths, nil
}

// saveExport writes an export to a path.
func (c *cli) saveExport(e manifest.Export, path string) (answer exported, err error) {
	if path == stdinName {
		return answer, e.Write(c.out)
	}
	m, err := manifest.Parse(e.Manifest)
	if err != nil {
		return answer, err
	}
	var document bytes.Buffer
	if err := e.Write(&document); err != nil {
		return answer, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return answer, err
	}
	if err := durable.WriteFile(path, document.Bytes(), 0o600); err != nil {
		return answer, err
	}
	answer = exported{CID: m.CID, Path: path, Segments: len(e.Placement.Segments)}
	for _, places := range e.Placement.Segments {
		answer.Shards += len(places)
	}
	return answer, nil
}

// eachFile works on files in turn and goes on where one fails; the error has them
// all.
func eachFile(ctx context.Context, files []client.Entry, do func(int, client.Entry) error) error {
	if len(files) == 1 {
		return do(0, files[0])
	}
	var errs []error
	for i, e := range files {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := do(i, e); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", e.Name, err))
		}
	}
	return errors.Join(errs...)
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

// aboutFiles finds the files that a command is about, and who is asked about them.
func (c *cli) aboutFiles(u *userFlags, name *string) (files []client.Entry, isFolder bool, ask client.AskOptions, err error) {
	if err = c.askCID(name); err != nil {
		return nil, false, ask, err
	}
	if err = c.settleWallet(); err != nil {
		return nil, false, ask, err
	}
	book, err := c.book(u)
	if err != nil {
		return nil, false, ask, err
	}
	entries, err := book.List()
	if err != nil {
		return nil, false, ask, err
	}
	if files, isFolder, err = matching(entries, *name); err != nil {
		return nil, false, ask, err
	}
	ask.Timeout = u.limit()
	ask.Gateways, ask.UIDs, err = u.gateways()
	return files, isFolder, ask, err
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
is longer: with --shorten it ends earlier all the same. The name of a folder that was
stored renews all files in it. Files in the Python client's format are renewed by
storing them again.`,
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
	files, isFolder, ask, err := c.aboutFiles(&r.userFlags, &r.cid)
	if err != nil {
		return err
	}
	answers := []renewed{}
	err = c.asUser(ctx, &r.userFlags, func(user *node.User) error {
		renew := user.Renew
		if r.shorten {
			renew = user.Shorten
		}
		return eachFile(ctx, files, func(_ int, entry client.Entry) error {
			return rememberedFirst(ask, entry, func(ask client.AskOptions) error {
				until, err := renew(ctx, entry.CID, ttl, ask)
				if err == nil {
					answers = append(answers, renewed{entry.CID, entry.Name, until.Unix()})
				}
				return err
			})
		})
	})
	if len(answers) == 0 {
		return err
	}
	var answer any = answers
	if !isFolder {
		answer = answers[0]
	}
	return errors.Join(err, c.print(answer, func() { c.printRenewed(answers, !r.shorten && ttl > 0, ttl) }))
}

// renewed is the answer of `files renew`; of a folder it is a list of them.
type renewed struct {
	CID     string `json:"cid"`
	Name    string `json:"name"`
	Expires int64  `json:"expires"` // Unix seconds
}

func (c *cli) printRenewed(answers []renewed, asked bool, ttl time.Duration) {
	longer := false
	for _, a := range answers {
		until := time.Unix(a.Expires, 0)
		fmt.Fprintf(c.out, "%s is kept until %s.\n", a.Name, until.Local().Format(time.DateTime))
		longer = longer || asked && until.Sub(c.now()) > ttl+time.Minute
	}
	if longer {
		fmt.Fprintln(c.out, "That is longer than asked for; --shorten has it end earlier.")
	}
}
