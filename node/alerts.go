package node

import (
	"cmp"
	"fmt"
	"time"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
)

// AlertKind is what an Alert is about.
type AlertKind string

// The kinds of alerts.
const (
	AlertDemotion AlertKind = "demotion" // it falls, or nearly, out of its tier
	AlertAudits   AlertKind = "audits"   // it fails audits, or owes an answer
	AlertCapacity AlertKind = "capacity" // it is nearly full
	AlertImmunity AlertKind = "immunity" // it may lose its UID soon
	AlertDown     AlertKind = "down"     // it does not answer pings; of an Explanation only
)

// Alert is something that the one who runs a miner should see to.
type Alert struct {
	Kind AlertKind `json:"kind"`
	Text string    `json:"text"`
}

// The limits of alerts.
const (
	// demotionMargin is by how much a score must be above its tier's.
	demotionMargin = 0.03
	// recentAudits are looked at for failures.
	recentAudits = 8
	// fullPercent of the capacity are nearly all of it.
	fullPercent = 90
	// immunityShare: the last fifth of the immunity period is its end.
	immunityShare = 5
	// lowShare: the last tenth of the subnet ranks low.
	lowShare = 10
)

// Health is what Alerts judges by.
type Health struct {
	Rules  incentive.Rules
	Record incentive.Record
	Tier   string
	// TurnsIn is how many blocks are left of the window; 0: not known.
	TurnsIn   uint64
	BlockTime time.Duration
	// Stored of Capacity are used, in bytes; Limit is the tier's, Claim its own; 0:
	// it has none.
	Stored, Capacity, Limit, Claim int64
	// Trials are settled audits, the newest first; Owed the open question.
	Trials []index.Trial
	Owed   *index.Pending
	// Full says that the subnet has no free UID, so that a new hotkey takes
	// somebody's: that of who earns least, Place being Of of them, and is not
	// immune. ImmuneFor more blocks the miner is, out of Immunity.
	Full                bool
	Place, Of           int
	ImmuneFor, Immunity uint64
}

// Alerts are what the one who runs a miner should see to; none is an empty list.
// It asks nobody and keeps nothing.
func Alerts(h Health) []Alert {
	alerts := []Alert{}
	for _, a := range []Alert{
		{AlertDemotion, h.demotion()}, {AlertAudits, h.failing()}, {AlertAudits, h.owing()}, {AlertCapacity, h.filling()}, {AlertImmunity, h.exposed()},
	} {
		if a.Text != "" {
			alerts = append(alerts, a)
		}
	}
	return alerts
}

func (h Health) demotion() string {
	tier, score := h.Rules.Tiers.Named(h.Tier), h.Rules.ScoreOf(h.Record)
	if tier.MinScore <= 0 || h.Record.Sum().Attempts < decisive {
		return ""
	}
	when := "when the window ends"
	if h.TurnsIn > 0 {
		when = fmt.Sprintf("in %d blocks, some %s", h.TurnsIn, spell(time.Duration(h.TurnsIn)*h.BlockTime))
	}
	switch {
	case score < tier.MinScore:
		return fmt.Sprintf("falls to %s %s unless its score of this window rises from %.3f to %.2f: good answers raise it, failures lower it",
			h.Rules.TierOf(h.Record).Name, when, score, tier.MinScore)
	case score < tier.MinScore+demotionMargin:
		return fmt.Sprintf("is close to falling out of %s: its score of this window is %.3f, the tier needs %.2f, and %s in a row would cost it (decided %s)",
			tier.Name, score, tier.MinScore, some(h.failuresToFall(tier.MinScore), "more failure"), when)
	}
	return ""
}

// failuresToFall is how many failures in a row bring the score below a floor.
func (h Health) failuresToFall(floor float64) int {
	r, n := h.Record, 0
	for ; n < 1000 && h.Rules.ScoreOf(r) >= floor; n++ {
		r.Challenge.Attempts++
	}
	return n
}

