package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/receipt"
)

// besideLines is how many lines a reason may take beside the table; a longer one
// stands below its row.
const besideLines = 2

func (c *cli) printAudits(s shownAudits, a *auditFlags) {
	if len(s.Trials) == 0 {
		c.printNoAudits(a)
	} else {
		c.printTrials(s.Trials)
		miners := map[string]bool{}
		for _, t := range s.Trials {
			miners[string(t.Miner)] = true
		}
		fmt.Fprintf(c.out, "\n%s of %s: %d passed, %d failed.\n", count(len(s.Trials), "audit"), count(len(miners), "miner"), s.Passed, s.Failed)
	}
	for _, p := range s.Pending {
		text := fmt.Sprintf("Pending: %s was asked %s since %s ago.", p.Miner, times(p.Tries), ago(c.now().Sub(p.Asked)))
		if wait := p.Next.Sub(c.now()); wait > 0 {
			text += fmt.Sprintf(" It is asked again in %s.", ago(wait))
		}
		c.hanging("", text)
	}
}

func (c *cli) printNoAudits(a *auditFlags) {
	switch {
	case a.failed:
		fmt.Fprintln(c.out, "No audit failed, of those that are kept.")
	default:
		c.hanging("", "Nothing has been audited yet. A validator asks miners at every step, three blocks apart (36 seconds "+
			"where a block takes 12), once they hold something for it: some minutes after it starts. "+
			"A miner that is silent is asked again, and its audit settled after that.")
	}
}

// printTrials prints the miners' audits under their names.
func (c *cli) printTrials(audits []shownAudit) {
	rows := [][]string{strings.Split(">AGE,>BLOCK,KIND,DATUM,>SIZE,>TRIES,>TIME,VERDICT,REASON", ",")}
	for _, t := range audits {
		verdict := "FAILED"
		if t.Passed {
			verdict = "passed"
		}
		rows = append(rows, []string{
			ago(c.now().Sub(t.Settled)), strconv.FormatUint(t.Block, 10), string(t.Kind), fit(t.Hash, 9), size(t.Size),
			strconv.Itoa(t.Tries), took(t.Elapsed), verdict,
		})
	}
	lines := aligned(rows)
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\n")
	}
	at := columns(lines[0]) - len("REASON") // where reasons begin
	fmt.Fprintln(c.out, lines[0])
	for i, t := range audits {
		if i == 0 || t.Miner != audits[i-1].Miner {
			fmt.Fprintln(c.out, t.who())
		}
		line, reason := lines[i+1], bareReason(t.Reason, t.Passed)
		if len(wrapped(reason, c.helpWidth()-at)) <= besideLines {
			c.hanging(line+strings.Repeat(" ", at-columns(line)), reason)
			continue
		}
		fmt.Fprintln(c.out, line)
		c.hanging("    ", reason)
	}
}

// bareReason is a reason without the verdict, where it begins with that.
func bareReason(reason string, passed bool) string {
	verdict := receipt.Failed
	if passed {
		verdict = receipt.Passed
	}
	return strings.TrimPrefix(reason, string(verdict)+": ")
}

func (t shownAudit) who() string {
	if t.UID != nil {
		return fmt.Sprintf("UID %d, %s", *t.UID, t.Miner)
	}
	return string(t.Miner)
}

// ago is a time span in words, cut to its largest unit.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d d", d/(24*time.Hour))
}

// took is how long an answer took.
func took(d time.Duration) string {
	switch {
	case d <= 0:
		return "-"
	case d < time.Second:
		return fmt.Sprintf("%.3g ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// save writes each dossier to a file of its own.
func (s *shownAudits) save(dir string) error {
	for i := range s.Trials {
		t := &s.Trials[i]
		if len(t.Dossier) == 0 {
			continue
		}
		path := filepath.Join(dir, fmt.Sprintf("%s-%d.json", t.Miner, t.ID))
		if err := saveNew(path, append(slices.Clone(t.Dossier), '\n')); err != nil {
			return err
		}
		t.File = path
	}
	return nil
}

// saveNew writes a file for --save, in a folder that is made if need be. It
// replaces nothing.
func saveNew(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return fmt.Errorf("--save: %w", err)
	}
	old, err := readUpTo(path, int64(len(data))+1)
	if errors.Is(err, fs.ErrNotExist) {
		err = durable.WriteFile(path, data, 0o644)
	} else if err == nil && !bytes.Equal(old, data) {
		err = fmt.Errorf("%s: %w with other content; choose another folder", path, fs.ErrExist)
	}
	if err != nil {
		return fmt.Errorf("--save: %w", err)
	}
	return nil
}

// readUpTo reads a file, or so many bytes of it.
func readUpTo(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// printSaved says what was written, and how to check it.
func (c *cli) printSaved(s shownAudits, a *auditFlags) {
	if a.save == "" {
		return
	}
	var files []string
	for _, t := range s.Trials {
		if t.File != "" {
			files = append(files, t.File)
		}
	}
	if len(files) == 0 {
		fmt.Fprintln(c.out, "Nothing to save: only native audits have dossiers.")
		return
	}
	all := shellWord(files[0])
	if len(files) > 1 {
		all = shellWord(filepath.Dir(files[0])) + "/*.json"
	}
	fmt.Fprintf(c.out, "\nSaved:\n  %s\nCheck with:\n  %s audit verify %s\n", strings.Join(files, "\n  "), shellWord(ownName()), all)
}
