package repair

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/wallet"
)

// condition is what a holding is worth, by its miner and its own last audit.
type condition int

// The conditions, from the best to the worst. The first two are healthy.
const (
	sound   condition = iota
	leaving           // its miner is on the way out, and still gives it back
	failed            // it has failed its last audit
	down              // its miner is silent, has no axon, or fails its audits
	gone              // its miner has no UID
)

// holdingName is a holding: who has what.
type holdingName struct {
	Holder wallet.Address `json:"holder"`
	Hash   string         `json:"hash"`
}

// failure is a holding's last audit, which it failed.
type failure struct {
	holdingName
	Replica string `json:"replica"`
	Trial   uint64 `json:"trial"`
}

// trialsSeen is how far a miner's trials were read.
type trialsSeen struct {
	Last    uint64 `json:"last"`    // the latest one
	Strikes int    `json:"strikes"` // how many of them failed in a row, up to it
}

// health is what is known of the miners beside the metagraph.
type health struct {
	mu       sync.Mutex // guards all below
	silent   map[wallet.Address]time.Time
	failures map[holdingName]failure
	trials   map[wallet.Address]trialsSeen
	dirty    bool // what stands above has changed since it was saved

	pinged  time.Time                      // when miners were pinged last
	missing map[wallet.Address]time.Time   // since when a holder has no UID
	stats   map[wallet.Address]index.Stats // as they were when the trials were read
	again   map[wallet.Address]bool        // whose trials are to be read once more
	miners  map[wallet.Address]condition   // as of the last look
}

func newHealth() *health {
	return &health{
		silent: map[wallet.Address]time.Time{}, failures: map[holdingName]failure{}, trials: map[wallet.Address]trialsSeen{},
		missing: map[wallet.Address]time.Time{}, stats: map[wallet.Address]index.Stats{}, again: map[wallet.Address]bool{},
		miners: map[wallet.Address]condition{},
	}
}

// of is a holding's condition.
func (h *health) of(x index.Holding) condition {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, known := h.miners[x.Holder]
	if !known {
		c = gone
	}
	if f, ok := h.failures[holdingName{x.Holder, x.Hash}]; ok && f.Replica == x.Replica {
		c = max(c, failed)
	}
	return c
}

// ready says that a miner may be given something, and spotless that it has failed
// no audit of late that is known.
func (h *health) ready(a wallet.Address) (ready, spotless bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, silent := h.silent[a]
	c, known := h.miners[a]
	return known && c == sound && !silent, h.trials[a].Strikes == 0
}

// reachable says that a miner has answered its last ping.
func (h *health) reachable(a wallet.Address) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, silent := h.silent[a]
	c, known := h.miners[a]
	return known && c < gone && !silent
}

// cleared forgets that a holding has failed: it has ended.
func (h *health) cleared(x index.Holding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	name := holdingName{x.Holder, x.Hash}
	if _, ok := h.failures[name]; ok {
		delete(h.failures, name)
		h.dirty = true
	}
}

// cutOffFrom is how many miners have to be silent, and all of them, for us to be
// the ones who cannot be reached.
const cutOffFrom = 3

// answers enters who has answered a ping.
func (h *health) answers(answered map[wallet.Address]bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pinged = now
	if len(answered) >= cutOffFrom && !slices.Contains(slices.Collect(maps.Values(answered)), true) {
		return
	}
	for a, ok := range answered {
		_, before := h.silent[a]
		switch {
		case ok && before:
			delete(h.silent, a)
			h.dirty = true
		case !ok && !before:
			h.silent[a] = now
			h.dirty = true
		}
	}
}

// tried enters a miner's trials, the newest first, and returns the holdings that
// have failed by them.
func (h *health) tried(a wallet.Address, trials []index.Trial) (hurt []thing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := h.trials[a]
	before := seen
	if len(trials) == 0 || trials[0].ID < seen.Last { // its record has begun anew
		seen = trialsSeen{}
	}
	for _, t := range slices.Backward(trials) {
		if t.ID <= seen.Last {
			continue
		}
		seen.Last = t.ID
		name := holdingName{a, t.Hash}
		if t.Passed {
			seen.Strikes = 0
			delete(h.failures, name)
			continue
		}
		seen.Strikes++
		h.failures[name] = failure{name, t.Replica, t.ID}
		hurt = append(hurt, thing{index.KindShard, t.Hash}, thing{index.User, t.Hash})
	}
	if seen != before {
		h.trials[a] = seen
		h.dirty = true
	}
	return hurt
}

// settle makes the miners' conditions anew, and returns whose became worse, and
// whether there are more sound ones than there were.
func (h *health) settle(graph *chain.Metagraph, holders []wallet.Address, leaves func(wallet.Address) bool, cfg Config, now time.Time) (worse []wallet.Address, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	miners := make(map[wallet.Address]condition, len(graph.Neurons))
	for _, n := range graph.Neurons {
		miners[n.Hotkey] = h.miner(n, leaves, cfg, now)
		delete(h.missing, n.Hotkey)
	}
	for _, a := range holders {
		if _, ok := miners[a]; ok {
			continue
		}
		miners[a] = gone
		if _, ok := h.missing[a]; !ok {
			h.missing[a] = now
		}
	}
	for a, c := range miners {
		before, known := h.miners[a]
		if c != sound && (!known || c > before) {
			worse = append(worse, a)
		}
		more = more || c == sound && (!known || before != sound)
	}
	h.miners = miners
	h.prune()
	return worse, more
}

// miner is the condition of a registered miner. h.mu is held.
func (h *health) miner(n chain.Neuron, leaves func(wallet.Address) bool, cfg Config, now time.Time) condition {
	since, silent := h.silent[n.Hotkey]
	switch {
	case !n.Axon.Serving(), silent && now.Sub(since) >= cfg.DownAfter, h.trials[n.Hotkey].Strikes >= cfg.Strikes:
		return down
	case leaves(n.Hotkey):
		return leaving
	}
	return sound
}

// prune forgets what was known of those that are nobody's miner now. h.mu is held.
func (h *health) prune() {
	for a := range h.silent {
		if _, ok := h.miners[a]; !ok {
			delete(h.silent, a)
			h.dirty = true
		}
	}
	for a := range h.trials {
		if _, ok := h.miners[a]; !ok {
			delete(h.trials, a)
			h.dirty = true
		}
	}
	maps.DeleteFunc(h.missing, func(a wallet.Address, _ time.Time) bool { _, ok := h.miners[a]; return !ok })
	maps.DeleteFunc(h.stats, func(a wallet.Address, _ index.Stats) bool { _, ok := h.miners[a]; return !ok })
}

// long are those that have had no UID for some time.
func (h *health) long(after time.Duration, now time.Time) (all []wallet.Address) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, since := range h.missing {
		if now.Sub(since) >= after {
			all = append(all, a)
		}
	}
	return all
}

// forgotten ends what was known of a miner that has no UID.
func (h *health) forgotten(a wallet.Address) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.missing, a)
	delete(h.miners, a)
}

// failing are the holdings that have failed their last audit.
func (h *health) failing() (all []failure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all = slices.Collect(maps.Values(h.failures))
	slices.SortFunc(all, func(a, b failure) int { return cmp.Or(cmp.Compare(a.Holder, b.Holder), cmp.Compare(a.Hash, b.Hash)) })
	return all
}

// unsound are the miners that are down, or gone.
func (h *health) unsound() (all []Unsound) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, c := range h.miners {
		switch c {
		case down:
			u := Unsound{Hotkey: a, Why: "it serves no axon"}
			if since, ok := h.silent[a]; ok {
				u.Why, u.Since = "it answers no ping", since
			} else if h.trials[a].Strikes > 0 {
				u.Why = "it fails its audits"
			}
			all = append(all, u)
		case gone:
			all = append(all, Unsound{Hotkey: a, Why: "it has no UID any more", Since: h.missing[a]})
		}
	}
	slices.SortFunc(all, func(a, b Unsound) int { return cmp.Compare(a.Hotkey, b.Hotkey) })
	return all
}