func (h Health) failing() string {
	trials := h.Trials[:min(recentAudits, len(h.Trials))]
	failed, newest := 0, ""
	for _, t := range trials {
		if !t.Passed {
			failed++
			newest = cmp.Or(newest, t.Reason)
		}
	}
	if failed == 0 {
		return ""
	}
	return fmt.Sprintf("failed %d of its last %s; the newest %s", failed, some(len(trials), "audit"), newest)
}

func (h Health) owing() string {
	if h.Owed == nil {
		return ""
	}
	return fmt.Sprintf("owes an answer to an audit since %s: asked %s so far, and asked the same again until it answers or has failed; meanwhile it gets no data to store",
		h.Owed.Asked.UTC().Format(time.RFC3339), some(h.Owed.Tries, "time"))
}

func (h Health) filling() string {
	if h.Capacity <= 0 || float64(h.Stored)*100 < fullPercent*float64(h.Capacity) {
		return ""
	}
	grows := "that grows at the end of a window in which it passed audits of what it holds"
	switch {
	case h.Capacity >= h.Limit:
		grows = "that is all that its tier may hold"
	case h.Claim > 0 && h.Capacity >= h.Claim:
		grows = "that is all that it has said it has room for"
	}
	return fmt.Sprintf("uses %.0f %% of what it may hold, and is passed over when that is full: %s", 100*float64(h.Stored)/float64(h.Capacity), grows)
}

func (h Health) exposed() string {
	if !h.Full || h.Of == 0 || h.Immunity == 0 {
		return ""
	}
	low := h.Place*lowShare > h.Of*(lowShare-1)
	switch {
	case h.ImmuneFor == 0 && h.Place == h.Of:
		return "earns least of all that are not immune: the next hotkey that registers takes its UID"
	case low && h.ImmuneFor > 0 && h.ImmuneFor*immunityShare <= h.Immunity:
		return fmt.Sprintf("is immune for %d more blocks (some %s) and earns less than nearly all others (place %d of %d): then a new hotkey may take its UID",
			h.ImmuneFor, spell(time.Duration(h.ImmuneFor)*h.BlockTime), h.Place, h.Of)
	}
	return ""
}

// some is a number of things in words.
func some(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// spell is a time span in words, in its largest unit.
func spell(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return some(int(d.Seconds()), "second")
	case d < 2*time.Hour:
		return some(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return some(int(d.Hours()), "hour")
	}
	return some(int(d.Hours()/24), "day")
}

// health is what the alerts of a row are judged by.
func (v View) health(r MinerRow, trials []index.Trial, owed *index.Pending) Health {
	h := Health{
		Rules: v.Config.Rules, Record: r.record(), Tier: r.Tier, BlockTime: v.BlockTime,
		Stored: r.Stored, Capacity: r.Capacity, Limit: r.Limit, Trials: trials, Owed: owed,
	}
	if r.Offer != nil {
		h.Claim = r.Offer.Claim
	}
	if v.Block > 0 {
		h.TurnsIn = v.schedule().WindowEnd(v.Block) - v.Block
	}
	if r.UID == nil || v.Metagraph == nil || v.Subnet == nil {
		return h
	}
	me, ok := v.Metagraph.ByHotkey(r.Hotkey)
	if !ok {
		return h
	}
	h.Full = len(v.Metagraph.Neurons) >= int(v.Subnet.MaxUIDs)
	h.Immunity = uint64(v.Subnet.ImmunityPeriod)
	if end := me.RegisteredAt + h.Immunity; end > v.Block {
		h.ImmuneFor = end - v.Block
	}
	h.Place = 1
	for _, n := range v.Metagraph.Neurons {
		immune := n.RegisteredAt+h.Immunity > v.Block
		if n.Hotkey != me.Hotkey && immune && h.ImmuneFor == 0 {
			continue // it is not among those that may be replaced
		}
		h.Of++
		if n.Emission > me.Emission || n.Emission == me.Emission && n.UID < me.UID {
			h.Place++
		}
	}
	return h
}
