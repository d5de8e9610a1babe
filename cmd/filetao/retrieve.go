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
	"time"

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
	words    []string
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
	f.BoolVar(&s.force, "force", false, "overwrite what else is there already")
	f.BoolVar(&s.plain, "plain", false, "also take a file that was stored in the open")
}

// options are what the flags say of a get.
func (s *saveFlags) options() (o client.GetFileOptions, err error) {
	o.Plain, o.Anew, o.Existing = s.plain, !s.resume, client.KeepOther
	if s.force {
		o.Existing = client.ReplaceOther
	}
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

// gotFile is the answer of `retrieve get`; of many files it is a list of them.
type gotFile struct {
	CID     string  `json:"cid"`
	Path    string  `json:"path"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
	Resumed int64   `json:"resumed"`
	There   bool    `json:"there"` // already: nothing was fetched or written
}

func (c *cli) retrieveGetCommand() *cobra.Command {
	var g getFlags
	cmd := &cobra.Command{
		Use: "get [CID | NAME]…", Short: "Fetch files or folders, decrypt them, save them", Args: anyArgs("cid", &g.cid, &g.words),
		ValidArgsFunction: c.completeCID,
		Long: `Fetch files, check them against their CIDs, decrypt them with the wallet's coldkey
and save them under their remembered names (else under their CIDs) in
--storage_basepath, or where --output says. The name of a folder that was stored
means all files in it: they, and several files, are saved with the folders in their
names.

What has come of a file stands beside it until all of it has, as FILE.part; the
same command goes on from there after an interruption. A file that is there is
read, and left as it is if it is the one asked for. Anything else that is in the way
of a file is an error of that file alone; --force has it overwritten.`,
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
	if err := c.askCIDs(g.cid, &g.words); err != nil {
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
	wanted, err := pick(book, g.words)
	if err != nil {
		return err
	} else if wanted.many {
		return c.getMany(ctx, g, wanted, opt)
	}
	entry := wanted.files[0].Entry
	path, err := savedPath(g.output, c.storageDir(g.dir), entry, g.force || opt.Range == nil)
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
	answer := c.gotFile(*to.got, path, start)
	return c.print(answer, func() {
		if answer.There {
			fmt.Fprintf(c.out, "%s is there already (%s).\n", answer.Path, size(answer.Bytes))
			return
		}
		fmt.Fprintf(c.out, "Saved %s (%s).\n", answer.Path, size(answer.Bytes))
		if answer.Resumed > 0 {
			fmt.Fprintf(c.out, "%s of it had come before.\n", size(answer.Resumed))
		}
	})
}

func (c *cli) gotFile(got client.Got, path string, start time.Time) gotFile {
	return gotFile{got.CID, path, got.Size, c.now().Sub(start).Seconds(), got.Resumed, got.There}
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
	for _, ours := range []error{client.ErrWrongKey, client.ErrNotEncrypted, client.ErrNoKey, client.ErrRange, client.ErrBusy, client.ErrExists, errInterrupted} {
		if errors.Is(err, ours) {
			return true
		}
	}
	return errors.As(err, new(usageError)) || errors.As(err, new(*fs.PathError))
}

// getMany fetches many files into --output.
func (c *cli) getMany(ctx context.Context, g *getFlags, wanted picked, opt client.GetFileOptions) (err error) {
	if g.output == stdinName || opt.Range != nil {
		what := "several files go"
		if len(g.words) == 1 {
			what = fmt.Sprintf("%q is a folder: it goes", g.words[0])
		}
		return usagef("%s neither to standard output nor in part", what)
	}
	dir := expandHome(g.output)
	if dir == "" {
		dir = c.storageDir(g.dir)
	}
	var files []client.TreeFile
	for _, f := range wanted.files {
		files = append(files, client.TreeFile{Name: f.Name, CID: f.CID})
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
			answers = append(answers, c.gotFile(got, filepath.Join(dir, filepath.FromSlash(f.Name)), start))
			return nil
		})
	})
	err = errors.Join(c.resumable(ctx, err, true), wanted.missing)
	if len(answers) == 0 {
		return err
	}
	return errors.Join(err, c.print(answers, func() { c.printGot(answers) }))
}

func (c *cli) printGot(answers []gotFile) {
	there := 0
	for _, a := range answers {
		if a.There {
			there++
			continue
		}
		fmt.Fprintf(c.out, "Saved %s (%s).\n", a.Path, size(a.Bytes))
	}
	if there > 0 {
		fmt.Fprintf(c.out, "%s there already.\n", plural(there, "file is", "files are"))
	}
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
