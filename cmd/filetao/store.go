package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

func (c *cli) storeCommand() *cobra.Command {
	cmd := group("store", "Store files on the network", c.storePutCommand())
	cmd.Aliases = []string{"s"}
	return cmd
}

// storedFile is the answer of `store put`; of many files it is a list of them.
type storedFile struct {
	CID       string           `json:"cid"`
	Name      string           `json:"name"`
	Bytes     int64            `json:"bytes"`
	Gateways  []wallet.Address `json:"hotkeys"`
	Seconds   float64          `json:"seconds"`
	Segments  int              `json:"segments"`
	Resumed   int64            `json:"resumed"`
	Reference bool             `json:"reference"`
}

// putFlags are the flags of `store put`.
type putFlags struct {
	userFlags
	path, name                   string
	paths                        []string
	ttl                          int64
	encrypt, encoding, reference bool
}

func (c *cli) storePutCommand() *cobra.Command {
	var p putFlags
	cmd := &cobra.Command{
		Use: "put [PATH…]", Short: "Encrypt files, store them, remember them",
		Long: `Encrypt files and all files in folders, store them, print their CIDs and the
gateways that took them, and remember them in <hash_basepath>/<wallet name>.json.
- is standard input, which --name gives a name.

A file is encrypted here, with a key that only the wallet's coldkey opens, before
it goes anywhere; --encrypt=false stores it in the open. It may have any size, and
goes in segments. To store a file again that was interrupted, run the same command:
what has arrived is not sent again (except from standard input). Content that is
there already is not cut short by a smaller --ttl.`,
		Example: "  filetao store put letter.txt --wallet.name alice --ttl 86400\n  filetao store put photos film.mkv\n  tar c src | filetao store put - --name src.tar",
		RunE: func(cmd *cobra.Command, args []string) error {
			p.paths = args
			return c.put(cmd, &p)
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.path, "filepath", "", "`file` or folder to store")
	f.StringVar(&p.name, "name", "", "`name` to remember it under, in place of its own")
	f.BoolVar(&p.encrypt, "encrypt", true, "encrypt it before it leaves this machine")
	f.BoolVar(&p.reference, "reference", false, "store it in the Python client's format: whole in memory, up to 2 GiB, and seconds for the key")
	f.Int64Var(&p.ttl, "ttl", 0, "`seconds` to keep it (default 30 days)")
	p.add(cmd, 180)
	f.BoolVar(&p.encoding, "encoding", false, "accepted for scripts of the Python client, which needs it")
	ignore(f, ignored{"neuron.vpermit_tao_limit": "--stake_limit says who is asked"})
	return cmd
}

// askFile asks for the file to store if neither a flag nor an argument names it.
func (c *cli) askFile(path *string) (err error) {
	if *path == "" {
		*path, err = c.ask("File to store: ", false)
	}
	if *path = strings.TrimSpace(*path); errors.Is(err, errNoTerminal) || err == nil && *path == "" {
		return usagef("--filepath is missing: which file?")
	}
	*path = expandHome(*path)
	return err
}

// fileOf says of a path that a flag names whether it is a file that can be sent the
// reference's way.
func fileOf(flag, path string) error {
	info, err := os.Stat(path)
	switch limit := gateway.DefaultConfig().MaxFile; {
	case err != nil:
		return fmt.Errorf("--%s: %w", flag, err)
	case info.IsDir():
		return usagef("--%s: %s is a folder: pack it into one file first", flag, path)
	case info.Size() > limit:
		return fmt.Errorf("--%s: %s has %s, and gateways take up to %s: %w", flag, path, size(info.Size()), size(limit), errTooLarge)
	}
	return nil
}

// errTooLarge says that a file is larger than the network takes.
var errTooLarge = errors.New("store it in parts")

// stdinName is how a command line names standard input.
const stdinName = "-"

// files are what is to be stored; none for standard input.
func (c *cli) files(p *putFlags) ([]client.TreeFile, error) {
	if p.path != "" && len(p.paths) > 0 {
		return nil, usagef("both %q and --filepath %q are given", p.paths[0], p.path)
	}
	if p.name != "" && (!filepath.IsLocal(p.name) || p.name != path.Clean(p.name) || p.name == ".") {
		return nil, usagef("--name: %q is no name like letter.txt or letters/june.txt", p.name)
	}
	if len(p.paths) == 0 {
		if err := c.askFile(&p.path); err != nil {
			return nil, err
		}
		p.paths = []string{p.path}
	}
	if slices.Contains(p.paths, stdinName) {
		switch {
		case len(p.paths) > 1:
			return nil, usagef("%q: standard input is stored alone", p.paths)
		case p.name == "":
			return nil, usagef("--name is missing: what is standard input to be called?")
		}
		return nil, nil
	}
	files, skipped, err := client.FilesUnder(p.paths)
	if err != nil {
		return nil, fmt.Errorf("--filepath: %w", err)
	}
	for _, path := range skipped {
		fmt.Fprintf(c.err, "note: %s is no regular file; left out\n", path)
	}
	switch {
	case len(files) == 0:
		return nil, usagef("there is no file in %s", strings.Join(p.paths, ", "))
	case p.name == "":
	case len(files) > 1:
		return nil, usagef("--name: one name for %d files", len(files))
	default:
		files[0].Name = p.name
	}
	for _, f := range files {
		if !p.reference {
			break
		}
		if err := fileOf("filepath", f.Path); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func (c *cli) put(cmd *cobra.Command, p *putFlags) error {
	if p.encoding {
		fmt.Fprintln(c.err, "note: --encoding has no effect: files are stored as they are")
	}
	ttl, err := keepFor(p.ttl)
	if err != nil {
		return err
	}
	files, err := c.files(p)
	if err != nil {
		return err
	}
	if err := c.settleWallet(); err != nil {
		return err
	}
	opt := client.PutFileOptions{TTL: ttl, Timeout: p.limit(), Plain: !p.encrypt, Reference: p.reference}
	if opt.Gateways, opt.UIDs, err = p.gateways(); err != nil {
		return err
	}
	book, err := c.book(&p.userFlags)
	if err != nil {
		return err
	}
	answers := []storedFile{}
	start := c.now()
	err = c.asUser(cmd.Context(), &p.userFlags, func(user *node.User) error {
		return c.send(cmd, p, files, user, opt, func(f client.TreeFile, s client.Stored) error {
			answers = append(answers, storedFile{
				CID: s.CID, Name: f.Name, Bytes: s.Size, Gateways: s.Gateways, Seconds: c.now().Sub(start).Seconds(),
				Segments: s.Segments, Resumed: s.Resumed, Reference: s.Reference,
			})
			return c.remember(book, f.Name, s)
		})
	})
	if errors.Is(err, client.ErrTooLarge) {
		err = fmt.Errorf("%w: %w", err, errTooLarge)
	}
	err = c.resumable(cmd.Context(), err, len(files) > 0 && !p.reference)
	if len(answers) == 0 {
		return err
	}
	single := err == nil && (len(files) == 1 || len(files) == 0)
	return errors.Join(err, c.printPut(cmd, answers, single, opt.Plain))
}

// resumable says after an interruption that the same command goes on, and how much
// need not be moved again.
func (c *cli) resumable(ctx context.Context, err error, can bool) error {
	if err == nil || !can || ctx.Err() == nil || c.bar == nil || c.bar.arrived() <= 0 {
		return err
	}
	return &unfinished{fmt.Sprintf("the same command goes on from here (%s are there)", size(c.bar.arrived())), err}
}

// keepFor is --ttl; 0 is not given.
func keepFor(seconds int64) (time.Duration, error) {
	if most := int64(client.MaxTTL / time.Second); seconds < 0 || seconds > most {
		return 0, usagef("--ttl of %d: want 1 to %d seconds, ten years", seconds, most)
	}
	return time.Duration(seconds) * time.Second, nil
}

// printPut prints what was stored.
func (c *cli) printPut(cmd *cobra.Command, answers []storedFile, single, plain bool) error {
	if single {
		return c.print(answers[0], func() { c.printStored(cmd, answers[0], plain) })
	}
	return c.print(answers, func() {
		var rows [][]string
		for _, s := range answers {
			rows = append(rows, []string{s.Name, size(s.Bytes), s.CID})
		}
		c.table([]string{"NAME", ">SIZE", "CID"}, rows)
	})
}

// remember puts a file into the book.
func (c *cli) remember(book *client.Book, name string, s client.Stored) error {
	previous, err := book.Add(client.Entry{Name: name, CID: s.CID, Gateways: s.Gateways})
	if err != nil {
		return fmt.Errorf("stored as %s, but not remembered: %w", s.CID, err)
	}
	if previous != "" && previous != s.CID {
		fmt.Fprintf(c.err, "note: %s was remembered as %s; that version is still stored until it expires\n", name, previous)
	}
	return nil
}

// send encrypts and stores the files, or standard input if there are none.
func (c *cli) send(cmd *cobra.Command, p *putFlags, files []client.TreeFile, user *node.User, opt client.PutFileOptions, done func(client.TreeFile, client.Stored) error) error {
	what := p.name
	if len(files) == 1 {
		what = files[0].Name
	} else if len(files) > 1 {
		what = fmt.Sprintf("%d files", len(files))
	}
	bar := c.progress("storing " + what)
	defer bar.done()
	opt.Keys, opt.Progress = c.keys(cmd.Context(), bar.paused), bar.stage
	ctx := bar.context(cmd.Context())
	switch len(files) {
	case 0:
		stored, err := user.PutFile(ctx, client.StreamSource(&patient{ctx: ctx, r: c.in}), opt)
		if err != nil {
			return err
		}
		return done(client.TreeFile{Name: p.name}, stored)
	case 1:
		opt.Progress = bar.stage
		in, err := os.Open(files[0].Path)
		if err != nil {
			return err
		}
		stored, err := user.PutFile(ctx, client.FileSource(in, files[0].Size), opt)
		if err = errors.Join(err, in.Close()); err != nil {
			return err
		}
		return done(files[0], stored)
	}
	return user.PutTree(ctx, files, opt, done)
}

// patient reads standard input, which may give nothing for a long time, but no
// longer than its context. What it waits for then is left behind, for the process
// to end without it.
type patient struct {
	ctx  context.Context
	r    io.Reader
	kept []byte
	buf  []byte
}

func (p *patient) Read(b []byte) (int, error) {
	if len(p.kept) == 0 {
		if p.buf == nil {
			p.buf = make([]byte, 1<<20)
		}
		type result struct {
			n   int
			err error
		}
		done := make(chan result, 1)
		go func() {
			n, err := p.r.Read(p.buf)
			done <- result{n, err}
		}()
		select {
		case got := <-done:
			if p.kept = p.buf[:got.n]; got.n == 0 {
				return 0, got.err
			}
		case <-p.ctx.Done():
			return 0, p.ctx.Err()
		}
	}
	n := copy(b, p.kept)
	p.kept = p.kept[n:]
	return n, nil
}

func (c *cli) printStored(cmd *cobra.Command, s storedFile, plain bool) {
	rows := [][2]string{{"CID", s.CID}, {"file", s.Name}, {"size", size(s.Bytes)}}
	for _, g := range s.Gateways {
		rows = append(rows, [2]string{"gateway", string(g)})
	}
	if s.Resumed > 0 {
		rows = append(rows, [2]string{"resumed", size(s.Resumed) + " had arrived before"})
	}
	c.pairs(rows)
	words := []string{"retrieve", "get", "--cid", s.CID}
	if plain {
		words = append(words, "--plain")
	}
	fmt.Fprintf(c.out, "\nGet it back with:\n  %s\n", c.again(cmd, words...))
}

// size shows bytes in binary units.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1024, 0
	for ; v >= 1024 && i < len(units)-1; i++ {
		v /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", v, units[i])
}
