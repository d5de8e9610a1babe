package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/envelope"
)

// devnetFlags are the flags of `devnet` beside the network's own.
type devnetFlags struct {
	demo    string
	exit    bool
	noDemo  bool
	profile profileFlag
}

func (c *cli) devnetCommand() *cobra.Command {
	cfg := devnet.DefaultConfig()
	var fl devnetFlags
	cmd := serves(&cobra.Command{
		Use: "devnet", Short: "Run a whole network on this machine", Args: noArgs,
		Long: `Run a whole network on this machine: an embedded chain, miners, validators and
gateways on loopback. It stores a file, waits until its holders have been
challenged, gets it back and compares; then it shows how the network does and
prints commands to try from another terminal, until Ctrl-C. Without --dir it
leaves nothing behind.

With --json the last line is an object with ok, cid, bytes, sha256_in,
sha256_out, store_seconds, retrieve_seconds, challenges, challenges_passed and
holders; the exit code is 1 when ok is false.`,
		Example: "  filetao devnet\n  filetao devnet --exit --json --demo FILE\n  filetao devnet --dir ~/net --miners 10 --gateways 2",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.Dir = expandHome(cfg.Dir)
			if cfg.Miners < 1 || cfg.Validators < 1 || cfg.Gateways < 1 {
				return usagef("--miners, --validators and --gateways: at least one of each")
			}
			if err := fl.profile.settle(&cfg.Validator); err != nil {
				return err
			}
			if err := fl.settle(); err != nil {
				return err
			}
			return c.runDevnet(cmd.Context(), cfg, fl)
		},
	})
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&fl.demo, "demo", "", "`file` to send round (default: this program itself)")
	f.BoolVar(&fl.exit, "exit", false, "end after the demo")
	f.BoolVar(&fl.noDemo, "no-demo", false, "only run the network")
	f.StringVar(&cfg.Dir, "dir", "", "`folder` that keeps the network (default: a temporary one, removed at the end)")
	f.IntVar(&cfg.Miners, "miners", cfg.Miners, "`number` of miners")
	f.IntVar(&cfg.Validators, "validators", cfg.Validators, "`number` of validators")
	f.IntVar(&cfg.Gateways, "gateways", cfg.Gateways, "`number` of gateways; the first is in the first validator")
	f.DurationVar(&cfg.BlockTime, "block-time", cfg.BlockTime, "time between two blocks")
	fl.profile.add(f)
	cmd.MarkFlagsMutuallyExclusive("demo", "no-demo")
	cmd.MarkFlagsMutuallyExclusive("exit", "no-demo")
	return cmd
}

// settle looks at the demo's file before anything is started.
func (fl *devnetFlags) settle() (err error) {
	if fl.demo == "" {
		if fl.demo, err = os.Executable(); err != nil {
			return usagef("--demo is missing, and this program does not find itself: %v", err)
		}
	}
	if fl.demo, err = filepath.Abs(expandHome(fl.demo)); err != nil {
		return err
	}
	if fl.noDemo {
		return nil
	}
	return fileOf("demo", fl.demo)
}

// errDemo says that the file that came back is not the one that was stored.
var errDemo = errors.New("the file that came back differs from the one that was stored")

func (c *cli) runDevnet(ctx context.Context, cfg devnet.Config, fl devnetFlags) error {
	if c.debug || c.trace {
		cfg.Log = c.log
	}
	if cfg.Keys == nil {
		cfg.Keys = func(privateKeyHex string) envelope.Key {
			key, _ := c.deriveKey(ctx, privateKeyHex) // once ctx has ended nobody uses it
			return key
		}
	}
	start := c.now()
	d, err := devnet.New(cfg)
	if err != nil {
		return err
	}
	inner, stop := context.WithCancel(ctx)
	defer stop()
	work, wctx := errgroup.WithContext(inner)
	work.Go(func() error { return d.Run(wctx) })
	var demo error
	work.Go(func() error {
		demo = c.watchDevnet(wctx, d, cfg, fl, start)
		if ctx.Err() != nil {
			c.say("\nEnding the network.")
		}
		err := withdraw(d)
		stop()
		return err
	})
	if err := work.Wait(); err != nil {
		return err
	}
	return demo
}

