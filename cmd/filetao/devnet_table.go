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
)

// tablePeriod is how often the live table is drawn on a terminal; elsewhere a
// line is printed every linePeriod.
const (
	tablePeriod = time.Second
	linePeriod  = 10 * time.Second
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
	for {
		snapshot, err := d.Snapshot(ctx)
		if err != nil {
			return err
		}
		if live {
			width, height, err := term.GetSize(int(f.Fd()))
			if err != nil {
				width, height = 80, 24
			}
			s.draw(c.out, tableLines(snapshot), width, height)
		} else {
			c.say("%s", summary(snapshot))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
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

func tableLines(s devnet.Snapshot) []string {
	rows := [][]string{{"MINER", ">UID", "TIER", ">STORED", ">CHALLENGES", ">INCENTIVE", "LAST CHALLENGE"}}
	for _, m := range s.Miners {
		last := "none yet"
		if m.Last != nil {
			verdict := "passed"
			if !m.Last.Passed {
				verdict = "FAILED"
			}
			last = fmt.Sprintf("block %d: %s in %.0f ms", m.Last.Block, verdict, 1000*m.Last.Seconds)
		}
		rows = append(rows, []string{
			m.Name, fmt.Sprint(m.UID), cmp.Or(m.Tier, "-"), size(m.Stored), tally(m.Challenge), fraction(m.Incentive), last,
		})
	}
	return append([]string{summary(s), ""}, aligned(rows)...)
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
