package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
)

// printMiners prints the table of `miner stats`, and below it what the miners'
// operators should see to.
func (c *cli) printMiners(rows []node.MinerRow, full bool) {
	if len(rows) == 0 {
		fmt.Fprintln(c.out, "The index knows no miners yet.")
		return
	}
	var table [][]string
	for _, r := range rows {
		uid, score := "-", "-"
		if r.UID != nil {
			uid = strconv.Itoa(*r.UID)
		}
		if len(r.Alerts) > 0 {
			uid = "! " + uid
		}
		if r.Score != nil {
			score = fmt.Sprintf("%.4f", *r.Score)
		}
		hotkey := string(r.Hotkey)
		if !full {
			hotkey = short(hotkey)
		}
		claims := "-"
		if r.Offer != nil {
			claims = size(r.Offer.Capacity)
		}
		table = append(table, []string{
			uid, hotkey, r.Tier, score, thousands(r.TotalSuccesses), counts(r.Store), counts(r.Challenge), counts(r.Retrieve),
			size(r.Stored) + " / " + size(r.Capacity), claims, fmt.Sprintf("%.0f%%", r.Percent), nextTier(r.Next),
		})
	}
	c.table(strings.Split(">UID,HOTKEY,TIER,>SCORE,>SUCCESSES,>STORE,>CHALLENGE,>RETRIEVE,>USED / LIMIT,>CLAIMS,>%,NEXT TIER", ","), table)
	head := "\n"
	for _, r := range rows {
		for _, a := range r.Alerts {
			fmt.Fprint(c.out, head)
			head = ""
			c.hanging("! ", whoIs(r)+" "+a.Text+".")
		}
	}
}

// whoIs names a miner within a sentence.
func whoIs(r node.MinerRow) string {
	if r.UID != nil {
		return fmt.Sprintf("UID %d", *r.UID)
	}
	return string(r.Hotkey)
}

// short is a hotkey cut to what tells it apart.
func short(hotkey string) string {
	if len(hotkey) <= 12 {
		return hotkey
	}
	return hotkey[:6] + "…" + hotkey[len(hotkey)-4:]
}

// nextTier is a cell: what is missing for the next tier.
func nextTier(n *node.NextTier) string {
	if n == nil {
		return "none above"
	}
	text := n.Name
	switch {
	case n.MissingSuccesses > 0:
		text += fmt.Sprintf(": %s more", thousands(n.MissingSuccesses))
		if n.Hours != nil {
			text += ", " + roughHours(*n.Hours)
		}
	case n.MissingScore <= 0:
		text += " at rollover"
	}
	if n.MissingScore > 0 {
		text += ", score low"
	}
	return text
}

// roughHours is an estimate in words.
func roughHours(h float64) string {
	switch {
	case h < 1:
		return fmt.Sprintf("~%.0f min", math.Ceil(60*h))
	case h < 96:
		return fmt.Sprintf("~%.0f h", h)
	}
	return fmt.Sprintf("~%.0f d", h/24)
}

// thousands is a number with commas between its thousands.
func thousands(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// counts shows successes of attempts.
func counts(t index.Tally) string { return fmt.Sprintf("%d/%d", t.Successes, t.Attempts) }
