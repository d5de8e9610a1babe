package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/filetao/filetao/node"
)

// mostHurts are printed.
const mostHurts = 5

// printExplanation is what a person reads: where the miner stands, what hurt it,
// and the changes.
func (c *cli) printExplanation(x node.Explanation) {
	line := func(name, text string) { c.hanging(fmt.Sprintf("%-11s ", name), text) }
	r := x.Miner
	who := string(r.Hotkey)
	if r.UID != nil {
		who = strings.TrimSuffix(fmt.Sprintf("UID %d, %s", *r.UID, r.Hotkey), ", ")
	}
	line("Miner", who)
	line("Tier", tierOf(x))
	line("Score", scoreOf(x))
	if x.Known {
		line("Window", windowOf(x))
		line("Successes", successesOf(r))
		line("Storage", storageOf(r))
	}
	if x.Possession != nil {
		line("Possession", possessionOf(*x.Possession, x.Miner.Debt))
	}
	if len(r.Alerts) > 0 {
		fmt.Fprintln(c.out)
		for _, a := range r.Alerts {
			c.hanging("! ", "It "+a.Text+".")
		}
	}
	c.printHurts(x)
	c.printChanges(x)
}

func tierOf(x node.Explanation) string {
	text := x.Miner.Tier
	if text == "" {
		return "not known"
	}
	if n := x.Miner.Next; n != nil {
		return text + "; next is " + n.Name
	} else if x.Known {
		return text + ", the best"
	}
	return text
}

func scoreOf(x node.Explanation) string {
	r := x.Miner
	if r.Score == nil {
		return "not known: no events of it were read"
	}
	text := fmt.Sprintf("%.4f, the moving average of its rewards, which decides its weight", *r.Score)
	if r.Rank != nil {
		text += fmt.Sprintf("; place %d of %d", *r.Rank, r.Ranked)
	}
	return text
}

// windowOf says how the tier's score stands, and when the tier is decided.
func windowOf(x node.Explanation) string {
	r := x.Miner
	sum := r.Store.Attempts + r.Challenge.Attempts + r.Retrieve.Attempts
	good := r.Store.Successes + r.Challenge.Successes + r.Retrieve.Successes
	text := fmt.Sprintf("%d of %d answers good (store %s, challenge %s, retrieve %s), score %.3f",
		good, sum, counts(r.Store), counts(r.Challenge), counts(r.Retrieve), r.TierScore)
	if n := r.Next; n != nil && n.MinScore > 0 {
		text += fmt.Sprintf("; %s needs %.2f", n.Name, n.MinScore)
		if n.MissingScore > 0 {
			text += ", which is " + fmt.Sprintf("%.3f more", n.MissingScore)
		}
	}
	if x.WindowEnds != nil {
		left := *x.WindowEnds - min(x.Block, *x.WindowEnds)
		wait := time.Duration(float64(left) * x.BlockSeconds * float64(time.Second))
		text += fmt.Sprintf(". Tiers are decided at block %d", *x.WindowEnds)
		if wait > 0 {
			text += ", in about " + ago(wait)
		}
	}
	return text + "."
}

func successesOf(r node.MinerRow) string {
	text := thousands(r.TotalSuccesses) + " in its life"
	n := r.Next
	switch {
	case n == nil:
	case n.MissingSuccesses == 0:
		text += fmt.Sprintf("; %s needs %s, so that only the window's score decides", n.Name, thousands(n.MinSuccesses))
	default:
		text += fmt.Sprintf("; %s needs %s: %s more", n.Name, thousands(n.MinSuccesses), thousands(n.MissingSuccesses))
		if n.Hours != nil {
			text += fmt.Sprintf(", %s (an estimate, if all answers are good and this validator alone asks)", strings.Replace(roughHours(*n.Hours), "~", "about ", 1))
		}
	}
	return text + "."
}

func storageOf(r node.MinerRow) string {
	text := fmt.Sprintf("%s of %s that it may hold now (%.0f%%)", size(r.Stored), size(r.Capacity), r.Percent)
	if r.Capacity < r.Limit {
		text += fmt.Sprintf("; the tier's limit is %s, and it is given more as its audits show that it keeps what it has", size(r.Limit))
	}
	return text + "." + claimOf(r)
}

