package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/recovery"
	"github.com/filetao/filetao/wallet"
)

// errNotWhole says that not everything could be asked or brought back.
var errNotWhole = errors.New("the index is not whole")

// errNotStorer says that the wallet is not one that can have stored anything.
var errNotStorer = errors.New("no neuron, and miners list shards only to the neuron that stored them")

func (c *cli) indexCommand() *cobra.Command {
	return group("index", "Look after a validator's index", c.indexRebuildCommand())
}

// rebuildFlags are the flags of `index rebuild`.
type rebuildFlags struct {
	indexFlags
	dir, manifests string
	permitLimit    float64 // TAO
}

func (c *cli) indexRebuildCommand() *cobra.Command {
	var r rebuildFlags
	cmd := &cobra.Command{
		Use: "rebuild", Short: "Build a lost index anew from what miners keep", Args: noArgs,
		Long: `Build the index of a validator or gateway anew. Stop what works with it, if it is
in --dir. Every miner is asked which shards it keeps for the wallet's hotkey, under
which they have to have been stored, and says so by what both have signed.

Among that is the backup that a validator makes of what its index knows of files
(run validator --backup.period): it brings all of them back, small ones too, as they
were when it was made last, and none that was deleted. What was put since, and what
was stored without a backup, comes back from its owners' exports (filetao files
export) in --manifests, unless the backup or the index knows that it was deleted or
has ended. What nobody names waits ` + strconv.Itoa(int(recovery.Keep.Hours()/24)) + ` days for its owner to put the same file again:
nothing of it is sent then, since it is all there.

What the index knows already stays as it is. So it may be done to an index that
is not lost, and again when more miners can be reached or more exports were found.
Files and miners' standings of the reference's way do not come back; a validator
makes the standings again.`,
		Example: "  filetao index rebuild --dir ~/.filetao/validator --wallet.name validator --manifests exports\n" +
			"  filetao index rebuild --index redis://localhost:6379/1 --wallet.name validator --json",
		RunE: func(cmd *cobra.Command, _ []string) error { return c.rebuildIndex(cmd.Context(), &r) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&r.dir, "dir", "", "`folder` of the validator (default ~/.filetao/validator)")
	f.StringVar(&r.manifests, "manifests", "", "`folder` of owners' exports, files that end with "+recovery.Suffix)
	r.indexFlags.add(c, cmd)
	limit := float64(fleet.DefaultConfig().VpermitLimit) / float64(chain.TAO)
	f.Float64Var(&r.permitLimit, "neuron.vpermit_tao_limit", limit, "stake in `TAO` above which a validator is not asked")
	return cmd
}

func (c *cli) rebuildIndex(ctx context.Context, r *rebuildFlags) error {
	var documents iter.Seq[recovery.Document]
	if r.manifests != "" {
		dir := expandHome(r.manifests)
		if info, err := os.Stat(dir); err != nil {
			return fmt.Errorf("--manifests: %w", err)
		} else if !info.IsDir() {
			return usagef("--manifests: %s is no folder", dir)
		}
		documents = recovery.Documents(dir)
	}
	if err := c.settleWallet(); err != nil {
		return err
	}
	asker, err := c.hotkey()
	if err != nil {
		return err
	}
	if r.dir == "" && c.net != nil {
		r.dir = c.net.Validator
	}
	if err := homeDir(&r.dir, "validator"); err != nil {
		return err
	}
	var report recovery.Report
	if err := c.onChain(ctx, func(remote chain.Chain) error {
		if err := c.isNeuron(ctx, remote, asker); err != nil {
			return err
		}
		return withIndex(ctx, c.log, r.url(), r.dir, func(ix *index.Index) (err error) {
			bar := c.progress("rebuilding the index")
			defer bar.done()
			report, err = node.RebuildIndex(ctx, node.RebuildConfig{
				Chain: remote, NetUID: chain.NetUID(c.netuid), Asker: asker, Index: ix,
				Fleet:     fleet.Config{VpermitLimit: max(1, rao(r.permitLimit))},
				Manifests: documents, Progress: rebuildProgress(bar), Log: c.log,
			})
			return err
		})
	}); errors.Is(err, index.ErrLocked) && c.net != nil {
		return fmt.Errorf("the validator runs: %w; with --dir NEW another one is built beside it", err)
	} else if err != nil {
		return err
	}
	if err := c.print(report, func() { c.printRebuild(report) }); err != nil {
		return err
	}
	if report.Miners == 0 {
		return fmt.Errorf("%w: there are no miners", errNotWhole)
	}
	if !report.Whole() {
		return fmt.Errorf("%w: %s", errNotWhole, report.Missing())
	}
	return nil
}

// isNeuron refuses a hotkey that is not on the subnet before every miner does.
func (c *cli) isNeuron(ctx context.Context, on chain.Chain, k *wallet.Keypair) error {
	m, err := on.Metagraph(ctx, chain.NetUID(c.netuid))
	if err != nil {
		return err
	}
	if _, ok := m.ByHotkey(k.Address()); ok {
		return nil
	}
	storer := "NAME"
	if c.net != nil {
		storer = c.net.ValidatorWallet
	}
	return fmt.Errorf("wallet %s is %w: use the wallet that stored, --wallet.name %s", c.wallet.Name, errNotStorer, storer)
}

// rebuildProgress says on a terminal how far it is.
func rebuildProgress(bar *progressBar) func(recovery.Report) {
	var last string
	return func(r recovery.Report) {
		done := r.Listed + r.Failed + r.Deaf
		text := fmt.Sprintf("%d of %s, %s shards", done, count(r.Miners, "miner"), thousands(uint64(r.Shards.Added+r.Shards.Known)/100*100))
		if done == r.Miners {
			text = fmt.Sprintf("%s, %s", count(r.Segments, "segment"), count(r.Objects.Restored, "file"))
		}
		if text != last {
			last = text
			bar.say(text)
		}
	}
}

func (c *cli) printRebuild(r recovery.Report) {
	s, o := r.Shards, r.Objects
	var rows [][2]string
	line := func(name, format string, args ...any) {
		rows = append(rows, [2]string{name, fmt.Sprintf(format, args...)})
	}
	line("Miners", "%d: %d asked, %d failed, %d that know no lists", r.Miners, r.Listed, r.Failed, r.Deaf)
	line("Shards", "%d added, %d known before", s.Added, s.Known)
	if left := s.Expired + s.Dropped + s.Damaged + s.Unreadable + s.Foreign + s.Conflicts; left > 0 {
		line("", "left out: %d expired, %d to be dropped, %d damaged, %d unreadable, %d foreign, %d in conflict",
			s.Expired, s.Dropped, s.Damaged, s.Unreadable, s.Foreign, s.Conflicts)
	}
	line("Segments", "%d: %d complete, %d short of shards", r.Segments, r.Complete, r.Short)
	if p := r.Packs; p.At.IsZero() {
		line("Backup", "none was found")
	} else {
		line("Backup", "of %s, %s read, %d missing", p.At.UTC().Format(time.RFC3339), count(p.Read, "pack"), p.Missing)
	}
	line("Files", "%d restored, %d known before, %d incomplete, %d in conflict, %d refused", o.Restored, o.Known, o.Incomplete, o.Conflicts, o.Refused)
	if o.Deleted+o.Expired > 0 {
		line("", "not brought back: %d deleted, %d expired", o.Deleted, o.Expired)
	}
	c.pairs(rows)
	for i, p := range r.Problems {
		if i == 0 {
			fmt.Fprintln(c.out)
		}
		c.hanging("! ", p)
	}
}
