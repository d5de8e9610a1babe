package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// stickyWriter remembers the first error, so that commands may print without
// looking: execute reports it at the end (a full disk behind a pipe).
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	if err != nil {
		s.err = fmt.Errorf("write output: %w", err)
	}
	return n, s.err
}

// print answers with v as one line of JSON if --json is given, else by text.
func (c *cli) print(v any, text func()) error {
	if !c.json {
		text()
		return nil
	}
	enc := json.NewEncoder(c.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table prints rows in aligned columns under an upper-case header; errors stay in
// c.out.
func (c *cli) table(header []string, rows [][]string) {
	fmt.Fprint(c.out, strings.Join(aligned(append([][]string{header}, rows...)), ""))
}

// pairs prints a name and a value per line, aligned.
func (c *cli) pairs(pairs [][2]string) {
	var rows [][]string
	for _, p := range pairs {
		rows = append(rows, p[:])
	}
	fmt.Fprint(c.out, strings.Join(aligned(rows), ""))
}

// aligned makes a line of each row. A column whose first cell begins with ">" is
// of numbers and aligned to the right.
func aligned(rows [][]string) []string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(strings.TrimPrefix(cell, ">")))
		}
	}
	lines := make([]string, len(rows))
	for n, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			right := i < len(rows[0]) && strings.HasPrefix(rows[0][i], ">")
			if n == 0 && right {
				cell = cell[1:]
			}
			padding := strings.Repeat(" ", widths[i]-columns(cell))
			if right {
				cell, padding = padding+cell, ""
			}
			line.WriteString(cell + padding + "  ")
		}
		lines[n] = strings.TrimRight(line.String(), " ") + "\n"
	}
	return lines
}

// columns is how wide a text is on a terminal: letters of East Asia and pictures
// take two columns.
func columns(s string) (n int) {
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r >= 0x1100 && (r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 || r >= 0xf900 && r <= 0xfaff ||
		r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 || r >= 0x1f300 && r <= 0x1faff || r >= 0x20000 && r <= 0x3fffd) {
		return 2
	}
	return 1
}

// fit cuts a text off after so many columns and says so with "…".
func fit(s string, width int) string {
	if columns(s) <= width {
		return s
	}
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > width-1 {
			return s[:i] + "…"
		}
	}
	return s
}
