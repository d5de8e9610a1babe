package node

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/validator/events"
	"github.com/filetao/filetao/wallet"
)

// history is what the events say of one miner, in constant memory: it is handed
// them one by one, in their order. A miner is its hotkey; without one it is
// whoever holds the UID last.
type history struct {
	who     Whom
	tiers   incentive.Tiers
	changes []Change // the oldest first
	earlier int      // that were dropped
	events  int      // that spoke of the miner
	// Of the events that were read: the first and last block, and the scores
	// after the last one.
	first, last uint64
	scores      []float64
	// Of the miner: its last hotkey, UID, score, tier and possession.
	hotkey     wallet.Address
	uid        int
	score      *float64
	tier       string
	possession *float64
	quiet      string // that it did not answer the last ping, in words
}

// add takes an event.
func (h *history) add(l events.Line) {
	if h.first == 0 {
		h.first = l.Block
	}
	h.last = l.Block
	if len(l.Scores) > 0 {
		h.scores = l.Scores
	}
	switch l.Task {
	case validator.TaskWeights:
		return
	case validator.TaskReplaced:
		h.replaced(l)
		return
	}
	for i, uid := range l.UIDs {
		hotkey := at(l.Hotkeys, i, "")
		if h.who.Hotkey != "" && hotkey != "" {
			if hotkey != h.who.Hotkey {
				continue
			}
		} else if int(uid) != h.wanted() {
			continue
		}
		if h.hotkey != "" && hotkey != "" && hotkey != h.hotkey {
			h.begin() // of another miner before
		}
		h.hotkey, h.uid = cmp.Or(hotkey, h.hotkey), int(uid)
		h.events++
		if l.Task == validator.TaskRollover {
			h.rollover(l, i)
		} else {
			h.answered(l, i)
		}
	}
}

// wanted is the UID that is looked for; -1 for none.
func (h *history) wanted() int {
	if h.who.UID < 0 && h.events > 0 {
		return h.uid
	}
	return h.who.UID
}

// settle completes whom it was about.
func (h *history) settle(who *Whom) {
	who.Hotkey = cmp.Or(who.Hotkey, h.hotkey)
	if who.UID < 0 && h.events > 0 {
		who.UID = h.uid
	}
}

// begin forgets what was before.
func (h *history) begin() {
	*h = history{who: h.who, tiers: h.tiers, first: h.first, last: h.last, scores: h.scores, uid: h.uid}
}

// replaced notes that the miner got its UID.
func (h *history) replaced(l events.Line) {
	for i, uid := range l.UIDs {
		now, old := at(l.Hotkeys, i, ""), at(l.Replaced, i, "")
		mine := now == h.who.Hotkey
		if h.who.Hotkey == "" {
			mine = int(uid) == h.wanted()
		}
		if !mine || now == "" {
			continue
		}
		h.begin()
		h.events, h.hotkey, h.uid = 1, now, int(uid)
		text := fmt.Sprintf("took UID %d from %s and begins anew: no score, no statistics, the lowest tier", uid, old)
		switch old {
		case "":
			text = fmt.Sprintf("got the free UID %d and begins with nothing", uid)
		case now:
			text = fmt.Sprintf("registered anew for UID %d and begins anew: no score, no statistics, the lowest tier", uid)
		}
		zero := 0.0
		h.score, h.tier = &zero, h.tiers.Named("").Name
		h.put(Change{Block: l.Block, Kind: KindReplaced, OK: true, Text: text, After: &zero})
	}
}

// rollover notes that the miner's tier was decided.
func (h *history) rollover(l events.Line, i int) {
	c := Change{Block: l.Block, Kind: KindRollover, Tier: at(l.TiersAfter, i, ""), TierBefore: at(l.TiersBefore, i, "")}
	if c.OK = true; c.Tier != c.TierBefore {
		c.Text = fmt.Sprintf("%s, was %s: ", cmp.Or(c.Tier, "-"), cmp.Or(c.TierBefore, "-"))
	} else {
		c.Text = "stays " + cmp.Or(c.Tier, "-") + ": "
	}
	c.Text += plain(at(l.StatusMessages, i, ""))
	h.tier = c.Tier
	c.Before, c.After = h.score, h.score
	h.put(c)
}

var kinds = map[validator.Task]Kind{
	validator.TaskStore: KindStore, validator.TaskChallenge: KindChallenge, validator.TaskRetrieve: KindRetrieval, validator.TaskMonitor: KindPing,
}

