package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/receipt"
)

// maxDossiers bounds a file of dossiers in bytes: four thousand at least.
const maxDossiers = 64 << 20

// The errors of a verification that came to an end: what it came to.
var (
	errRefuted = errors.New("refuted")
	errOpen    = errors.New("cannot be judged")
)

type verifyFlags struct {
	files []string
	kept  keptFlags
}

func (c *cli) auditVerifyCommand() *cobra.Command {
	var v verifyFlags
	cmd := &cobra.Command{
		Use: "verify FILE...", Short: "Check a settled audit again, offline",
		Long: `Check a settled audit again, offline: a FILE has a dossier as ` + "`filetao audit\nshow --save`" + ` writes it, or several, one after the other; - is standard input. Every
signature and every statement in it is checked, and the miner's answer is
computed again if the asker has revealed the key. No network is needed, and
nobody's word is taken.

Exit code 0 says that the dossier is genuine and its verdict right; 8 that it is
refuted; 9 that it is genuine, but shows too little to judge: that a miner was
silent cannot be proven, and keys of audits that were passed stay secret. Of
several dossiers the worst counts.

A miner that kept everything and is said to have answered wrongly may have been
given wrong tags. With --data and --tags, or --kept, it shows what it keeps. If
that is what was pledged and does not belong together, the asker cheated: exit
code 8.`,
		Example: "  filetao audit verify 5Grw…-7.json\n  filetao audit verify 5Grw…-7.json --kept ~/.filetao/miner --save defence\n" +
			"  filetao audit show --json | jq -c '.trials[].dossier | values' | filetao audit verify -",
		RunE: func(cmd *cobra.Command, args []string) error {
			v.files = args
			return c.verifyAudits(cmd.Context(), &v)
		},
	}
	v.kept.add(cmd)
	return cmd
}

func (c *cli) verifyAudits(ctx context.Context, v *verifyFlags) error {
	if len(v.files) == 0 {
		return usagef("which dossier? `filetao audit show --save DIR` writes them to files; - reads standard input")
	}
	if err := v.kept.check(); err != nil {
		return err
	}
	var dossiers []readDossier
	for _, path := range v.files {
		err := c.readDossiers(path, func(d readDossier) { dossiers = append(dossiers, d) })
		if err != nil {
			return err
		}
	}
	if v.kept.given() && len(dossiers) != 1 {
		return usagef("what a miner keeps is about one dossier, and there are %d", len(dossiers))
	}
	tally := map[receipt.Ruling]int{}
	for i, d := range dossiers {
		a := examine(d.Dossier)
		a.File = d.file
		if v.kept.given() {
			show := func(p receipt.Pledge) (data, tags []byte, err error) { return v.kept.read(ctx, p) }
			if err := a.defend(show); err != nil {
				return err
			}
		}
		tally[a.outcome()]++
		if err := c.print(a, func() { c.printExamined(a, i, len(dossiers)) }); err != nil {
			return err
		}
	}
	for _, path := range v.kept.saved {
		c.say("Saved: %s", path)
	}
	return c.verified(tally, len(dossiers))
}

// verified is the error that several dossiers come to.
func (c *cli) verified(tally map[receipt.Ruling]int, n int) error {
	refuted, open := tally[receipt.Refuted], tally[receipt.Open]
	if n > 1 {
		c.say("%s: %d confirmed, %d refuted, %d cannot be judged.", count(n, "dossier"), tally[receipt.Confirmed], refuted, open)
	}
	of := "the dossier"
	if n > 1 {
		of = fmt.Sprintf("%d of %s", cmp.Or(refuted, open), count(n, "dossier"))
	}
	switch {
	case refuted > 0:
		return fmt.Errorf("%s: %w", of, errRefuted)
	case open > 0:
		return fmt.Errorf("%s: %w", of, errOpen)
	}
	return nil
}

// readDossier is a dossier and the file it was in.
type readDossier struct {
	receipt.Dossier
	file string
}

// readDossiers reads all that are in a file.
func (c *cli) readDossiers(path string, add func(readDossier)) error {
	in, name := c.in, "standard input"
	if path != "-" {
		name = expandHome(path)
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxDossiers+1))
	if err != nil {
		return err
	}
	if len(data) > maxDossiers {
		return fmt.Errorf("%s: more than %s of dossiers: %w", name, size(maxDossiers), errTooLarge)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	for n := 0; ; n++ {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if errors.Is(err, io.EOF) && n > 0 {
			return nil
		}
		var d receipt.Dossier
		switch {
		case errors.Is(err, io.EOF):
			err = fmt.Errorf("%w: nothing is there", receipt.ErrStatement)
		case err != nil:
			err = fmt.Errorf("%w: %w", receipt.ErrStatement, err)
		default:
			d, err = receipt.ParseDossier(raw)
		}
		if err != nil {
			return fmt.Errorf("%s, line %d: no dossier: %w", name, lineAt(data, dec.InputOffset()-int64(len(raw))), err)
		}
		add(readDossier{d, name})
	}
}

// lineAt is the line in which the text at or behind an offset begins.
func lineAt(data []byte, offset int64) int {
	at := int(offset)
	for at < len(data) && bytes.IndexByte([]byte(" \t\r\n"), data[at]) >= 0 {
		at++
	}
	return 1 + bytes.Count(data[:at], []byte("\n"))
}

// printExamined is what a person reads about dossier i of n.
func (c *cli) printExamined(a *examined, i, n int) {
	if i > 0 {
		fmt.Fprintln(c.out)
	}
	if n > 1 {
		fmt.Fprintf(c.out, "Dossier %d of %d, %s\n", i+1, n, a.File)
	}
	line := func(name, text string) { c.hanging(fmt.Sprintf("%-9s", name), text) }
	line("Asker", cmp.Or(string(a.Asker), "cannot be read"))
	line("Miner", cmp.Or(string(a.Miner), "cannot be read"))
	if a.Hash != "" {
		line("Datum", a.Hash)
		line("Size", fmt.Sprintf("%s (%d bytes)", size(a.Size), a.Size))
	}
	if a.Block != nil {
		line("Block", fmt.Sprint(*a.Block))
	}
	line("Asked", a.when())
	line("Verdict", string(a.Verdict)+": "+bareReason(a.Reason, a.Verdict == receipt.Passed))
	fmt.Fprintln(c.out)
	for _, check := range a.Checks {
		c.hanging(fmt.Sprintf("%-8s", cmp.Or(check.Result, "-")), check.Text)
	}
	fmt.Fprintln(c.out)
	c.hanging("", rulingWords[a.Ruling]+" "+a.Meaning)
	if a.DefenceText != "" {
		c.hanging("", a.DefenceText)
	}
}

var rulingWords = map[receipt.Ruling]string{
	receipt.Confirmed: "Confirmed:", receipt.Refuted: "Refuted:", receipt.Open: "Cannot be judged:",
}

// when is what the asker says about times and tries.
func (a *examined) when() string {
	text := "it is not said when"
	if !a.Asked.IsZero() {
		text = moment(a.Asked)
	}
	if a.Tries > 0 {
		text += ", " + times(a.Tries)
	}
	if !a.Settled.IsZero() {
		text += "; settled " + moment(a.Settled)
	}
	return text
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }
