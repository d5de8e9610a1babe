package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
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
	saveFlags
	cid, dir string
}

// saveFlags are those of commands that save a file.
type saveFlags struct {
	output, part         string
	force, plain, resume bool
}

func (s *saveFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&s.output, "output", "o", "", "`file` or folder to save it as or in; - is standard output")
	f.StringVar(&s.part, "range", "", "only these `bytes`, like 0-999 (a thousand) or 1000- (all the others)")
	f.BoolVar(&s.resume, "resume", true, "go on with what an interrupted call has left beside the file")
	f.BoolVar(&s.force, "force", false, "overwrite a file that exists")
	f.BoolVar(&s.plain, "plain", false, "also take a file that was stored in the open")
}

// options are what the flags say of a get.
func (s *saveFlags) options() (o client.GetFileOptions, err error) {
	o.Plain, o.Anew = s.plain, !s.resume
	if s.part != "" {
		o.Range, err = parseRange(s.part)
	}
	return o, err
}

// parseRange reads A-B, both included, or A-.
func parseRange(text string) (*client.Range, error) {
	first, last, ok := strings.Cut(text, "-")
	from, err := strconv.ParseInt(first, 10, 64)
	r := &client.Range{Offset: from, Length: -1}
	if ok && err == nil && last != "" {
		var to int64
		to, err = strconv.ParseInt(last, 10, 64)
		ok = to >= from && to < math.MaxInt64
		r.Length = to - from + 1
	}
	if !ok || err != nil || from < 0 {
		return nil, usagef("--range: %q is no range like 0-999 or 1000-", text)
	}
	return r, nil
}

// gotFile is the answer of `retrieve get`; of a folder it is a list of them.
type gotFile struct {
	CID     string  `json:"cid"`
	Path    string  `json:"path"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
	Resumed int64   `json:"resumed"`
}

func (c *cli) retrieveGetCommand() *cobra.Command {
	var g getFlags
	cmd := &cobra.Command{
		Use: "get [CID | NAME]", Short: "Fetch a file or a folder, decrypt it, save it", Args: oneArg("cid", &g.cid),
		ValidArgsFunction: c.completeCID,
		Long: `Fetch a file, check it against its CID, decrypt it with the wallet's coldkey and
save it under its remembered name (else under its CID) in --storage_basepath, or
where --output says. The name of a folder that was stored fetches all its files.

What has come of a file stands beside it until all of it has, as FILE.part; the
same command goes on from there after an interruption.`,
		Example: "  filetao retrieve get --cid bafkrei… --wallet.name alice\n  filetao retrieve get letter.txt --output -\n  filetao retrieve get photos --output /tmp",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.get(cmd.Context(), &g) },
	}
	f := cmd.Flags()
	f.StringVar(&g.cid, "cid", "", "`CID` of the file, or the name it is remembered under")
	f.StringVar(&g.dir, "storage_basepath", "", "`folder` to save it in without --output (default ~/.bittensor/storage)")
	g.saveFlags.add(cmd)
	g.userFlags.add(cmd, 0)
	completeFlag(cmd, "cid", c.completeCID)
	return cmd
}

// completeFlag has a flag's values completed.
func completeFlag(cmd *cobra.Command, name string, complete cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic("completion of --" + name + ": " + err.Error()) // the flag was defined before
	}
}

func (c *cli) get(ctx context.Context, g *getFlags) error {
	if err := c.askCID(&g.cid); err != nil {
		return err
	}
	opt, err := g.options()
	if err != nil {
		return err
	}
	if err := c.settleWallet(); err != nil {
		return err
	}
	book, err := c.book(&g.userFlags)
	if err != nil {
		return err
	}
	files, isFolder, err := matching(book, g.cid)
	if err != nil {
		return err
	} else if isFolder {
		return c.getFolder(ctx, g, files, opt)
	}
	entry := files[0]
	path, err := savedPath(g.output, c.storageDir(g.dir), entry, g.force)
	if err != nil {
		return err
	}
	return c.save(ctx, path, filepath.Base(entry.Name), opt, func(ctx context.Context, to savedTo) error {
		if opt.Gateways, opt.UIDs, err = g.gateways(); err != nil {
			return err
		}
		opt.Timeout = g.limit()
		return c.asUser(ctx, &g.userFlags, func(user *node.User) error {
			return c.fetch(ctx, opt, entry, &to, func(o client.GetFileOptions) (client.Got, error) {
				o.Keys, o.Progress = to.keys, to.bar.stage
				if path == stdinName {
					return user.GetTo(ctx, entry.CID, to, o)
				}
				return user.GetFile(ctx, entry.CID, path, o)
			})
		})
	})
}

// savedTo is where a file goes while it comes: standard output, or a file.
type savedTo struct {
	io.Writer
	keys    client.Keys
	bar     *progressBar
	written *int64 // to standard output
	got     *client.Got
}

func (s savedTo) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	*s.written += int64(n)
	return n, err
}

// save has a file fetched to a path, and tells of it.
func (c *cli) save(ctx context.Context, path, name string, opt client.GetFileOptions, fetch func(context.Context, savedTo) error) error {
	start := c.now()
	if path != stdinName {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
	}
	bar := c.progress("retrieving " + name)
	defer bar.done()
	to := savedTo{c.out, c.keys(ctx, bar.paused), bar, new(int64), new(client.Got)}
	if err := fetch(bar.context(ctx), to); errors.Is(err, client.ErrRange) {
		return usagef("--range: %v", err)
	} else if err != nil {
		return leftBeside(ctx, err, path)
	}
	bar.done()
	if path == stdinName {
		return nil
	}
	answer := gotFile{CID: to.got.CID, Path: path, Bytes: to.got.Size, Seconds: c.now().Sub(start).Seconds(), Resumed: to.got.Resumed}
	return c.print(answer, func() {
		fmt.Fprintf(c.out, "Saved %s (%s).\n", answer.Path, size(answer.Bytes))
		if answer.Resumed > 0 {
			fmt.Fprintf(c.out, "%s of it had come before.\n", size(answer.Resumed))
		}
	})
}

// leftBeside says after an interruption what of a file has come.
func leftBeside(ctx context.Context, err error, path string) error {
	part, statErr := os.Stat(path + ".part")
	if ctx.Err() == nil || path == stdinName || statErr != nil || part.Size() == 0 {
		return err
	}
	return &unfinished{fmt.Sprintf("the same command goes on from here (%s are there)", size(part.Size())), err}
}

// fetch asks the gateways that the flags name; else those that took the file,
// and when none of them has it, the ones the network has now.
func (c *cli) fetch(ctx context.Context, opt client.GetFileOptions, e client.Entry, to *savedTo, get func(client.GetFileOptions) (client.Got, error)) (err error) {
	if len(opt.Gateways)+len(opt.UIDs) == 0 && len(e.Gateways) > 0 {
		remembered := opt
		remembered.Gateways = e.Gateways
		*to.got, err = get(remembered)
		if err == nil || ctx.Err() != nil || *to.written > 0 || isOurs(err) {
			return err
		}
		c.log.Debug("the gateways that took the file do not give it", "err", err)
	}
	*to.got, err = get(opt)
	return err
}

// isOurs says of an error of a get that no other gateway can mend it.
func isOurs(err error) bool {
	for _, ours := range []error{client.ErrWrongKey, client.ErrNotEncrypted, client.ErrNoKey, client.ErrRange, client.ErrBusy, errInterrupted} {
		if errors.Is(err, ours) {
			return true
		}
	}
	return errors.As(err, new(usageError)) || errors.As(err, new(*fs.PathError))
}

// matching are the files that a name means: all of a folder, or the one that find
// finds.
func matching(book *client.Book, name string) (files []client.Entry, isFolder bool, err error) {
	if files, err = folder(book, name); err != nil || len(files) > 0 {
		return files, true, err
	}
	e, _, err := find(book, name)
	return []client.Entry{e}, false, err
}

// folder are the remembered files under the name of a folder; none if a file has
// that name.
func folder(book *client.Book, name string) (files []client.Entry, err error) {
	entries, err := book.List()
	for _, e := range entries {
		if e.Name == name {
			return nil, nil
		}
		if strings.HasPrefix(e.Name, strings.TrimSuffix(name, "/")+"/") {
			files = append(files, e)
		}
	}
	return files, err
}

// getFolder fetches many files into --output.
func (c *cli) getFolder(ctx context.Context, g *getFlags, entries []client.Entry, opt client.GetFileOptions) (err error) {
	if g.output == stdinName || opt.Range != nil {
		return usagef("%q is a folder: it goes neither to standard output nor in part", g.cid)
	}
	dir := expandHome(g.output)
	if dir == "" {
		dir = c.storageDir(g.dir)
	}
	var files []client.TreeFile
	for _, e := range entries {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(e.Name))); err == nil && !g.force {
			return fmt.Errorf("%s: %w; choose another place with --output, or replace it with --force", filepath.Join(dir, e.Name), os.ErrExist)
		}
		files = append(files, client.TreeFile{Name: e.Name, CID: e.CID})
	}
	if opt.Gateways, opt.UIDs, err = g.gateways(); err != nil {
		return err
	}
	opt.Timeout = g.limit()
	start, answers := c.now(), []gotFile{}
	err = c.asUser(ctx, &g.userFlags, func(user *node.User) error {
		bar := c.progress(fmt.Sprintf("retrieving %d files", len(files)))
		defer bar.done()
		opt.Keys, opt.Progress = c.keys(ctx, bar.paused), bar.stage
		return user.GetTree(bar.context(ctx), files, dir, opt, func(f client.TreeFile, got client.Got) error {
			answers = append(answers, gotFile{
				CID: f.CID, Path: filepath.Join(dir, filepath.FromSlash(f.Name)), Bytes: got.Size, Seconds: c.now().Sub(start).Seconds(), Resumed: got.Resumed,
			})
			return nil
		})
	})
	if len(answers) == 0 {
		return err
	}
	return errors.Join(err, c.print(answers, func() {
		for _, a := range answers {
			fmt.Fprintf(c.out, "Saved %s (%s).\n", a.Path, size(a.Bytes))
		}
	}))
}

// storageDir is the folder that files are saved in.
func (c *cli) storageDir(flag string) string {
	switch {
	case flag != "":
		return expandHome(flag)
	case c.net != nil:
		return c.net.Storage
	}
	return expandHome("~/.bittensor/storage")
}
