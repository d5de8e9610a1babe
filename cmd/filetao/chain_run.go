package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/internal/lifecycle"
)

func (c *cli) chainRunCommand() *cobra.Command {
	cfg := devchain.Config{Hyperparameters: devchain.DefaultHyperparameters()}
	var listen string
	var memory bool
	cmd := serves(&cobra.Command{
		Use: "run", Short: "Run a development chain and serve it", Args: noArgs,
		Long: `Run a development chain and serve it over JSON-RPC until Ctrl-C.

It starts with a million TAO on //Alice, whose key everybody knows: not for
anything of value. State is kept in --dir and goes on from there.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if memory {
				cfg.Dir = ""
			} else if err := makeDir(&cfg.Dir, "chain"); err != nil {
				return err
			}
			cfg.NetUID = chain.NetUID(c.netuid)
			return c.runChain(cmd.Context(), cfg, listen)
		},
	})
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&cfg.Dir, "dir", "", "`folder` of the chain's state (default ~/.filetao/chain)")
	f.BoolVar(&memory, "in-memory", false, "keep nothing on disk")
	f.StringVar(&listen, "listen", "127.0.0.1:9944", "`address` to serve; port 0 takes a free one")
	f.DurationVar(&cfg.BlockTime, "block-time", 12*time.Second, "time between two blocks")
	f.StringVar(&cfg.Seed, "seed", "", "`text` that the block hashes follow from")
	h := &cfg.Hyperparameters
	f.Uint16Var(&h.Tempo, "tempo", h.Tempo, "`blocks` from epoch to epoch")
	f.Uint16Var(&h.ImmunityPeriod, "immunity-period", h.ImmunityPeriod, "`blocks` in which a new neuron is not replaced")
	f.Uint16Var(&h.MaxUIDs, "max-uids", h.MaxUIDs, "`number` of neurons on the subnet")
	f.Uint64Var(&h.WeightsRateLimit, "weights-rate-limit", h.WeightsRateLimit, "`blocks` between two settings of weights")
	f.BoolVar(&h.CommitReveal, "commit-reveal", false, "take weights only that are committed first and revealed later")
	f.Uint64Var(&h.RevealPeriod, "reveal-period", 1, "`epochs` from a commitment to its reveal")
	f.Uint64Var(&h.ServingRateLimit, "serving-rate-limit", h.ServingRateLimit, "`blocks` between two announcements of an axon")
	return cmd
}

func (c *cli) runChain(ctx context.Context, cfg devchain.Config, listen string) error {
	dev, err := devchain.Open(cfg, devchain.Deps{Log: c.log})
	if err != nil {
		return err
	}
	group := lifecycle.New(c.log)
	group.AddCloser("chain", dev.Close)
	server, err := devchain.NewServer(dev, devchain.ServerConfig{Listen: listen})
	if err != nil {
		return errors.Join(err, group.Close())
	}
	group.Add("blocks", dev.Run)
	group.Add("server", server.Run)
	head, err := dev.Head(ctx)
	if err != nil {
		return errors.Join(err, server.Close(), group.Close())
	}
	if err := c.print(map[string]any{"endpoint": server.URL(), "netuid": c.netuid, "block": head.Number}, func() {
		fmt.Fprintf(c.out, "Chain serves subnet %d at %s from block %d on; Ctrl-C ends it.\n", c.netuid, server.URL(), head.Number)
	}); err != nil {
		return errors.Join(err, server.Close(), group.Close())
	}
	return group.Run(ctx)
}
