package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// selectionFlags are the flags of `selection`.
type selectionFlags struct {
	block, asker, check, task        string
	store, challenge, retrieve, ping int
	blocksPerStep                    int
	permitLimit                      float64
}

// The tasks whose miners are drawn.
const (
	drawStore     = "store"
	drawChallenge = "challenge"
	drawRetrieve  = "retrieve"
	drawMonitor   = "monitor"
)

var drawnTasks = []string{drawStore, drawChallenge, drawRetrieve, drawMonitor}

func (c *cli) selectionCommand() *cobra.Command {
	d := validator.DefaultConfig()
	var s selectionFlags
	cmd := &cobra.Command{
		Use: "selection", Short: "Recompute who was due at a block, and whether a challenge was legitimate", Args: noArgs,
		Long: `Recompute, from the chain alone, which miners a validator had to ask at a block:
the block's hash is the seed with which they are drawn from all that serve an axon
and are no large validators. How many are drawn is the validator's setting: --k-… are
the network's, or with --devnet that devnet's. --check says whether one miner could
be asked.

What is asked outside of this is no audit of a step: users' files are stored and
fetched when users ask; a question without an answer is put again, the same, up to
21 minutes later (give the block of the first time: a native question names it); a
store that failed goes to miners drawn in the place of those; and who owes an
answer, though drawn, is asked nothing else. Whether a step retrieves is known to
the validator alone: each fifth of its steps does.

Exit code 0 says that it was legitimate; 4 that it was not; 9 that it cannot be
told, because the subnet has changed since, or because only the validator knows.`,
		Example: "  filetao selection --block 4200 --devnet DIR\n  filetao selection --block 4200 --check 5Grw… --task challenge",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s.take(cmd.Flags(), c.net)
			if err := s.settle(); err != nil {
				return err
			}
			return c.onChain(cmd.Context(), func(remote chain.Chain) error { return c.selection(cmd.Context(), &s, remote) })
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&s.block, "block", "", "`number` of the block, or its hash (default: the newest that begins a step)")
	f.StringVar(&s.check, "check", "", "`hotkey` or UID of a miner that was asked")
	f.StringVar(&s.task, "task", drawChallenge, "what it was asked to do: "+strings.Join(drawnTasks, ", "))
	f.StringVar(&s.asker, "asker", "", "`hotkey` or UID of the validator, which leaves itself out (needed only if it could be drawn itself)")
	f.IntVar(&s.store, "k-store", d.StoreSample, "`number` of miners drawn to store")
	f.IntVar(&s.challenge, "k-challenge", d.ChallengeSample, "`number` of miners drawn to be challenged")
	f.IntVar(&s.retrieve, "k-retrieve", d.RetrieveSample, "`number` of miners drawn to give data back")
	f.IntVar(&s.ping, "k-monitor", d.MonitorSample, "`number` of miners drawn to be pinged")
	f.IntVar(&s.blocksPerStep, "neuron.blocks_per_step", d.BlocksPerStep, "`blocks` from step to step")
	f.Float64Var(&s.permitLimit, "neuron.vpermit_tao_limit", float64(fleet.DefaultConfig().VpermitLimit)/float64(chain.TAO), "stake in `TAO` above which a validator is not asked to store")
	completeFlag(cmd, "task", cobra.FixedCompletions(drawnTasks, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// take takes from a devnet what no flag says; nil: there is none.
func (s *selectionFlags) take(f *pflag.FlagSet, from *devnetFile) {
	if from == nil {
		return
	}
	for name, n := range map[string]struct {
		flag *int
		is   int
	}{
		"k-store": {&s.store, from.StoreSample}, "k-challenge": {&s.challenge, from.ChallengeSample},
		"k-retrieve": {&s.retrieve, from.RetrieveSample}, "k-monitor": {&s.ping, from.MonitorSample},
		"neuron.blocks_per_step": {&s.blocksPerStep, from.BlocksPerStep},
	} {
		if n.is > 0 && !f.Changed(name) {
			*n.flag = n.is
		}
	}
	if from.PermitLimit > 0 && !f.Changed("neuron.vpermit_tao_limit") {
		s.permitLimit = from.PermitLimit
	}
}

func (s *selectionFlags) settle() error {
	switch {
	case !slices.Contains(drawnTasks, s.task):
		return usagef("--task: %q is none of %s", s.task, strings.Join(drawnTasks, ", "))
	case s.blocksPerStep < 1:
		return usagef("--neuron.blocks_per_step: at least 1")
	}
	return nil
}

// selected is what `selection` answers.
type selected struct {
	// Block is the number, null when only the hash is known; Step says whether an
	// unhindered validator begins a step there, null when that cannot be told.
	Block *uint64    `json:"block"`
	Hash  chain.Hash `json:"hash"`
	Step  *bool      `json:"step"`
	// Metagraph is the block of the metagraph that was drawn from, Changed what is
	// different in it from that of the block, as far as it shows.
	Metagraph uint64   `json:"metagraph_block"`
	Changed   []string `json:"changed"`
	// Available are the UIDs that are drawn from, Due those drawn, by task, in the
	// order in which they were.
	Available []chain.UID            `json:"available"`
	Due       map[string][]chain.UID `json:"due"`
	Check     *checked               `json:"check,omitempty"`

	asker wallet.Address
	graph *chain.Metagraph
}

// checked is what came of --check.
type checked struct {
	UID     chain.UID      `json:"uid"`
	Hotkey  wallet.Address `json:"hotkey"`
	Task    string         `json:"task"`
	Verdict string         `json:"verdict"`
	Reasons []string       `json:"reasons"`
}

// The verdicts of --check.
const (
	legitimate   = "legitimate"
	illegitimate = "not legitimate"
	undecided    = "cannot be told"
)

// errIllegitimate says that a miner was not due.
var errIllegitimate = errors.New("that question was not legitimate")

func (c *cli) selection(ctx context.Context, s *selectionFlags, from chain.Chain) error {
	x, err := s.read(ctx, from, chain.NetUID(c.netuid))
	if err != nil {
		return err
	}
	miners := fleet.Available(x.graph, max(1, rao(s.permitLimit)), x.asker)
	x.Available, x.Due = uidsOf(miners), map[string][]chain.UID{}
	for _, t := range drawnTasks {
		x.Due[t] = uidsOf(fleet.Draw(x.Hash, miners, s.sample(t)))
	}
	if s.check != "" {
		n, err := neuronIn(x.graph, "--check", s.check)
		if err != nil {
			return err
		}
		x.Check = x.judge(n, s)
	}
	if err := c.print(x, func() { c.printSelection(x, s) }); err != nil {
		return err
	}
	switch {
	case x.Check == nil || x.Check.Verdict == legitimate:
		return nil
	case x.Check.Verdict == undecided:
		return fmt.Errorf("the question: %w", errOpen)
	}
	return errIllegitimate
}

// read reads block and metagraph.
func (s *selectionFlags) read(ctx context.Context, from chain.Chain, net chain.NetUID) (*selected, error) {
	m, err := from.Metagraph(ctx, net)
	if err != nil {
		return nil, err
	}
	x := &selected{graph: m, Metagraph: m.Block.Number, Changed: []string{}}
	name := s.block
	if number := m.Block.Number; name == "" {
		name = strconv.FormatUint(number-number%uint64(s.blocksPerStep), 10)
	}
	if err := x.at(ctx, from, name); err != nil {
		return nil, err
	}
	if x.Block != nil {
		step := *x.Block%uint64(s.blocksPerStep) == 0
		x.Step = &step
		x.changes()
	}
	if s.asker != "" {
		n, err := neuronIn(m, "--asker", s.asker)
		if err != nil {
			return nil, err
		}
		x.asker = n.Hotkey
	}
	return x, nil
}

// at finds the block that --block names.
func (x *selected) at(ctx context.Context, from chain.Chain, name string) error {
	if number, err := strconv.ParseUint(name, 10, 64); err == nil {
		b, err := from.BlockAt(ctx, number)
		x.Block, x.Hash = &number, b.Hash
		return err
	}
	if err := x.Hash.UnmarshalText([]byte(name)); err != nil {
		return usagef("--block: %.70q is neither a number nor a hash", name)
	}
	if x.Hash == x.graph.Block.Hash {
		x.Block = &x.graph.Block.Number
	}
	return nil
}

// changes says what of the metagraph is newer than the block.
func (x *selected) changes() {
	for _, n := range x.graph.Neurons {
		switch {
		case n.RegisteredAt > *x.Block:
			x.Changed = append(x.Changed, fmt.Sprintf("UID %d was registered at block %d", n.UID, n.RegisteredAt))
		case n.Axon.Block > *x.Block:
			x.Changed = append(x.Changed, fmt.Sprintf("UID %d announced its axon at block %d", n.UID, n.Axon.Block))
		}
	}
}

func (s *selectionFlags) sample(task string) int {
	switch task {
	case drawStore:
		return s.store
	case drawChallenge:
		return s.challenge
	case drawRetrieve:
		return s.retrieve
	}
	return s.ping
}

// judge says whether a miner could be asked.
func (x *selected) judge(n chain.Neuron, s *selectionFlags) *checked {
	k := &checked{UID: n.UID, Hotkey: n.Hotkey, Task: s.task, Verdict: legitimate, Reasons: []string{}}
	say := func(verdict, format string, args ...any) {
		if verdict == illegitimate || k.Verdict == legitimate {
			k.Verdict = verdict
		}
		k.Reasons = append(k.Reasons, fmt.Sprintf(format, args...))
	}
	drawn := slices.Contains(x.Due[s.task], n.UID)
	switch {
	case drawn:
		say(legitimate, "UID %d is among the %d that the block's hash draws for %s", n.UID, len(x.Due[s.task]), s.task)
	case len(x.Changed) > 0:
		say(undecided, "UID %d is not among those drawn, but the subnet has changed since that block", n.UID)
	case !slices.Contains(x.Available, n.UID) && n.Hotkey == x.asker:
		say(illegitimate, "UID %d is the asker itself, which leaves itself out", n.UID)
	case !slices.Contains(x.Available, n.UID):
		say(illegitimate, "UID %d is not available: it serves no axon, or is a validator with more stake than %g TAO", n.UID, s.permitLimit)
	case s.task == drawStore:
		say(undecided, "UID %d is not among those drawn first; where one of them fails or owes an answer, another one is drawn in its place, which the validator alone knows", n.UID)
	default:
		say(illegitimate, "UID %d is not among the %d that the block's hash draws for %s; if the question was put before, give the block of its first time", n.UID, len(x.Due[s.task]), s.task)
	}
	switch {
	case drawn && len(x.Changed) > 0:
		say(undecided, "the subnet has changed since that block, so that others may have been drawn then")
	case x.Step == nil && drawn:
		say(undecided, "the block's number is not known, and so not whether it begins a step: give the number")
	case x.Step != nil && !*x.Step && drawn:
		say(undecided, "block %d begins no step: they begin each %d blocks, at %d. Only a validator that has just started, or has lost blocks, begins one here",
			*x.Block, s.blocksPerStep, *x.Block-*x.Block%uint64(s.blocksPerStep))
	}
	return k
}

// neuronIn finds a hotkey or UID; where says in an error what named it.
func neuronIn(m *chain.Metagraph, where, name string) (chain.Neuron, error) {
	who, err := node.ParseWhom(name)
	if err != nil {
		return chain.Neuron{}, usagef("%s: %v", where, err)
	}
	n, ok := m.ByHotkey(who.Hotkey)
	if who.Hotkey == "" {
		n, ok = m.ByUID(chain.UID(who.UID))
	}
	if !ok && who.Hotkey == "" {
		return n, fmt.Errorf("%s: %w: %d, %s", where, errNoUID, who.UID, slotsOf(m))
	} else if !ok {
		return n, fmt.Errorf("%s: %s: %w on subnet %d", where, name, chain.ErrNotRegistered, m.NetUID)
	}
	return n, nil
}

func uidsOf(miners []chain.Neuron) []chain.UID {
	uids := make([]chain.UID, len(miners))
	for i, n := range miners {
		uids[i] = n.UID
	}
	return uids
}

func (c *cli) printSelection(x *selected, s *selectionFlags) {
	line := func(name, text string) { c.hanging(fmt.Sprintf("%-9s  ", name), text) }
	block := "number not known"
	if x.Block != nil {
		block = strconv.FormatUint(*x.Block, 10)
		switch {
		case !*x.Step:
			block += fmt.Sprintf(", which begins no step: steps begin each %d blocks", s.blocksPerStep)
		default:
			block += ", which begins a step"
		}
	}
	line("block", block)
	line("hash", x.Hash.String())
	line("available", fmt.Sprintf("%s of %d: %s", count(len(x.Available), "miner"), len(x.graph.Neurons), uidList(x.Available)))
	for _, t := range drawnTasks {
		line(t, uidList(x.Due[t]))
	}
	if x.Block == nil || *x.Block != x.Metagraph {
		basis := fmt.Sprintf("drawn from the metagraph of block %d, since a chain gives no older one out", x.Metagraph)
		if n := len(x.Changed); n > 0 {
			basis += fmt.Sprintf("; what it shows as newer: %s", strings.Join(x.Changed[:min(n, 5)], ", "))
			if n > 5 {
				basis += fmt.Sprintf(" and %d more", n-5)
			}
		} else if x.Block != nil {
			basis += "; nobody has registered or announced an axon since. Stakes and permits may have changed"
		}
		line("note", basis+".")
	}
	if k := x.Check; k != nil {
		fmt.Fprintln(c.out)
		c.hanging("", fmt.Sprintf("%s of UID %d: %s. %s.", k.Task, k.UID, k.Verdict, strings.Join(k.Reasons, "; ")))
	}
}

// uidList has UIDs in the order in which they were drawn.
func uidList(uids []chain.UID) string {
	if len(uids) == 0 {
		return "nobody"
	}
	texts := make([]string, len(uids))
	for i, uid := range uids {
		texts[i] = strconv.Itoa(int(uid))
	}
	return strings.Join(texts, " ")
}
