package validator

import (
	"context"
	"fmt"
	"slices"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/incentive"
)

// attempts is when weights were last sent and when they may be sent again.
type attempts struct {
	set     uint64 // block of the last success
	next    uint64 // no attempt before this block
	backoff uint64 // blocks to wait after the next failure
}

// maxBackoff is the longest pause between attempts to set weights, in blocks.
const maxBackoff = 64

// underWay is how many blocks weights may take into one. Whoever was killed
// while it sent some waits that long: by then LastUpdate says whether they came.
const underWay = 8

// SetWeights sends the scores to the chain as weights, if an epoch has passed
// since the chain last took any from us and no failure is too recent. Scores
// that are all zero say nothing and are not sent. It reports whether it did.
// The chain's LastUpdate decides, so that a restart sends nothing twice.
func (v *Validator) SetWeights(ctx context.Context, block chain.Block) (bool, error) {
	graph := v.deps.Follower.Metagraph()
	if graph == nil || v.cfg.DisableWeights {
		return false, nil
	}
	self, registered := graph.ByHotkey(v.deps.Key.Address())
	scores := v.paid(v.board.scores(graph.Neurons))
	if !v.weightsDue(block.Number, self.LastUpdate) || !slices.ContainsFunc(scores, func(s float64) bool { return s != 0 }) {
		return false, nil
	}
	err := fmt.Errorf("%w: %s", chain.ErrNotRegistered, v.deps.Key.Address())
	if registered {
		err = v.sendWeights(ctx, graph.NetUID, scores, block.Number)
	}
	v.attempted(block.Number, err)
	if err != nil {
		return false, fmt.Errorf("set weights: %w", err)
	}
	return true, nil
}

// paid are the scores by UID of those who can be asked. The others' stay as they
// are, for nobody asks them, and must not be paid for what they were.
func (v *Validator) paid(scores []float64) []float64 {
	paid := make([]float64, len(scores))
	for _, n := range v.deps.Fleet.Available() {
		if int(n.UID) < len(scores) {
			paid[n.UID] = scores[n.UID]
		}
	}
	return paid
}

func (v *Validator) weightsDue(block, lastUpdate uint64) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.loaded && block >= max(lastUpdate, v.weights.set)+uint64(v.cfg.EpochBlocks) && block >= v.weights.next
}

// attempted notes how an attempt went: after a failure the next one waits for
// one block, then two, four, up to maxBackoff.
func (v *Validator) attempted(block uint64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		v.weights = attempts{set: block}
		return
	}
	v.weights.backoff = min(max(1, 2*v.weights.backoff), maxBackoff)
	v.weights.next = block + v.weights.backoff
}

// resume has a validator that may have been killed while it sent weights wait
// for what came of them. v.mu is held.
func (v *Validator) resume(p progress) {
	if p.Sent > 0 {
		v.weights.next = p.Sent + underWay
	}
}

// sending saves that weights are about to be sent.
func (v *Validator) sending(ctx context.Context, block uint64) error {
	v.mu.Lock()
	v.progress.Sent = block
	v.mu.Unlock()
	return v.save(ctx, block)
}

func (v *Validator) sendWeights(ctx context.Context, net chain.NetUID, scores []float64, block uint64) error {
	start := v.deps.Now()
	rules, err := v.deps.Chain.Hyperparameters(ctx, net)
	if err != nil {
		return err
	}
	if rules.CommitReveal {
		return fmt.Errorf("%w: subnet %d takes weights that are committed first and revealed later, "+
			"and this validator sends plain ones only", chain.ErrCommitReveal, net)
	}
	e := Event{Task: TaskWeights, Block: block}
	var weights []chain.Weight
	for _, w := range incentive.Weights(scores, incentive.Limits{
		MinAllowed: int(rules.MinAllowedWeights), Max: rules.MaxWeightsLimit,
	}) {
		weights = append(weights, chain.Weight{UID: chain.UID(w.UID), Value: w.Value})
		e.UIDs, e.SetWeights = append(e.UIDs, chain.UID(w.UID)), append(e.SetWeights, w.Value)
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
