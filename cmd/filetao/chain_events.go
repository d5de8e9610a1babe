package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
)

// eventFilter says which events `chain events` shows.
type eventFilter struct {
	follow bool
	block  int64
	pallet string
	name   string
}

func (c *cli) chainEventsCommand() *cobra.Command {
	f := eventFilter{}
	cmd := serves(&cobra.Command{
		Use: "events", Short: "Show what happened in a block, or in all to come", Args: noArgs,
		Long: `Show what happened in the newest block or in --block; with --follow in every
block from then on, until Ctrl-C.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !f.follow && !c.debug && !c.trace {
				c.log = slog.New(slog.DiscardHandler) // it ends at once, and says how by itself
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				ctx := cmd.Context()
				if f.follow {
					return c.followEvents(ctx, remote, &f, cmd.Flag("block").Changed)
				}
				block := uint64(f.block)
				if !cmd.Flag("block").Changed {
					head, err := remote.Head(ctx)
					if err != nil {
						return err
					}
					block = head.Number
				}
				return c.printEvents(ctx, remote, &f, block)
			})
		},
	})
	flags := cmd.Flags()
	flags.BoolVar(&f.follow, "follow", false, "go on with every new block")
	flags.Int64Var(&f.block, "block", 0, "`number` of the block to show, or to begin with (default: the newest)")
	flags.StringVar(&f.pallet, "pallet", "", "show those of this `pallet` only, for example SubtensorModule")
	flags.StringVar(&f.name, "name", "", "show those of this `name` only, for example NeuronRegistered")
	return cmd
}

// followEvents prints until the context ends, from --block or the newest block on.
func (c *cli) followEvents(ctx context.Context, from chain.Chain, f *eventFilter, begin bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	blocks, err := from.Subscribe(ctx)
	if err != nil {
		return err
	}
	next := uint64(f.block)
	if !begin {
		head, err := from.Head(ctx)
		if err != nil {
			return err
		}
		next = head.Number
	}
	for b := range blocks {
		for ; next <= b.Number; next++ {
			if err := c.printEvents(ctx, from, f, next); err != nil {
				return err
			}
		}
	}
	return cmp.Or(ctx.Err(), fmt.Errorf("%w: lost at block %d", chain.ErrUnavailable, next))
}

// printEvents prints a line for each event: without --json the block, the name
// and the fields as the chain gives them.
func (c *cli) printEvents(ctx context.Context, from chain.Chain, f *eventFilter, block uint64) error {
	events, err := from.Events(ctx, block)
	if err != nil {
		return err
	}
	for _, e := range events {
		if f.pallet != "" && e.Pallet != f.pallet || f.name != "" && e.Name != f.name {
			continue
		}
		if err := c.print(struct {
			Block  uint64          `json:"block"`
			Pallet string          `json:"pallet"`
			Name   string          `json:"name"`
			Fields json.RawMessage `json:"fields"`
		}{block, e.Pallet, e.Name, e.Fields}, func() {
			fmt.Fprintf(c.out, "%d  %s.%s  %s\n", block, e.Pallet, e.Name, e.Fields)
		}); err != nil {
			return err
		}
	}
	return nil
}
