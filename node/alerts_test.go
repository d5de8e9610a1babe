package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
)

// record is one of so many good challenges of so many, and successes for life.
func record(good, asked, life uint64) incentive.Record {
	return incentive.Record{Challenge: index.Tally{Attempts: asked, Successes: good}, TotalSuccesses: life}
}

func TestAlerts(t *testing.T) {
	rules := incentive.DefaultRules()
	trial := func(ok bool) index.Trial { return index.Trial{Passed: ok, Reason: "failed: the piece is another"} }
	gold := Health{Rules: rules, Tier: "Gold", Record: record(60, 100, 3000)}
	full := Health{Rules: rules, Full: true, Place: 91, Of: 100, ImmuneFor: 20, Immunity: 100, BlockTime: 12 * time.Second}
	with := func(h Health, change func(*Health)) Health {
		change(&h)
		return h
	}
	for name, c := range map[string]struct {
		health Health
		want   string // kinds
		says   string
	}{
		"nothing":            {Health{Rules: rules}, "", ""},
		"nothing at all":     {Health{}, "", ""},
		"good enough":        {with(gold, func(h *Health) { h.Record = record(70, 100, 3000) }), "", ""},
		"close to the floor": {with(gold, func(h *Health) { h.Record = record(61, 100, 3000) }), "[demotion]", "score of this window is 0.610, the tier needs 0.60, and 2 more failures in a row"},
		"below the floor": {with(gold, func(h *Health) {
			h.Record, h.TurnsIn, h.BlockTime = record(57, 100, 3000), 100, 12*time.Second
		}), "[demotion]", "falls to Silver in 100 blocks, some 20 minutes unless its score of this window rises from 0.570 to 0.60"},
		"too few to decide": {with(gold, func(h *Health) { h.Record = record(1, 15, 3000) }), "", ""},
		"nothing below":     {Health{Rules: rules, Tier: "Bronze", Record: record(0, 100, 0)}, "", ""},
		"an audit failed":   {Health{Rules: rules, Trials: []index.Trial{trial(true), trial(false), trial(true)}}, "[audits]", "failed 1 of its last 3 audits; the newest failed: the piece is another"},
		"it was long ago":   {Health{Rules: rules, Trials: append(make([]index.Trial, 0), passes(8, trial(false))...)}, "", ""},
		"owes an answer":    {Health{Rules: rules, Owed: &index.Pending{Tries: 2}}, "[audits]", "asked 2 times so far"},
		"nearly full":       {Health{Rules: rules, Stored: 90, Capacity: 100, Limit: 200}, "[capacity]", "uses 90 % of what it may hold"},
		"at the tier's":     {Health{Rules: rules, Stored: 100, Capacity: 100, Limit: 100}, "[capacity]", "all that its tier may hold"},
		"not full":          {Health{Rules: rules, Stored: 89, Capacity: 100}, "", ""},
		"immunity ends":     {full, "[immunity]", "is immune for 20 more blocks (some 4 minutes) and earns less than nearly all others (place 91 of 100)"},
		"not yet":           {with(full, func(h *Health) { h.ImmuneFor = 21 }), "", ""},
		"earns enough":      {with(full, func(h *Health) { h.Place = 90 }), "", ""},
		"there is room":     {with(full, func(h *Health) { h.Full = false }), "", ""},
		"the next to go":    {with(full, func(h *Health) { h.ImmuneFor, h.Place = 0, 100 }), "[immunity]", "takes its UID"},
		"others before":     {with(full, func(h *Health) { h.ImmuneFor, h.Place = 0, 99 }), "", ""},
		"several":           {Health{Rules: rules, Stored: 1, Capacity: 1, Owed: &index.Pending{}, Trials: []index.Trial{trial(false)}}, "[audits audits capacity]", ""},
	} {
		var kinds []AlertKind
		var text string
		for _, a := range Alerts(c.health) {
			kinds, text = append(kinds, a.Kind), text+a.Text
		}
		if got := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(kinds), "[]"), ""); got != c.want || !strings.Contains(text, c.says) {
			t.Errorf("%s: alerts %v: %s", name, kinds, text)
		}
	}
}

// passes are n passed audits and an older one.
func passes(n int, oldest index.Trial) []index.Trial {
	all := make([]index.Trial, n)
	for i := range all {
		all[i].Passed = true
	}
	return append(all, oldest)
}

func TestWhatTheNextTierLacks(t *testing.T) {
	v := View{Scores: []float64{0.25}}.settled()
	r := MinerRow{Tier: "Bronze", TotalSuccesses: 100, Challenge: index.Tally{Attempts: 100, Successes: 40}}
	r.TierScore = v.Config.Rules.ScoreOf(r.record())
	n := v.next(r, 192)
	// docs/incentives.md: with 192 miners Silver's 500 take 36 hours.
	if n == nil || n.Name != "Silver" || n.MissingSuccesses != 400 || n.MissingScore < 0.14 || n.MissingScore > 0.16 ||
		n.Hours == nil || *n.Hours < 28 || *n.Hours > 29 {
		t.Fatalf("%+v", n)
	}
	r.Tier, r.Challenge = "Gold", index.Tally{Attempts: 3}
	if n := v.next(r, 0); n.Name != "Platinum" || n.MissingScore != 0 || n.Hours != nil {
		t.Errorf("of Gold, nobody being asked: %+v", n)
	}
	r.Tier = "Super Saiyan"
	if n := v.next(r, 192); n != nil {
		t.Errorf("above the best: %+v", n)
	}
}
