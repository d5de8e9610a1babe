package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// openPTY gives the two ends of a pseudo-terminal: what the person types into
// and what the command sees.
func openPTY(t *testing.T) (person, command *os.File) {
	t.Helper()
	open := func(path string) *os.File {
		f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	person = open("/dev/ptmx")
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return person, open(fmt.Sprintf("/dev/pts/%d", n))
}

// screen types each answer as soon as its question has been printed.
type screen struct {
	mu      sync.Mutex // guards all
	text    bytes.Buffer
	answers [][2]string // question, keys
	person  io.Writer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	if len(s.answers) > 0 && strings.HasSuffix(s.text.String(), s.answers[0][0]) {
		keys := s.answers[0][1]
		s.answers = s.answers[1:]
		if _, err := io.WriteString(s.person, keys); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func TestQuestionsAtATerminal(t *testing.T) {
	person, command := openPTY(t)
	before, err := unix.IoctlGetTermios(int(command.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{person: person, answers: [][2]string{
		{"Name: ", "alphx\x7fa\r"}, {"Secret: ", "hidden\r"}, {"Broken off: ", "half\x03"}, {"Ended: ", "\x04"}, {"After: ", "on\r"},
	}}
	c := newCLI(streams{in: command, out: io.Discard, err: s})
	for _, q := range []struct {
		question string
		secret   bool
		want     string
		err      error
	}{
		{"Name: ", false, "alpha", nil}, {"Secret: ", true, "hidden", nil},
		{"Broken off: ", true, "", errInterrupted}, {"Ended: ", true, "", errInterrupted}, {"After: ", false, "on", nil},
	} {
		if got, err := c.ask(q.question, q.secret); got != q.want || !errors.Is(err, q.err) {
			t.Errorf("%s%q, %v", q.question, got, err)
		}
		if after, err := unix.IoctlGetTermios(int(command.Fd()), unix.TCGETS); err != nil || *after != *before {
			t.Errorf("%sthe terminal is not as it was: %+v, %v", q.question, after, err)
		}
	}
	if text := s.text.String(); !strings.Contains(text, "Name: ") || strings.Contains(text, "hidden") || strings.Contains(text, "half") {
		t.Errorf("the screen shows %q", text)
	}
}

func TestNoQuestionsWithoutATerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/in")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, in := range []io.Reader{file, strings.NewReader("answer\n")} {
		if got, err := newCLI(streams{in: in, err: io.Discard}).ask("Name: ", false); !errors.Is(err, errNoTerminal) || got != "" {
			t.Errorf("%q, %v", got, err)
		}
	}
}
