package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// exitFlags are the flags of `miner exit`.
type exitFlags struct {
	dir            string
	cancel, once   bool
	timeout, every float64 // seconds
}

func (c *cli) minerExitCommand() *cobra.Command {
	var x exitFlags
	cmd := &cobra.Command{
		Use: "exit", Short: "Leave the network with dignity: have a miner's shards moved, and get receipts", Args: noArgs,
		Long: `Tell the subnet's validators that the miner with the wallet's hotkey leaves. They
give it no new data and move away what users have there, which the miner has to
give back meanwhile: let it run. Each validator that needs nothing of it any more
signs a receipt, which is kept in the folder exits of the miner's folder, --dir.
Then the miner can be stopped.

It waits until all validators that answer have signed; stopped and started again
it goes on. --cancel takes it back: what has been moved stays moved.`,
		Example: "  filetao miner exit --wallet.name miner1\n  filetao miner exit --wallet.name miner1 --cancel",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if x.cancel && x.once {
				return usagef("--cancel asks once anyway: leave --once out")
			}
			if x.every <= 0 || x.timeout <= 0 {
				return usagef("--every and --timeout are seconds, more than 0")
			}
			if err := c.settleWallet(); err != nil {
				return err
			}
			hotkey, err := c.hotkey()
			if err != nil {
				return err
			}
			if err := homeDir(&x.dir, "miner"); err != nil {
				return err
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error { return c.exitMiner(cmd.Context(), &x, hotkey, remote) })
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&x.dir, "dir", "", "`folder` of the miner (default ~/.filetao/miner)")
	f.BoolVar(&x.cancel, "cancel", false, "stay after all")
	f.BoolVar(&x.once, "once", false, "do not wait: say how far it is")
	f.Float64Var(&x.every, "every", 30, "`seconds` between two questions to a validator")
	f.Float64Var(&x.timeout, "timeout", 20, "`seconds` that a validator may take to answer")
	return cmd
}

// leave is how far a miner has left one validator.
type leave struct {
	Validator wallet.Address `json:"validator"`
	UID       chain.UID      `json:"uid"`
	// State is "leaving", "left", "stays", or "" when it did not answer.
	State   string `json:"state"`
	Shards  int64  `json:"shards"`
	Bytes   int64  `json:"bytes"`
	Receipt string `json:"receipt,omitempty"` // the file
	Error   string `json:"error,omitempty"`

	neuron chain.Neuron
	err    error
}

// The states of a leave.
const (
	stateLeaving = "leaving"
	stateLeft    = "left"
	stateStays   = "stays"
)

// errNotAsked says that no validator knows that a miner leaves.
var errNotAsked = errors.New("no validator has answered")

