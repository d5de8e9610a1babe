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

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/validator/events"
	"github.com/filetao/filetao/wire"
)

// explainFlags are the flags of `miner explain`.
type explainFlags struct {
	from    sourceFlags
	miner   string
	last    int
	since   uint64
	events  string
	ask     string
	timeout float64
	profile profileFlag
}

func (c *cli) minerExplainCommand() *cobra.Command {
	var x explainFlags
	cmd := &cobra.Command{
		Use: "explain [HOTKEY | UID]", Short: "Say why a miner stands where it does: every change of its score", Args: oneArg("miner", &x.miner),
		Long: `Say why a miner stands where it does: its tier and score, what it lacks for the
next tier, what hurt it most and what to do; then every change of its score with
the audit, retrieval, store, ping or rollover behind it, the newest first. It is
taken ` + sourceHelp + `
--events reads an event log alone.

REWARD is what entered the score, and OTHERS what the others' good answers to the
same task were paid on average: score = 0.05 x reward + 0.95 x score. A reward is
the tier's factor, times the miner's possession (the share of a success that its
audits are worth), shifted from the slow answers to the fast ones. A validator's
folder says by which rules it goes; --profile names others to show a stopped one by.

Who runs a miner can ask a validator of it, signed with its hotkey: --ask names
the validator. Nobody is told of other miners.`,
		Example: "  filetao miner explain 5 --devnet DIR\n  filetao miner explain 5Grw… --last 200 --json\n" +
			"  filetao miner explain --ask 5FHn… --wallet.name miner1",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flag("last").Changed && (x.last < 1 || x.last > node.MaxChanges) {
				return usagef("--last: from 1 to %d", node.MaxChanges)
			}
			found, err := c.explanation(cmd.Context(), &x)
			if err != nil {
				return err
			}
			return c.print(found, func() { c.printExplanation(found) })
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.IntVar(&x.last, "last", node.DefaultChanges, "how many changes at most, as a `number`")
	f.Uint64Var(&x.since, "since", 0, "only changes from this `block` on")
	f.StringVar(&x.events, "events", "", "`file` of a validator's events, to read it and no index (with --index, beside that)")
	f.StringVar(&x.ask, "ask", "", "ask the validator with this `hotkey` or UID, over the network, of the miner whose hotkey the wallet has")
	f.Float64Var(&x.timeout, "timeout", 20, "`seconds` that a validator may take (--ask)")
	x.from.add(c, cmd)
	x.profile.addView(f)
	for _, other := range []string{"dir", "index", "events", "since", "profile"} {
		cmd.MarkFlagsMutuallyExclusive("ask", other)
	}
	cmd.MarkFlagsMutuallyExclusive("dir", "events")
	return cmd
}

// explanation finds it where the flags say.
func (c *cli) explanation(ctx context.Context, x *explainFlags) (found node.Explanation, err error) {
	if x.ask != "" {
		return c.askValidator(ctx, x)
	}
	if x.miner == "" {
		return found, usagef("which miner? Give its hotkey or its UID: `filetao miner stats` lists them")
	}
	who, err := node.ParseWhom(x.miner)
	if err != nil {
		return found, usagef("%v", err)
	}
	who.Last, who.Since = x.last, x.since
	if found, err = c.explanationOf(ctx, x, who); errors.Is(err, node.ErrNoMiner) && who.Hotkey == "" {
		err = fmt.Errorf("nothing is known of UID %d: give its hotkey, or say with --subtensor.chain_endpoint where to look it up: %w", who.UID, index.ErrNotFound)
	}
	return found, err
}

func (c *cli) explanationOf(ctx context.Context, x *explainFlags, who node.Whom) (found node.Explanation, err error) {
	if x.events != "" && x.from.at == "" {
		x.events = expandHome(x.events)
		if info, err := os.Stat(x.events); err == nil && info.IsDir() {
			x.events = filepath.Join(x.events, events.FileName)
		}
		if _, err := os.Stat(x.events); err != nil {
			return found, noEvents(x.events)
		}
		return c.explain(ctx, x, node.View{Events: x.events}, who)
	}
	err = c.withSource(ctx, &x.from, func(src *source) error {
		if src.ix == nil {
			found, err = src.explain(ctx, who)
			return err
		}
		log := expandHome(x.events)
		if log == "" && x.from.at == "" {
			log = filepath.Join(x.from.dir, events.FileName)
		}
		found, err = c.explain(ctx, x, node.View{Index: src.ix, Events: log}, who)
		return err
	})
	return found, err
}

// explain reads what a validator left on disk.
func (c *cli) explain(ctx context.Context, x *explainFlags, v node.View, who node.Whom) (node.Explanation, error) {
	known, err := x.profile.view(x.from.dir)
	if err != nil {
		return node.Explanation{}, err
	}
	v.Config, v.VpermitLimit, v.Self = known.Config, known.VpermitLimit, known.Self
	c.addChain(ctx, &v)
	bar := c.progress("events")
	defer bar.done()
	v.Read = func(done, all int64) { bar.move(wire.Progress{Received: done, ReceivedTotal: all}) }
	return v.Explain(ctx, who)
}

// askValidator asks a validator over the network, as the miner that the wallet's
// hotkey is.
func (c *cli) askValidator(ctx context.Context, x *explainFlags) (found node.Explanation, err error) {
	if x.miner != "" {
		return found, usagef("--ask is about the miner whose hotkey the wallet has, and no other: leave %s out", x.miner)
	}
	if err := c.settleWallet(); err != nil {
		return found, err
	}
	hotkey, err := c.hotkey()
	if err != nil {
		return found, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(x.timeout*float64(time.Second)))
	defer cancel()
	err = c.onChain(ctx, func(remote chain.Chain) error {
		m, err := remote.Metagraph(ctx, chain.NetUID(c.netuid))
		if err != nil {
			return err
		}
		asked, err := c.validatorIn(m, x.ask)
		if err != nil {
			return err
		}
		if _, ok := m.ByHotkey(hotkey.Address()); !ok {
			return fmt.Errorf("%w: %s on subnet %d; --wallet.name and --wallet.hotkey say which miner asks", chain.ErrNotRegistered, hotkey.Address(), m.NetUID)
		}
		data, err := node.AskExplain(ctx, hotkey, asked, x.last, c.log)
		if wire.StatusOf(err) == wire.StatusNotFound {
			return fmt.Errorf("UID %d answers no such questions, or knows nothing of you: %w", asked.UID, err)
		} else if err != nil {
			return err
		}
		if err := json.Unmarshal(data, &found); err != nil {
			return fmt.Errorf("the validator's answer cannot be read: %w", err)
		}
		return nil
	})
	return found, err
}

// validatorIn finds whom --ask names.
func (c *cli) validatorIn(m *chain.Metagraph, name string) (chain.Neuron, error) {
	n, err := neuronIn(m, "--ask", name)
	switch {
	case err != nil:
		return n, err
	case !n.Axon.Serving():
		return n, fmt.Errorf("--ask: %s: %w: a validator that is asked runs with --api or --axon", name, errNoAxon)
	}
	return n, nil
}

// errNoAxon says that a validator cannot be asked.
var errNoAxon = errors.New("it serves no axon")
