package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/recovery"
)

// recoverFlags are the flags of `files recover`.
type recoverFlags struct {
	saveFlags
	path  string
	paths []string
}

func (c *cli) filesRecoverCommand() *cobra.Command {
	var r recoverFlags
	cmd := &cobra.Command{
		Use: "recover FILE…", Short: "Get exported files from the miners alone", Args: anyArgs("export", &r.path, &r.paths),
		Long: `Get files from the miners alone, with what export has saved, however old it is. No
gateway is asked. Shards that are not where they were are looked for at all miners
of the network, and where the chain does not answer, at those that the export names.
A folder means all exports in it, whose files have its folders in --output. What is
there already is taken as by get.`,
		Example: "  filetao files recover film.filetao --output film.mkv\n  filetao files recover photos.filetao --output /tmp",
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.recover(cmd.Context(), &r) },
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&r.path, "export", "", "`file` that export has written, or a folder of them; - is standard input")
	r.add(cmd)
	return cmd
}

func (c *cli) recover(ctx context.Context, r *recoverFlags) error {
	if len(r.paths) == 0 {
		r.paths = []string{r.path}
	}
	if r.paths[0] == "" {
		return usagef("--export is missing: which file?")
	}
	opt, err := r.options()
	if err != nil {
		return err
	}
	if len(r.paths) > 1 || isDir(expandHome(r.paths[0])) {
		return c.recoverMany(ctx, r, opt)
	}
	e, err := c.readExport(expandHome(r.paths[0]))
	if err != nil {
		return err
	}
	name, id, err := recoveredName(r.paths[0], e)
	if err != nil {
		return err
	}
	if err := c.settleWallet(); err != nil {
		return err
	}
	path, err := savedPath(r.output, ".", client.Entry{Name: name, CID: id}, r.force || opt.Range == nil)
	if err != nil {
		return err
	}
	return c.save(ctx, path, id, opt, func(ctx context.Context, to savedTo) error {
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

// recoveredName is what the file of an export is called: as the export without its
// suffix, else as its CID.
func recoveredName(path string, e manifest.Export) (name, id string, err error) {
	m, err := manifest.Parse(e.Manifest)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", path, err)
	}
	base, ok := strings.CutSuffix(filepath.Base(path), recovery.Suffix)
	if !ok || base == "" {
		base = m.CID
	}
	return base, m.CID, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// recoverMany recovers files into --output, one after the other.
func (c *cli) recoverMany(ctx context.Context, r *recoverFlags, opt client.GetFileOptions) error {
	if r.output == stdinName || opt.Range != nil || slices.Contains(r.paths, stdinName) {
		return usagef("several files go neither from standard input nor to standard output nor in part")
	}
	if err := c.settleWallet(); err != nil {
		return err
	}
	start, answers, errs := c.now(), []gotFile{}, []error{}
	err := c.asUserOffline(ctx, func(user *node.User) error {
		opt.Keys = c.keys(ctx, func() func() { return c.bar.paused() })
		for name, d := range c.exports(r.paths) {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			path := filepath.Join(expandHome(r.output), name)
			got, err := c.recoverTo(ctx, user, d, path, opt)
			if err != nil {
				errs = append(errs, leftBeside(ctx, err, path))
				continue
			}
			answers = append(answers, c.gotFile(got, path, start))
		}
		return nil
	})
	if err = errors.Join(append(errs, err)...); len(answers) == 0 && err == nil {
		return usagef("there is no export in %s", strings.Join(r.paths, ", "))
	} else if len(answers) == 0 {
		return err
	}
	return errors.Join(err, c.print(answers, func() { c.printGot(answers) }))
}

func (c *cli) recoverTo(ctx context.Context, user *node.User, d recovery.Document, path string, opt client.GetFileOptions) (client.Got, error) {
	if d.Err != nil {
		return client.Got{}, d.Err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return client.Got{}, err
	}
	bar := c.progress("recovering " + filepath.Base(path))
	defer bar.done()
	opt.Progress = bar.stage
	got, err := user.RecoverFile(bar.context(ctx), d.Export, path, opt)
	if err != nil && !errors.Is(err, client.ErrExists) {
		err = fmt.Errorf("%s: %w", d.Name, err)
	}
	return got, err
}

// exports are those at some paths and in folders there, and the names of their files
// in those folders.
func (c *cli) exports(paths []string) iter.Seq2[string, recovery.Document] {
	return func(yield func(string, recovery.Document) bool) {
		for _, path := range paths {
			path = expandHome(path)
			if !isDir(path) {
				name := ""
				e, err := c.readExport(path)
				if err == nil {
					name, _, err = recoveredName(path, e)
				}
				if !yield(name, recovery.Document{Name: path, Export: e, Err: err}) {
					return
				}
				continue
			}
			for d := range recovery.Documents(path) {
				name, err := filepath.Rel(path, d.Name)
				if err = errors.Join(d.Err, err); err != nil {
					d.Err = fmt.Errorf("%s: %w", d.Name, err)
				}
				if !yield(strings.TrimSuffix(name, recovery.Suffix), d) {
					return
				}
			}
		}
	}
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
