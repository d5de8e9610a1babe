package validator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/commits"
)

// attempts is when weights were last sent and when they may be sent again.
type attempts struct {
	set     uint64 // block of the last success
	next    uint64 // no attempt before this block
	backoff uint64 // blocks to wait after the next failure
	open    uint64 // no attempt on an older metagraph: the last one may still come
	told    uint64 // block at which it was last said that nobody is to be paid
}

// maxBackoff is the longest pause between attempts to set weights, in blocks.
const maxBackoff = 64

// SetWeights sends the scores to the chain as weights, if an epoch has passed
// since the chain last took any from us and no failure is too recent; where the
// subnet has commit-reveal, it commits to them, and reveals what was committed
// before when its time has come. Scores of which none is above zero are not sent:
// the chain would be given equal weights for all UIDs. It reports whether it did
// one of these.
// The chain's LastUpdate decides, so that a restart sends nothing twice: while
// what was sent may still come, nothing else is sent.
func (v *Validator) SetWeights(ctx context.Context, block chain.Block) (bool, error) {
	graph := v.deps.Follower.Metagraph()
	if graph == nil || v.cfg.DisableWeights {
		return false, nil
	}
	if err := v.load(ctx); err != nil {
		return false, err
	}
	revealed, failed := v.reveal(ctx, graph, block.Number)
	sent, err := v.newWeights(ctx, graph, block)
	return revealed || sent, errors.Join(failed, err)
}

// newWeights sends or commits weights if they are due.
func (v *Validator) newWeights(ctx context.Context, graph *chain.Metagraph, block chain.Block) (bool, error) {
	self, registered := graph.ByHotkey(v.deps.Key.Address())
	scores := v.paid(graph)
	if !v.weightsDue(graph, self, block.Number) {
		return false, nil
	}
	if !slices.ContainsFunc(scores, func(s float64) bool { return s > 0 }) {
		v.nobodyPaid(ctx, block.Number, scores)
		return false, nil
	}
	due, err := true, fmt.Errorf("%w: %s", chain.ErrNotRegistered, v.deps.Key.Address())
	if registered {
		due, err = v.sendWeights(ctx, graph, scores, block.Number)
	}
	if due {
		v.attempted(block.Number, err)
	}
	if err != nil {
		return false, fmt.Errorf("set weights: %w", err)
	}
	return due, nil
}

// paid are the scores by UID of those who can be asked. The others' stay as they
// are, for nobody asks them, and must not be paid for what they were.
func (v *Validator) paid(graph *chain.Metagraph) []float64 {
	scores := v.board.scores(graph.Neurons)
	paid := make([]float64, len(scores))
	for _, n := range v.available(graph) {
		if int(n.UID) < len(scores) {
			paid[n.UID] = scores[n.UID]
		}
	}
	return paid
}

// nobodyPaid says, once an epoch, why no weights are sent.
func (v *Validator) nobodyPaid(ctx context.Context, block uint64, scores []float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.weights.told > 0 && block < v.weights.told+uint64(v.cfg.EpochBlocks) {
		return
	}
	v.weights.told = block
	level := slog.LevelInfo // nobody was asked yet
	if slices.ContainsFunc(scores, func(s float64) bool { return s < 0 }) {
		level = slog.LevelWarn
	}
	v.log.Log(ctx, level, "no weights are sent: no miner that can be asked has a score above zero", "block", block)
}

func (v *Validator) weightsDue(graph *chain.Metagraph, self chain.Neuron, block uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return block >= max(self.LastUpdate, v.weights.set)+uint64(v.cfg.EpochBlocks) && block >= v.weights.next &&
		graph.Block.Number >= v.weights.open
}

// attempted notes how an attempt went: after a failure the next one waits for
// one block, then two, four, up to maxBackoff; where the subnet takes none that
// we can make, for an epoch. What was sent and may still come is waited for as
// long as it may: by then LastUpdate says whether it came.
func (v *Validator) attempted(block uint64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		v.weights = attempts{set: block}
		return
	}
	v.weights.backoff = min(max(1, 2*v.weights.backoff), maxBackoff)
	v.weights.next = block + v.weights.backoff
	if errors.Is(err, chain.ErrTimelock) {
		v.weights.next = block + uint64(v.cfg.EpochBlocks)
	}
	if v.progress.Sent == block && inFlight(err) { // it was signed by now
		v.weights.open = max(block, v.deps.Follower.Head().Number) + uint64(v.cfg.Mortality)
	}
}

// inFlight says whether a transaction that ended so may still come.
func inFlight(err error) bool {
	return errors.Is(err, chain.ErrInFlight) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// resume has a validator that may have been killed while it sent weights wait
// for what came of them. They were signed before now, and not long after it was
// saved that they would be. v.mu is held.
func (v *Validator) resume(p progress) {
	if p.Sent > 0 {
		mortality := uint64(v.cfg.Mortality)
		v.weights.open = min(v.deps.Follower.Head().Number, p.Sent+mortality) + mortality
	}
}

// sending saves that weights are about to be sent.
func (v *Validator) sending(ctx context.Context, block uint64) error {
	v.mu.Lock()
	v.progress.Sent = block
	v.mu.Unlock()
	return v.save(ctx, block)
}

// sendWeights sends weights the way the subnet takes them. It is not due when a
// commitment has to wait.
func (v *Validator) sendWeights(ctx context.Context, view *chain.Metagraph, scores []float64, block uint64) (due bool, err error) {
	rules, err := v.deps.Chain.Hyperparameters(ctx, view.NetUID)
	if err != nil {
		return true, err
	}
	weights := weightsOf(scores, rules)
	if !rules.CommitReveal {
		return true, v.plainWeights(ctx, view.NetUID, weights, block)
	}
	if err := commits.Timelocked(view.NetUID, rules); err != nil {
		return true, fmt.Errorf("no weights are sent, and the row stays what it was: %w", err)
	}
	return v.commitWeights(ctx, view, rules, weights, block)
}

// plainWeights sends weights for everybody to see at once. What was committed to
// before can be revealed no more.
func (v *Validator) plainWeights(ctx context.Context, net chain.NetUID, weights []chain.Weight, block uint64) error {
	start := v.deps.Now()
	if n := len(v.commits()); n > 0 {
		v.log.Warn("the subnet has given up commit-reveal: commitments are dropped", "block", block, "commitments", n)
		if err := v.setCommits(ctx, block, nil); err != nil {
			return err
		}
	}
	e := Event{Task: TaskWeights, Block: block}
	for _, w := range weights {
		e.UIDs, e.SetWeights = append(e.UIDs, w.UID), append(e.SetWeights, w.Value)
	}
	if err := v.sending(ctx, block); err != nil {
		return err
	}
	if err := v.deps.Chain.SetWeights(ctx, v.deps.Key, net, weights, v.cfg.WeightsVersion); err != nil {
		return err
	}
	v.log.Info("weights set", "block", block, "uids", len(weights))
	e.StepLength = v.deps.Now().Sub(start).Seconds()
	v.tell(v.complete(e))
	return nil
}
