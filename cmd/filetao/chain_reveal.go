package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/commits"
	"github.com/filetao/filetao/wallet"
)

// errNothingCommitted: no file of a commitment waits.
var errNothingCommitted = errors.New("no committed weights wait to be revealed")

func (c *cli) weightsRevealCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reveal", Short: "Reveal committed weights that `chain weights set` could not", Args: noArgs,
		Long: `Reveal the weights of the wallet's hotkey that ` + "`filetao chain weights set`" + `
committed and could not reveal, because it was ended or the chain was away. What
it takes is in ~/.filetao/commits. The command waits for the epoch of the reveal
and tries at each of its blocks: keep it running until then.`,
		Example: "  filetao chain weights reveal --wallet.name validator",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.settleWallet(); err != nil {
				return err
			}
			hotkey, err := c.hotkey()
			if err != nil {
				return err
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error {
				return c.revealWeights(cmd.Context(), remote, hotkey)
			})
		},
	}
}

func (c *cli) revealWeights(ctx context.Context, on chain.Chain, hotkey *wallet.Keypair) error {
	net := chain.NetUID(c.netuid)
	r, genesis, err := c.revealer(ctx, on, hotkey)
	if err != nil {
		return err
	}
	list, err := r.Kept.List(genesis, net, hotkey.Address())
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fmt.Errorf("%w: none of %s for subnet %d of this chain in %s", errNothingCommitted, hotkey.Address(), net, r.Kept)
	}
	var lost error // of older ones, which need not keep the newer ones from their time
	for _, one := range list {
		err := c.reveal(ctx, r, one)
		switch {
		case errors.Is(err, commits.ErrMissed) || errors.Is(err, commits.ErrNoCommit):
			lost = errors.Join(lost, err)
		case err != nil:
			return errors.Join(lost, err)
		default:
			m, err := on.Metagraph(ctx, net)
			if err != nil {
				return err
			}
			n, _ := m.ByHotkey(hotkey.Address()) // it has just set weights
			if err := c.printSet(n, net, one.Weights); err != nil {
				return err
			}
		}
	}
	return lost
}

// commitAndReveal takes as long as the subnet's reveal period.
func (c *cli) commitAndReveal(ctx context.Context, on chain.Chain, hotkey *wallet.Keypair, weights []chain.Weight, version uint64) error {
	r, genesis, err := c.revealer(ctx, on, hotkey)
	if err != nil {
		return err
	}
	head, err := on.Head(ctx)
	if err != nil {
		return err
	}
	drawn, err := commits.Draw(rand.Reader, genesis, chain.NetUID(c.netuid), hotkey.Address(), weights, version, head.Number)
	if err != nil {
		return err
	}
	if err := r.Commit(ctx, drawn); ctx.Err() != nil || err != nil && !commits.Unsure(err) {
		return resumable(r, drawn, err)
	} else if err != nil {
		r.Say(err.Error())
	}
	return c.reveal(ctx, r, drawn)
}

func (c *cli) revealer(ctx context.Context, on chain.Chain, hotkey *wallet.Keypair) (*commits.Revealer, chain.Hash, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, chain.Hash{}, usagef("there is no home folder to keep committed weights in: %v", err)
	}
	genesis, err := genesisOf(ctx, on)
	return &commits.Revealer{
		Chain: on, Key: hotkey, Kept: commits.Folder(filepath.Join(home, ".filetao", "commits")),
		Say: func(sentence string) { fmt.Fprintln(c.err, sentence) },
	}, genesis, err
}

func (c *cli) reveal(ctx context.Context, r *commits.Revealer, one commits.Commit) error {
	return resumable(r, one, r.Reveal(ctx, one))
}

// resumable says how to go on, if that is possible.
func resumable(r *commits.Revealer, one commits.Commit, err error) error {
	if err == nil {
		return nil
	}
	if _, statErr := os.Stat(r.Kept.Path(one)); errors.Is(statErr, fs.ErrNotExist) {
		return err
	}
	return &unfinished{"what reveals the committed weights is kept: `filetao chain weights reveal`, for the same wallet and subnet, goes on", err}
}

// genesisOf is block 0 of a chain.
func genesisOf(ctx context.Context, on chain.Chain) (chain.Hash, error) {
	if real, ok := on.(subtensor); ok {
		return real.Genesis(ctx)
	}
	first, err := on.BlockAt(ctx, 0)
	return first.Hash, err
}
