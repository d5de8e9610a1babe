package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
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
	live := ok && !c.json && term.IsTerminal(int(f.Fd()))
	period := linePeriod
	if live {
		period = tablePeriod
	}
	tick := time.NewTicker(period)
	defer tick.Stop()
	lines := 0
	for {
		s, err := d.Snapshot(ctx)
		if err != nil {
			return err
		}
		if live {
			text := drawTable(s)
			fmt.Fprint(c.out, strings.Repeat("\x1b[A\x1b[2K", lines)+text) // over the last one
			lines = strings.Count(text, "\n")
		} else {
			c.say("%s", summary(s))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func drawTable(s devnet.Snapshot) string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\n\n", summary(s))
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MINER\tUID\tTIER\tSTORED\tCHALLENGES\tINCENTIVE\tLAST CHALLENGE")
	for _, m := range s.Miners {
		last := "none yet"
		if m.Last != nil {
			verdict := "passed"
			if !m.Last.Passed {
				verdict = "FAILED"
			}
			last = fmt.Sprintf("block %d: %s in %.0f ms", m.Last.Block, verdict, 1000*m.Last.Seconds)
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", m.Name, m.UID, cmp.Or(m.Tier, "-"), size(m.Stored), tally(m.Challenge), fraction(m.Incentive), last)
	}
	_ = w.Flush() // into memory
	return out.String()
}

func summary(s devnet.Snapshot) string {
	var stored int64
	var asked, passed uint64
	for _, m := range s.Miners {
		stored += m.Stored
		asked += m.Challenge.Attempts
		passed += m.Challenge.Successes
	}
	return fmt.Sprintf("Block %d: %d miners, %d file(s), %s stored, %d of %d challenges passed", s.Block, len(s.Miners), s.Files, size(stored), passed, asked)
}
