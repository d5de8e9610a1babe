package validator

import (
	"context"
	"fmt"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
)

// adopt makes the board that of the metagraph's holders. A UID that changed
// hands, also while we were down and also by a new registration of the same
// hotkey, begins anew: no score, statistics, possession, trials or open
// question, its old hotkey neither, wherever that is now. What a hotkey held is
// forgotten when it has no UID any more. It may be stopped anywhere: the saved
// hotkeys change last.
func (v *Validator) adopt(ctx context.Context, graph *chain.Metagraph, block uint64) error {
	all := v.board.handovers(graph.Neurons)
	if len(all) == 0 {
		v.board.adopt(graph.Neurons)
		return nil
	}
	e := Event{Task: TaskReplaced, Block: block}
	for _, h := range all {
		v.log.Info("UID changed hands", "uid", h.uid, "old", h.old, "new", h.now)
		if err := v.startOver(ctx, graph, h); err != nil {
			return err
		}
		e.UIDs, e.Hotkeys, e.Replaced = append(e.UIDs, h.uid), append(e.Hotkeys, h.now), append(e.Replaced, h.old)
		e.Before, e.After = append(e.Before, h.score), append(e.After, 0)
	}
	v.board.adopt(graph.Neurons)
	if err := v.save(ctx, block); err != nil {
		return err
	}
	v.tell(v.complete(e))
	return nil
}

// startOver forgets what is known of who has the UID now, of before it was
// registered there, and of who had it, if that has none any more; who has another
// one is the new holder of that. What another validator over the same index has
// found out since the registration stays.
func (v *Validator) startOver(ctx context.Context, graph *chain.Metagraph, h handover) error {
	if _, again := graph.ByHotkey(h.old); h.old != "" && !again {
		v.lost(ctx, []Loss{{UID: h.uid, Hotkey: h.old, Replaced: true}})
		if err := v.deps.Index.ResetHotkey(ctx, h.old); err != nil {
			return err
		}
	}
	if h.now == "" {
		return nil
	}
	n, _ := graph.ByUID(h.uid)
	return v.deps.Index.ResetRecord(ctx, h.now, n.RegisteredAt)
}

// rollOver brings every miner's standing into the block's window: of those of an
// earlier one the tier is decided anew, what they have shown is brought up to
// date, and the tallies go to zero. Capacities follow, between rollovers too when
// audits have changed them notably. It may be stopped anywhere, and does nothing
// twice.
func (v *Validator) rollOver(ctx context.Context, graph *chain.Metagraph, block uint64) error {
	window := v.cfg.schedule().Window(block)
	var due []index.Stats
	for s, err := range v.deps.Index.AllStats(ctx) {
		if err != nil {
			return err
		}
		if number, _ := incentive.Turn(s.Window, window); number != s.Window || v.outgrown(graph, s, block) {
			due = append(due, s)
		}
	}
	e := Event{Task: TaskRollover, Block: block, Window: window}
	for _, s := range due {
		if err := v.turn(ctx, graph, s, &e); err != nil {
			return err
		}
	}
	v.mu.Lock()
	number, _ := incentive.Turn(v.progress.Window, window)
	began := number != v.progress.Window
	v.progress.Window = number
	v.mu.Unlock()
	if began {
		v.log.Info("new window of statistics", "window", window, "tiers decided", len(e.UIDs))
	}
	if len(e.UIDs) > 0 {
		v.tell(v.complete(e))
	}
	return nil
}

// outgrown says whether a miner's capacity is no longer what it was decided to
// be, by more than one part in sixteen: possession moves all the time. A claim
// counts to the byte, since it has no room for more. So is a record that is not of
// the miner's registration, or does not say so yet.
func (v *Validator) outgrown(graph *chain.Metagraph, s index.Stats, block uint64) bool {
	tier := v.cfg.Rules.Tiers.Named(s.Tier)
	n, _ := graph.ByHotkey(s.Hotkey)
	room, claimed := v.room(n, s.Standing, block, v.board.possession(n))
	tolerance := s.Capacity / 16
	if claimed {
		tolerance = 0
	}
	return s.RegisteredAt < n.RegisteredAt || s.StorageLimit != tier.StorageLimit || room > s.Capacity+tolerance || room < s.Capacity-tolerance
}

// turn brings one miner's standing up to date. A tier that was decided enters
// the event. A record of an earlier registration, which nobody saw change hands,
// starts over; one that does not say is taken to be of the present one, since
// whoever saw that change hands has reset it.
func (v *Validator) turn(ctx context.Context, graph *chain.Metagraph, old index.Stats, e *Event) error {
	hotkey := old.Hotkey
	n, registered := graph.ByHotkey(hotkey)
	if 0 < old.RegisteredAt && old.RegisteredAt < n.RegisteredAt {
		if err := v.deps.Index.ResetRecord(ctx, hotkey, n.RegisteredAt); err != nil {
			return err
		}
	}
	held, err := v.deps.Index.StoredBytes(ctx, hotkey)
	if err != nil {
		return err
	}
	rules, possession := v.cfg.Rules, v.board.possession(n)
	var before, after incentive.Standing
	var decided bool
	if err := v.deps.Index.UpdateStats(ctx, hotkey, func(s *index.Stats) error {
		before = s.Standing
		decided = rules.Turn(&s.Standing, e.Window, held, possession)
		s.StorageLimit = rules.Tiers.Named(s.Tier).StorageLimit
		s.Capacity, _ = v.room(n, s.Standing, e.Block, possession)
		if s.RegisteredAt == 0 {
			s.RegisteredAt = n.RegisteredAt
		}
		after = s.Standing
		return nil
	}); err != nil {
		return err
	}
	if !decided || !registered {
		return nil
	}
	e.UIDs, e.Hotkeys = append(e.UIDs, n.UID), append(e.Hotkeys, hotkey)
	e.TiersBefore, e.TiersAfter = append(e.TiersBefore, before.Tier), append(e.TiersAfter, after.Tier)
	e.StatusMessages = append(e.StatusMessages, fmt.Sprintf("score %.4f in the window that ended, %d successes in all",
		rules.ScoreOf(before.Record), before.TotalSuccesses))
	return nil
}
