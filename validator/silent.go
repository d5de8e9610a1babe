package validator

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// Who was silent about a datum to the last is asked about that datum, and nothing
// else, until it answers: by new questions, each of which it fails by further
// silence. Else a miner that lacks some data, and says nothing when it is asked
// about that, would stay under the rate of silence that is free for ever. Who has
// the data, and was down, answers the first of them and is where it was. The trials
// in the index say what is owed, so that a restart forgives nobody.

// stale is the age of a silence that is not held against anybody any more: what
// could not be asked about again for so long fails on our side.
const stale = 7 * 24 * time.Hour

// unanswered are the data that a miner was silent about to the last, and has not
// answered about since; the one that it was asked about longest ago first. trials
// are its latest, the newest first. A loss that was proven by the very last
// repetition is taken for silence: asking once more costs no one anything.
func (v *Validator) unanswered(trials []index.Trial) (hashes []string) {
	var seen []string
	for _, t := range trials {
		if slices.Contains(seen, t.Hash) {
			continue
		}
		seen = append(seen, t.Hash)
		if !t.Passed && t.Tries > len(v.cfg.Repeats) && v.deps.Now().Sub(t.Settled) < stale {
			hashes = append(hashes, t.Hash)
		}
	}
	slices.Reverse(hashes)
	return hashes
}

// question is a new one to a miner: about what it was silent about, or else about
// any of its holdings. index.ErrNotFound when there is nothing to ask about.
func (v *Validator) question(ctx context.Context, n chain.Neuron, block chain.Block, task fleet.Task) (fleet.Question, error) {
	trials, err := v.deps.Index.Trials(ctx, n.Hotkey)
	if err != nil {
		return fleet.Question{}, err
	}
	for _, hash := range v.unanswered(trials) {
		h, err := v.deps.Index.Holding(ctx, n.Hotkey, hash)
		if err == nil && !v.askable(h) {
			continue
		}
		var q fleet.Question
		if err == nil {
			q, err = v.deps.Fleet.Question(ctx, n, h, block, task)
		}
		if err == nil {
			return q, nil
		} else if !errors.Is(err, index.ErrNotFound) { // one damaged record of ours, and others to ask about
			v.log.Warn("no question about what a miner was silent about", "uid", n.UID, "hash", hash, "err", err)
		}
	}
	h, err := v.pick(ctx, n.Hotkey, trials)
	if err != nil {
		return fleet.Question{}, err
	}
	return v.deps.Fleet.Question(ctx, n, h, block, task)
}

// owedData are the hashes of the data that a miner owes an answer about.
func (v *Validator) owedData(ctx context.Context, hotkey wallet.Address) ([]string, error) {
	trials, err := v.deps.Index.Trials(ctx, hotkey)
	if err != nil {
		return nil, err
	}
	hashes := v.unanswered(trials)
	p, err := v.deps.Index.Pending(ctx, hotkey)
	if errors.Is(err, index.ErrNotFound) {
		return hashes, nil
	}
	return append(hashes, p.Hash), err
}