// watchDevnet is everything that happens in front of a running network.
func (c *cli) watchDevnet(ctx context.Context, d *devnet.Devnet, cfg devnet.Config, fl devnetFlags, start time.Time) error {
	if err := withdraw(d); err != nil { // of one that was killed
		return err
	}
	c.say("Starting a chain, %s, %s and %s in %s",
		count(cfg.Miners, "miner"), count(cfg.Validators, "validator"), count(cfg.Gateways, "gateway"), d.Dir())
	bar := c.progress("deriving keys, registering the nodes")
	select {
	case <-d.Ready():
	case <-ctx.Done():
	}
	bar.done()
	if ctx.Err() != nil {
		return fl.brokenOff(ctx, ctx.Err())
	}
	file, err := describe(d)
	if err != nil {
		return err
	}
	c.say("Ready after %.1f s; chain at %s", c.now().Sub(start).Seconds(), d.ChainEndpoint())
	if !fl.noDemo {
		if err := c.demo(ctx, d, file, fl); err != nil {
			return fl.brokenOff(ctx, err)
		}
	}
	if fl.exit {
		return nil
	}
	c.suggest(ctx, d, fl)
	return fl.brokenOff(ctx, c.liveTable(ctx, d))
}

// count is a number of things in words.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// brokenOff drops errors that are only the consequence of Ctrl-C, which is how a
// devnet ends; a script that wanted the demo alone is told.
func (fl devnetFlags) brokenOff(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case fl.exit:
		return errInterrupted
	}
	return nil
}

// say prints to the terminal what is no answer for a script.
func (c *cli) say(format string, args ...any) {
	to := c.out
	if c.json {
		to = c.err
	}
	fmt.Fprintf(to, format+"\n", args...)
}

// demo sends a file round. It is remembered like any that the user stores.
func (c *cli) demo(ctx context.Context, d *devnet.Devnet, file devnetFile, fl devnetFlags) error {
	name := filepath.Base(fl.demo)
	bar := c.progress(name)
	defer bar.done()
	r, err := d.Demo(bar.context(ctx), fl.demo, func(s devnet.Stage) {
		if bar.pool == nil {
			c.say("%s: %s …", name, s)
		}
		bar.say(string(s))
	})
	bar.done()
	if err != nil {
		return err
	}
	if c.json {
		err = json.NewEncoder(c.out).Encode(r)
	} else {
		c.printDemo(r)
	}
	if err != nil {
		return err
	}
	if !r.OK {
		return errDemo
	}
	book, err := client.OpenBook(file.Hashes, file.User)
	if err != nil {
		return err
	}
	_, err = book.Add(client.Entry{Name: name, CID: r.CID})
	return err
}

func (c *cli) printDemo(r devnet.Result) {
	verdict := "identical"
	if !r.OK {
		verdict = "DIFFERENT"
	}
	where := "on " + count(r.Holders, "miner")
	if r.Holders == 0 {
		where = "in its manifest, being so small"
	}
	fmt.Fprintln(c.out)
	c.pairs([][2]string{
		{"file", fmt.Sprintf("%s (%s)", r.File, size(r.Bytes))},
		{"CID", r.CID},
		{"stored", fmt.Sprintf("in %.2f s %s", r.StoreSeconds, where)},
		{"challenged", fmt.Sprintf("%s, %d passed", count(int(r.Challenges), "time"), r.ChallengesPassed)},
		{"retrieved", fmt.Sprintf("in %.2f s: %s", r.RetrieveSeconds, verdict)},
		{"SHA-256", r.SHA256Out},
	})
	fmt.Fprintln(c.out)
}

// suggest prints commands that work against this network from another
// terminal, as they stand there.
func (c *cli) suggest(ctx context.Context, d *devnet.Devnet, fl devnetFlags) {
	file, dir := shellWord(fl.demo), shellWord(d.Dir())
	c.say("Try from another terminal:\n")
	for _, line := range []string{
		"store put --devnet " + dir + " " + file,
		"retrieve list --devnet " + dir,
		"retrieve get --devnet " + dir + " " + shellWord(filepath.Base(fl.demo)),
		"chain metagraph --devnet " + dir,
		"miner stats --devnet " + dir,
		fmt.Sprintf("miner explain %d --devnet %s", aMiner(ctx, d), dir),
		"selection --devnet " + dir,
		"audit show --devnet " + dir,
		"plot --devnet " + dir,
	} {
		c.say("  %s %s", shellWord(ownName()), line)
	}
	c.say("\nCtrl-C ends the network.\n")
}

// aMiner is the UID of one of the miners.
func aMiner(ctx context.Context, d *devnet.Devnet) int {
	s, err := d.Snapshot(ctx)
	if err != nil || len(s.Miners) == 0 {
		return 0
	}
	return max(0, s.Miners[0].UID)
}
