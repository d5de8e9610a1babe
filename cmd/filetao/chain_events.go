package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

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
block from then on, until Ctrl-C, also when the connection is lost meanwhile.`,
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

// followEvents prints until the context ends, from --block or the newest block
// on. A chain that is lost is waited for.
func (c *cli) followEvents(ctx context.Context, from chain.Chain, f *eventFilter, begin bool) error {
	next := uint64(f.block)
	if !begin {
		head, err := from.Head(ctx)
		if err != nil {
			return err
		}
		next = head.Number
	}
	const shortest, longest = time.Second, 30 * time.Second
	for pause := shortest; ; pause = min(2*pause, longest) {
		before := next
		err := c.followFrom(ctx, from, f, &next)
		if ctx.Err() != nil || !errors.Is(err, chain.ErrUnavailable) {
			return cmp.Or(ctx.Err(), err)
		}
		if next > before {
			pause = shortest
		}
		fmt.Fprintf(c.err, "%v; block %d is tried again in %v\n", err, next, pause)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// followFrom prints from a block on until the chain is lost.
func (c *cli) followFrom(ctx context.Context, from chain.Chain, f *eventFilter, next *uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	blocks, err := from.Subscribe(ctx)
	if err != nil {
		return err
	}
	for b := range blocks {
		for *next <= b.Number {
			err := c.printEvents(ctx, from, f, *next)
			switch {
			case errors.Is(err, chain.ErrNoBlock):
				first, err := firstKept(ctx, from, *next, b.Number)
				if err != nil {
					return err
				}
				fmt.Fprintf(c.err, "blocks %d to %d are left out: the node keeps their events no longer\n", *next, first-1)
				*next = first
			case err != nil:
				return err
			default:
				*next++
			}
		}
	}
	return cmp.Or(ctx.Err(), fmt.Errorf("%w: connection lost", chain.ErrUnavailable))
}

// firstKept is the first block above gone whose events a node has, newest+1 if it
// has none. It has those of all blocks after the first.
func firstKept(ctx context.Context, from chain.Chain, gone, newest uint64) (uint64, error) {
	low, high := gone+1, newest+1
	for low < high {
		middle := low + (high-low)/2
		switch _, err := from.Events(ctx, middle); {
		case errors.Is(err, chain.ErrNoBlock):
			low = middle + 1
		case err != nil:
			return 0, err
		default:
			high = middle
		}
	}
	return low, nil
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