// answered notes how the miner did at a task. A ping that was answered is no
// change.
func (h *history) answered(l events.Line, i int) {
	kind, known := kinds[l.Task]
	reward, ok := at(l.Rewards, i, 0), at(l.Successful, i, false)
	if ok {
		h.quiet = ""
	}
	if !known || kind == KindPing && ok {
		return
	}
	c := Change{
		Block: l.Block, Kind: kind, OK: ok, Seconds: at(l.CompletionTimes, i, 0), Text: result(l, i), Code: at(l.StatusCodes, i, 0),
		Tier: at(l.MinerTiers, i, ""),
	}
	if p := at(l.Possession, i, -1); p >= 0 {
		c.Possession, h.possession = &p, &p
	}
	h.tier = cmp.Or(c.Tier, h.tier)
	h.moved(l, i, &c)
	if kind == KindPing {
		h.silent(c, reward)
		return
	}
	c.Reward = &reward
	h.compare(&c, l, i)
	h.put(c)
}

// silent notes a failed ping: with those just before it as one change, until one
// of them costs something.
func (h *history) silent(c Change, reward float64) {
	c.Times = 1
	if n := len(h.changes); n > 0 && h.quiet != "" {
		if last := h.changes[n-1]; last.Kind == KindPing && last.Reward == nil {
			c.Times += last.Times
			h.changes = h.changes[:n-1]
		}
	}
	what := "did not answer " + some(c.Times, "ping")
	if reward != 0 {
		c.Reward = &reward
		what = "is down, after " + some(c.Times, "ping") + " without an answer"
	}
	c.Text = what + ": " + c.Text
	h.quiet = c.Text
	h.put(c)
}

// moved sets the score around a change: what the event says, or, of one that
// does not, what the averages were after it and after the one before. Where the
// score is not what the last change left, events are missing.
func (h *history) moved(l events.Line, i int, c *Change) {
	c.Before = h.score
	if len(l.After) > i && len(l.Before) > i {
		before, after := l.Before[i], l.After[i]
		if h.score != nil && !same(*h.score, before) {
			h.put(Change{
				Block: c.Block, Kind: KindGap, Before: h.score, After: &before, Text: "events are missing in the log: " +
					"the validator could not write them, or it was stopped and went on with the scores that it had saved last",
			})
		}
		c.Before, c.After = &before, &after
	} else if uid := int(l.UIDs[i]); uid < len(l.Scores) {
		after := l.Scores[uid]
		c.After = &after
	}
	if c.After != nil {
		h.score = c.After
	}
}

// compare sets how the others did at the same task.
func (h *history) compare(c *Change, l events.Line, me int) {
	var rewards, factors float64
	var times []float64
	for i, ok := range l.Successful {
		if ok && i != me && i < len(l.Rewards) && i < len(l.CompletionTimes) {
			rewards += l.Rewards[i]
			times = append(times, l.CompletionTimes[i])
			factors += h.tiers.Named(at(l.MinerTiers, i, "")).Factor
		}
	}
	if len(times) == 0 {
		return
	}
	mean := finite(rewards / float64(len(times)))
	slices.Sort(times)
	c.OthersReward, c.OthersSeconds = &mean, times[len(times)/2]
	if len(l.MinerTiers) > 0 {
		c.othersFactor = factors / float64(len(times))
	}
}

// put adds a change and drops the oldest one too many.
func (h *history) put(c Change) {
	if c.Block < h.who.Since {
		h.earlier++
		return
	}
	if len(h.changes) == h.who.Last {
		h.earlier++
		copy(h.changes, h.changes[1:])
		h.changes = h.changes[:len(h.changes)-1]
	}
	h.changes = append(h.changes, c)
}

// done says in words what a success was.
var done = map[validator.Task]string{
	validator.TaskStore: "took the data and proved it", validator.TaskChallenge: "proved that it has the data",
	validator.TaskRetrieve: "gave the data back",
}

// result is how a task went, in words.
func result(l events.Line, i int) string {
	text := plain(at(l.StatusMessages, i, ""))
	if at(l.Successful, i, false) && (text == "" || text == "Success") {
		return done[l.Task]
	}
	return text
}

// plain is a message without what the reader knows already: the verdict, and the
// task and hotkey it is about.
func plain(text string) string {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "passed: "), "failed: ")
	if what, rest, ok := strings.Cut(text, ": "); ok {
		if _, hotkey, ok := strings.Cut(what, " at "); ok {
			if _, err := wallet.ParseAddress(hotkey); err == nil {
				return rest
			}
		}
	}
	return text
}

// at is element i of a list, or def if it has none.
func at[T any](list []T, i int, def T) T {
	if i < len(list) {
		return list[i]
	}
	return def
}
