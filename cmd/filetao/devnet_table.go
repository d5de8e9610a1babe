package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/node"
)

// tablePeriod is how often the table is drawn on a terminal; elsewhere a line is
// printed every linePeriod, and the whole table with every tableLine-th of them.
const (
	tablePeriod = time.Second
	linePeriod  = 10 * time.Second
	tableLine   = 6
)

// liveTable shows the network until ctx ends.
func (c *cli) liveTable(ctx context.Context, d *devnet.Devnet) error {
	f, ok := c.stdout.w.(*os.File)
	live := ok && !c.json && !c.debug && !c.trace && term.IsTerminal(int(f.Fd()))
	period := linePeriod
	var s screenPart
	if live {
		period = tablePeriod
		s.hideCursor(c.out)
		defer s.showCursor(c.out)
	}
	tick := time.NewTicker(period)
	defer tick.Stop()
	for n := 0; ; n++ {
		snapshot, err := d.Snapshot(ctx)
		if err != nil {
			return err
		}
		switch {
		case live:
			width, height, err := term.GetSize(int(f.Fd()))
			if err != nil {
				width, height = 80, 24
			}
			s.draw(c.out, tableLines(snapshot, c.rowsOf(ctx, d), width), width, height)
		case n%tableLine == 0:
			for _, line := range tableLines(snapshot, c.rowsOf(ctx, d), widthElsewhere) {
				c.say("%s", strings.TrimRight(line, "\n"))
			}
			c.say("")
		default:
			c.say("%s", summary(snapshot))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// rowsOf is what the first validator says of the miners; nothing when it does not
// answer.
func (c *cli) rowsOf(ctx context.Context, d *devnet.Devnet) map[string]node.MinerRow {
	rows, err := (&source{page: d.StatusAddr()}).miners(ctx)
	if err != nil {
		c.log.Debug("no rows for the table", "err", err)
	}
	by := map[string]node.MinerRow{}
	for _, r := range rows {
		by[string(r.Hotkey)] = r
	}
	return by
}

// screenPart is the lowest part of a terminal, drawn again and again.
type screenPart struct{ drawn []string }

// draw writes the lines over the last ones in one piece, each overwritten before
// what is left of it is cleared, so that nothing flickers. Lines that do not fit
// are cut off.
func (s *screenPart) draw(w io.Writer, lines []string, width, height int) {
	var out strings.Builder
	out.WriteString("\r")
	if up := rowsTaken(s.drawn, width); up > 0 {
		fmt.Fprintf(&out, "\x1b[%dA", min(up, height-1))
	}
	s.drawn = s.drawn[:0]
	for _, line := range lines[:min(len(lines), max(1, height-1))] {
		line = fit(strings.TrimRight(line, "\n"), width)
		s.drawn = append(s.drawn, line)
		out.WriteString(line + "\x1b[K\n")
	}
	out.WriteString("\x1b[J")
	_, _ = io.WriteString(w, out.String()) // stays in c.out
}

// rowsTaken is how many rows the lines take since the terminal has this width: it
// breaks those that have become too long.
func rowsTaken(lines []string, width int) (n int) {
	for _, line := range lines {
		n += max(1, (columns(line)+width-1)/max(1, width))
	}
	return n
}

func (*screenPart) hideCursor(w io.Writer) { _, _ = io.WriteString(w, "\x1b[?25l") }
func (*screenPart) showCursor(w io.Writer) { _, _ = io.WriteString(w, "\x1b[?25h") }

// widthElsewhere is in how many columns the table is printed without a terminal.
const widthElsewhere = 120

const tableLegend = "Rewards make the score, and that the incentive; possession is what audits make of a success. Why: miner explain UID"

// tableLines are the table, with what rows, by hotkey, say of why a miner stands
// where it does; what its operator should see to is below.
func tableLines(s devnet.Snapshot, rows map[string]node.MinerRow, width int) []string {
	table := [][]string{strings.Split("MINER,>UID,TIER,>SCORE,>POSSESSION,>STORED,>CHALLENGES,>INCENTIVE,NEXT TIER,LAST CHALLENGE", ",")}
	var alerts []string
	for _, m := range s.Miners {
		r, known := rows[m.Hotkey]
		uid, score, possession, next, last := fmt.Sprint(m.UID), "-", "-", "-", "none yet"
		if r.Score != nil {
			score = fmt.Sprintf("%.4f", *r.Score)
		}
		if r.Possession != nil {
			possession = fmt.Sprintf("%.0f%%", 100**r.Possession)
		}
		if known {
			next = nextTier(r.Next)
		}
		if m.Last != nil {
			verdict := "passed"
			if !m.Last.Passed {
				verdict = "FAILED"
			}
			last = fmt.Sprintf("%s, %.0f ms", verdict, 1000*m.Last.Seconds)
		}
		if len(r.Alerts) > 0 {
			uid = "! " + uid
		}
		for _, a := range r.Alerts {
			for i, line := range wrapped(whoIs(r)+" "+a.Text+".", width-2) {
				alerts = append(alerts, []string{"! ", "  "}[min(i, 1)]+line)
			}
		}
		table = append(table, []string{
			m.Name, uid, cmp.Or(m.Tier, "-"), score, possession, size(m.Stored), counts(m.Challenge), fraction(m.Incentive), next, last,
		})
	}
	lines := append([]string{summary(s), ""}, aligned(table)...)
	lines = append(lines, "", tableLegend)
	if len(alerts) > 0 {
		lines = append(append(lines, ""), alerts...)
	}
	return lines
}

func summary(s devnet.Snapshot) string {
	var stored int64
	var asked, passed uint64
	for _, m := range s.Miners {
		stored += m.Stored
		asked += m.Challenge.Attempts
		passed += m.Challenge.Successes
	}
	return fmt.Sprintf("Block %d: %s, %s, %s stored, %d of %d challenges passed",
		s.Block, count(len(s.Miners), "miner"), count(s.Files, "file"), size(stored), passed, asked)
}
