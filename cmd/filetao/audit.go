package main

import (
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

func (c *cli) auditCommand() *cobra.Command {
	return group("audit", "Look at audits of miners, and check their verdicts", c.auditShowCommand(), c.auditVerifyCommand())
}

// wrapped breaks a text into lines of so many columns, at spaces; longer words
// stand alone. What a terminal would obey is replaced: the text is somebody
// else's.
func wrapped(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(strings.Map(plainRune, text)) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case columns(*last)+1+columns(word) <= width:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

func plainRune(r rune) rune {
	if unicode.IsSpace(r) {
		return ' '
	}
	if !unicode.IsPrint(r) {
		return '?'
	}
	return r
}

// hanging prints a text behind a label, its further lines below its first.
func (c *cli) hanging(label, text string) {
	indent := strings.Repeat(" ", columns(label))
	_, _ = c.out.Write([]byte(label + strings.Join(wrapped(text, c.helpWidth()-columns(label)), "\n"+indent) + "\n"))
}
