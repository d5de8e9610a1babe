package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/devnet"
)

// devnetFlags are the flags of `devnet` beside the network's own.
type devnetFlags struct {
	demo   string
	exit   bool
	noDemo bool
}

func (c *cli) devnetCommand() *cobra.Command {
	cfg := devnet.DefaultConfig()
	var fl devnetFlags
	cmd := &cobra.Command{
		Use: "devnet", Short: "Run a whole network on this machine", Args: cobra.NoArgs,
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
			return c.runDevnet(cmd.Context(), cfg, fl)
		},
	}
	f := cmd.Flags()
	f.IntVar(&cfg.Miners, "miners", cfg.Miners, "number of miners")
	f.IntVar(&cfg.Validators, "validators", cfg.Validators, "number of validators")
	f.IntVar(&cfg.Gateways, "gateways", cfg.Gateways, "number of gateways; the first is in the first validator")
	f.DurationVar(&cfg.BlockTime, "block-time", cfg.BlockTime, "time between two blocks")
	f.StringVar(&cfg.Dir, "dir", "", "folder that keeps the network (default: a temporary one, removed at the end)")
	f.StringVar(&fl.demo, "demo", "", "file to send round (default: this program itself)")
	f.BoolVar(&fl.noDemo, "no-demo", false, "only run the network")
	f.BoolVar(&fl.exit, "exit", false, "end after the demo")
	cmd.MarkFlagsMutuallyExclusive("demo", "no-demo")
	cmd.MarkFlagsMutuallyExclusive("exit", "no-demo")
	return cmd
}

// errDemo says that the file that came back is not the one that was stored.
var errDemo = errors.New("the file that came back differs from the one that was stored")

func (c *cli) runDevnet(ctx context.Context, cfg devnet.Config, fl devnetFlags) error {
	if fl.demo == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("--demo is missing and this program does not find itself: %w", err)
		}
		fl.demo = self
	}
	if _, err := os.Stat(fl.demo); err != nil && !fl.noDemo {
		return err
	}
	if c.debug || c.trace {
		cfg.Log = c.log
	}
	start := time.Now()
	d, err := devnet.New(cfg)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	work, wctx := errgroup.WithContext(ctx)
	work.Go(func() error { return d.Run(wctx) })
	var demo error
	work.Go(func() error {
		demo = c.watchDevnet(wctx, d, cfg, fl, start)
		stop() // ends the network
		return nil
	})
	if err := work.Wait(); err != nil {
		return err
	}
	return demo
}

// watchDevnet is everything that happens in front of a running network.
func (c *cli) watchDevnet(ctx context.Context, d *devnet.Devnet, cfg devnet.Config, fl devnetFlags, start time.Time) error {
	c.say("Starting a chain, %d miners, %d validator(s) and %d gateway(s) in %s …", cfg.Miners, cfg.Validators, cfg.Gateways, d.Dir())
	select {
	case <-d.Ready():
	case <-ctx.Done():
		return nil
	}
	c.say("Ready after %.1f s; chain at %s.", time.Since(start).Seconds(), d.ChainEndpoint())
	if !fl.noDemo {
		if err := c.demo(ctx, d, fl); err != nil {
			return quietly(ctx, err)
		}
	}
	if fl.exit {
		return nil
	}
	c.suggest(d)
	return quietly(ctx, c.liveTable(ctx, d))
}

// quietly drops errors that are only the consequence of Ctrl-C.
func quietly(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// say prints to the terminal what is no answer for a script.
func (c *cli) say(format string, args ...any) {
	to := c.out
	if c.json {
		to = c.err
	}
	fmt.Fprintf(to, format+"\n", args...)
}

func (c *cli) demo(ctx context.Context, d *devnet.Devnet, fl devnetFlags) error {
	r, err := d.Demo(ctx, fl.demo, func(s devnet.Stage) { c.say("%s …", s) })
	if err != nil {
		return err
	}
	if c.json {
		if err := json.NewEncoder(c.out).Encode(r); err != nil {
			return err
		}
	} else {
		c.printDemo(r)
	}
	if !r.OK {
		return errDemo
	}
	return nil
}

func (c *cli) printDemo(r devnet.Result) {
	verdict := "identical"
	if !r.OK {
		verdict = "DIFFERENT"
	}
	fmt.Fprintln(c.out)
	c.pairs([][2]string{
		{"file", fmt.Sprintf("%s (%s)", r.File, size(r.Bytes))},
		{"CID", r.CID},
		{"stored", fmt.Sprintf("in %.2f s on %d miners", r.StoreSeconds, r.Holders)},
		{"challenged", fmt.Sprintf("%d times, %d passed", r.Challenges, r.ChallengesPassed)},
		{"retrieved", fmt.Sprintf("in %.2f s: %s", r.RetrieveSeconds, verdict)},
		{"SHA-256", r.SHA256Out},
	})
	fmt.Fprintln(c.out)
}

// suggest prints commands that work against this network from another
// terminal.
func (c *cli) suggest(d *devnet.Devnet) {
	self, err := os.Executable()
	if err != nil {
		self = "filetao"
	}
	user := fmt.Sprintf("--subtensor.chain_endpoint %s --wallet.path %s --wallet.name %s", d.ChainEndpoint(), d.WalletPath(), d.UserWallet())
	c.say("Try from another terminal:\n")
	for _, line := range []string{
		"store put --filepath FILE " + user,
		"retrieve list " + user,
		"retrieve get --cid NAME " + user,
		"chain metagraph --subtensor.chain_endpoint " + d.ChainEndpoint(),
		"miner stats --dir " + d.ValidatorDir(),
	} {
		c.say("  %s %s", self, line)
	}
	c.say("\nCtrl-C ends the network.\n")
}