// claimOf is what a miner has signed of its room, and what comes of it.
func claimOf(r node.MinerRow) string {
	o := r.Offer
	if o == nil {
		return ""
	}
	text := fmt.Sprintf(" It claims to hold up to %s for all who ask, %s of them in use, signed %s", size(o.Capacity), size(o.Used), o.Signed.UTC().Format(time.RFC3339))
	switch {
	case o.Claim == 0:
		text += "; that is too old to count"
	case o.Refused:
		text += "; it has refused data since in spite of that, and is given no more until it signs another claim"
	case r.Capacity >= o.Claim:
		text += ", and is given no more than there was room for then"
	}
	return text + "."
}

func possessionOf(p float64, debt int) string {
	switch {
	case debt > 0:
		return fmt.Sprintf("0%%: it was proven to have lost data; %s until it is paid again.", count(debt, "more passed audit"))
	case p >= 0.995:
		return "100%: its audits show that it has what it was given, so that its successes are paid in full."
	case p == 0.5:
		return "50%: a newcomer's, until it has passed one challenge and one retrieval; its successes are paid half."
	}
	return fmt.Sprintf("%.0f%%: so much of a success is paid, for what its audits show; passing them raises it.", 100*p)
}

func (c *cli) printHurts(x node.Explanation) {
	if len(x.Changes) == 0 {
		return
	}
	fmt.Fprintln(c.out)
	if len(x.Hurts) == 0 {
		fmt.Fprintln(c.out, "Nothing hurt it in what follows.")
		return
	}
	fmt.Fprintln(c.out, "What hurt it most in what follows, in points of its score:")
	for _, h := range x.Hurts[:min(mostHurts, len(x.Hurts))] {
		c.hanging(fmt.Sprintf("  -%.4f  ", h.Lost), strings.TrimSuffix(h.What, ".")+". To do: "+h.Do+".")
	}
}

func (c *cli) printChanges(x node.Explanation) {
	fmt.Fprintln(c.out)
	if len(x.Changes) == 0 {
		c.hanging("", noChanges(x))
		return
	}
	rows := [][]string{strings.Split(">BLOCK,>AGE,WHAT,,>TIME,>REWARD,>OTHERS,>BEFORE,>AFTER,WHY", ",")}
	for _, ch := range x.Changes {
		rows = append(rows, c.changeRow(ch))
	}
	lines := aligned(rows)
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\n")
	}
	at := columns(lines[0]) - len("WHY")
	fmt.Fprintln(c.out, lines[0])
	for i, ch := range x.Changes {
		line := lines[i+1]
		if len(wrapped(ch.Text, c.helpWidth()-at)) > besideLines {
			fmt.Fprintln(c.out, line)
			c.hanging("    ", ch.Text)
			continue
		}
		c.hanging(line+strings.Repeat(" ", max(0, at-columns(line))), ch.Text)
	}
	fmt.Fprintf(c.out, "\n%s", count(len(x.Changes), "change"))
	for _, s := range x.Asked {
		fmt.Fprintf(c.out, "; %s %d of %d good", s.Kind, s.Succeeded, s.Asked)
	}
	fmt.Fprintln(c.out, ".")
	if x.Earlier > 0 {
		fmt.Fprintf(c.out, "%s before them in the events from block %d on: --last shows more.\n", count(x.Earlier, "change"), x.FirstBlock)
	}
}

func noChanges(x node.Explanation) string {
	switch {
	case x.Earlier > 0:
		return fmt.Sprintf("No change since that block; %s before it.", count(x.Earlier, "change"))
	case x.LastBlock == 0:
		return "There is no event log to read changes from: a validator keeps one in its folder; --events says where it is."
	}
	return fmt.Sprintf("No change yet in the events of blocks %d to %d: the validator draws whom it asks by lot, some at every step.", x.FirstBlock, x.LastBlock)
}

func (c *cli) changeRow(ch node.Change) []string {
	number := func(f *float64) string {
		if f == nil {
			return ""
		}
		return fmt.Sprintf("%.4f", *f)
	}
	verdict := "good"
	switch {
	case ch.Kind == node.KindRollover && ch.Tier != ch.TierBefore:
		verdict = "new tier"
	case ch.Kind == node.KindRollover, ch.Kind == node.KindReplaced, ch.Kind == node.KindGap:
		verdict = ""
	case !ch.OK:
		verdict = "FAILED"
	}
	age, time := "", ""
	if ch.Time != nil {
		age = ago(c.now().Sub(*ch.Time))
	}
	if ch.Seconds > 0 {
		time = took(seconds(ch.Seconds))
	}
	before, after := number(ch.Before), number(ch.After)
	if before == after && ch.Reward == nil {
		before, after = "", ""
	}
	return []string{fmt.Sprint(ch.Block), age, string(ch.Kind), verdict, time, number(ch.Reward), number(ch.OthersReward), before, after, ""}
}