// exitMiner asks the validators until all that answer have signed.
func (c *cli) exitMiner(ctx context.Context, x *exitFlags, hotkey *wallet.Keypair, remote chain.Chain) error {
	leaves, err := c.leaves(ctx, hotkey, remote)
	if err != nil {
		return err
	}
	for said := ""; ; {
		for i := range leaves {
			if err := c.askToLeave(ctx, x, hotkey, &leaves[i]); err != nil {
				return err
			}
		}
		if left, open := progressOf(leaves); x.cancel || x.once || open == 0 {
			if err := c.print(leaves, func() { c.printLeaves(leaves) }); err != nil {
				return err
			}
			return outcomeOf(leaves, left+open)
		}
		if !c.json {
			said = c.noteLeaves(leaves, said)
		}
		timer := time.NewTimer(seconds(x.every))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// leaves are those of all validators that serve.
func (c *cli) leaves(ctx context.Context, hotkey *wallet.Keypair, remote chain.Chain) ([]leave, error) {
	m, err := remote.Metagraph(ctx, chain.NetUID(c.netuid))
	if err != nil {
		return nil, err
	}
	if _, ok := m.ByHotkey(hotkey.Address()); !ok {
		return nil, fmt.Errorf("%w: %s on subnet %d; --wallet.name and --wallet.hotkey say which miner leaves", chain.ErrNotRegistered, hotkey.Address(), m.NetUID)
	}
	var leaves []leave
	deaf := 0
	for _, n := range m.Neurons {
		switch {
		case !n.ValidatorPermit || n.Hotkey == hotkey.Address():
		case n.Axon.Serving():
			leaves = append(leaves, leave{Validator: n.Hotkey, UID: n.UID, neuron: n})
		default:
			deaf++
		}
	}
	if len(leaves) == 0 {
		return nil, fmt.Errorf("subnet %d has no validator that can be asked: %w", m.NetUID, errNoAxon)
	}
	if deaf > 0 {
		fmt.Fprintf(c.err, "%s without an axon cannot be asked.\n", count(deaf, "validator"))
	}
	return leaves, nil
}

// askToLeave asks one validator, unless it has signed already. What it answers is no
// error.
func (c *cli) askToLeave(ctx context.Context, x *exitFlags, hotkey *wallet.Keypair, l *leave) error {
	if l.State == stateLeft {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, seconds(x.timeout))
	defer cancel()
	d, err := node.AskDrain(within, hotkey, l.neuron, !x.cancel, c.log)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if l.err, l.Error = err, ""; err != nil {
		l.Error = err.Error()
		if wire.StatusOf(err) == wire.StatusNotFound {
			l.Error = "it knows no such question"
		}
		return nil
	}
	l.Shards, l.Bytes = d.Shards, d.Bytes
	switch {
	case x.cancel:
		l.State = stateStays
	case len(d.Exit) == 0:
		l.State = stateLeaving
	default:
		l.State = stateLeft
		l.Receipt, err = keepExit(x.dir, d)
	}
	return err
}

// keptExit is the file of a receipt.
type keptExit struct {
	Miner     wallet.Address `json:"miner"`
	Validator wallet.Address `json:"validator"`
	Shards    int64          `json:"shards"`
	Bytes     int64          `json:"bytes"`
	Started   time.Time      `json:"started"`
	Done      time.Time      `json:"done"`
	Exit      []byte         `json:"exit"`      // the statement as it was signed
	Signature []byte         `json:"signature"` // the validator's
}

// keepExit writes a receipt into the miner's folder.
func keepExit(dir string, d wire.Drain) (path string, err error) {
	e, err := receipt.ParseExit(d.Exit)
	if err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(keptExit{e.Miner, e.Validator, e.Shards, e.Bytes, e.Started, e.Done, d.Exit, d.Signature}, "", "  ")
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "exits")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(dir, string(e.Validator)+".json")
	return path, durable.WriteFile(path, append(data, '\n'), 0o600)
}

// progressOf counts who has signed, and who is at it.
func progressOf(leaves []leave) (left, open int) {
	for _, l := range leaves {
		switch l.State {
		case stateLeft:
			left++
		case stateLeaving:
			open++
		}
	}
	return left, open
}

// outcomeOf is an error when nobody has answered.
func outcomeOf(leaves []leave, known int) error {
	for _, l := range leaves {
		if l.State == stateStays {
			known++
		}
	}
	if known > 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", errNotAsked, leaves[0].err)
}

// noteLeaves says how far it is, for somebody who waits, unless that is what was
// said last. It returns what it said.
func (c *cli) noteLeaves(leaves []leave, said string) string {
	if said == "" {
		fmt.Fprintln(c.err, "The miner leaves. Let it run until all validators have signed; Ctrl-C stops only the waiting.")
	}
	var parts []string
	for _, l := range leaves {
		switch {
		case l.Error != "":
			parts = append(parts, fmt.Sprintf("UID %d does not answer", l.UID))
		case l.State == stateLeft:
			parts = append(parts, fmt.Sprintf("UID %d has signed", l.UID))
		case l.Shards == 0:
			parts = append(parts, fmt.Sprintf("UID %d: nothing is left, it signs within a minute or two", l.UID))
		default:
			parts = append(parts, fmt.Sprintf("UID %d: %s, %s left", l.UID, count(int(l.Shards), "shard"), size(l.Bytes)))
		}
	}
	now := strings.Join(parts, "; ")
	if now != said {
		fmt.Fprintln(c.err, now)
	}
	return now
}

func (c *cli) printLeaves(leaves []leave) {
	var rows [][]string
	for _, l := range leaves {
		state, rest := l.State, ""
		switch {
		case l.Error != "":
			state, rest = "no answer", l.Error
		case l.State == stateLeaving:
			rest = fmt.Sprintf("%s left, %s", count(int(l.Shards), "shard"), size(l.Bytes))
		case l.State == stateLeft:
			rest = l.Receipt
		}
		rows = append(rows, []string{fmt.Sprint(l.UID), short(string(l.Validator)), state, rest})
	}
	c.table(strings.Split(">UID,VALIDATOR,,", ","), rows)
}
