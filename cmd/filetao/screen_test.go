package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wire"
)

func TestTextFitsIntoColumns(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 5, ""}, {"short", 5, "short"}, {"longer", 5, "long…"}, {"x", 0, "…"}, {"年年年", 6, "年年年"}, {"年年年", 5, "年年…"}, {"年年年", 4, "年…"},
	} {
		if got := fit(c.text, c.width); got != c.want {
			t.Errorf("%q in %d columns is %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestColumnsAreAligned(t *testing.T) {
	got := strings.Join(aligned([][]string{{"NAME", ">SIZE", "LAST"}, {"年", "1 B", ""}, {"longer", "10 B", "x"}, {"short"}}), "")
	want := "NAME    SIZE  LAST\n年       1 B\nlonger  10 B  x\nshort\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTransferOnATerminal(t *testing.T) {
	now := time.Unix(1000, 0)
	c := newCLI(streams{err: io.Discard, now: func() time.Time { return now }})
	p := c.progress("storing file")
	is := func(want string) {
		t.Helper()
		if got := p.line(70); got != want || columns(got) > 70 {
			t.Errorf("the line is\n%q, want\n%q", got, want)
		}
	}
	now = now.Add(3 * time.Second)
	is("⠋ storing file … 3 s")
	p.stage(client.Progress{Stage: client.StageFinding})
	is("⠋ storing file: finding gateways … 0 s")
	p.move(wire.Progress{Sent: 100, SendTotal: 100}) // a ping
	is("⠋ storing file: finding gateways … 0 s")
	p.stage(client.Progress{Stage: client.StageAsking, Gateway: alice})
	is("⠋ storing file: asking gateway 5GrwvaEF… … 0 s")
	const all = 300 << 20
	p.move(wire.Progress{Sent: all / 4, SendTotal: all})
	is("storing file [======                     ]  25%  75.0 MiB of 300.0 MiB")
	now = now.Add(time.Second)
	p.move(wire.Progress{Sent: all / 2, SendTotal: all})
	p.move(wire.Progress{Sent: all / 3, SendTotal: all}) // another call, behind
	if got := p.line(200); !strings.HasSuffix(got, " 50%  150.0 MiB of 300.0 MiB  150.0 MiB/s") {
		t.Errorf("the line is %q", got)
	}
	p.move(wire.Progress{Sent: all, SendTotal: all})
	now = now.Add(2 * time.Second)
	is("⠋ storing file: gateway 5GrwvaEF… works on it … 2 s")
	p.stage(client.Progress{Stage: client.StageAsking, Gateway: bob})
	p.move(wire.Progress{Sent: 400, SendTotal: 400, Received: 1 << 20})
	is("storing file  1.0 MiB")
	if got := p.line(9); columns(got) > 9 {
		t.Errorf("%q does not fit into 9 columns", got)
	}
	if ctx := p.context(t.Context()); ctx != t.Context() {
		t.Error("reports are asked for that nobody looks at")
	}
	p.done()
}

// fakeScreen is as much of a terminal as the live table needs.
type fakeScreen struct {
	rows []string
	row  int // the cursor's
}

var escapes = regexp.MustCompile("^(\r|\x1b\\[(\\d*)([AKJ])|[^\r\n\x1b]*\n?)")

func (s *fakeScreen) Write(p []byte) (int, error) {
	for text := string(p); text != ""; {
		m := escapes.FindStringSubmatch(text)
		text = text[len(m[0]):]
		switch {
		case m[3] == "A":
			n, err := strconv.Atoi(m[2])
			if err != nil || n > s.row {
				return 0, fmt.Errorf("up %q from row %d", m[2], s.row)
			}
			s.row -= n
		case m[3] == "J":
			s.rows = s.rows[:s.row]
		case m[3] == "" && m[0] != "\r":
			for len(s.rows) <= s.row {
				s.rows = append(s.rows, "")
			}
			if line, ended := strings.CutSuffix(m[0], "\n"); line != "" || !ended {
				s.rows[s.row] = line
			}
			s.row += strings.Count(m[0], "\n")
		}
	}
	return len(p), nil
}

func TestTheTableIsDrawnOverTheLastOne(t *testing.T) {
	snapshot := devnet.Snapshot{Block: 7, Files: 1, Miners: []devnet.Miner{
		{Name: "miner1", UID: 3, Hotkey: "5F", Tier: "Bronze", Stored: 5 << 20, Challenge: index.Tally{Attempts: 4, Successes: 3}, Last: &devnet.Challenge{Block: 6, Seconds: 0.0123}},
		{Name: "miner2", UID: -1},
	}}
	score, possession, hours, uid := 0.1234, 0.5, 0.2, 3
	lines := tableLines(snapshot, map[string]node.MinerRow{"5F": {
		UID: &uid, Score: &score, Possession: &possession, Next: &node.NextTier{Name: "Silver", MissingSuccesses: 496, Hours: &hours},
		Alerts: []node.Alert{{Kind: node.AlertAudits, Text: "failed 1 of its last 4 audits; the newest " + strings.TrimSpace(strings.Repeat("because ", 10))}},
	}}, 120)
	want := []string{
		"Block 7: 2 miners, 1 file, 5.0 MiB stored, 3 of 4 challenges passed", "",
		"MINER   UID  TIER     SCORE  POSSESSION   STORED  CHALLENGES  INCENTIVE  NEXT TIER                  LAST CHALLENGE",
		"miner1  ! 3  Bronze  0.1234         50%  5.0 MiB         3/4     0.0000  Silver: 496 more, ~12 min  FAILED, 12 ms",
		"miner2   -1  -            -           -      0 B         0/0     0.0000  -                          none yet", "",
		tableLegend, "",
		"! UID 3 failed 1 of its last 4 audits; the newest because because because because because because because because",
		"  because because.",
	}
	var s screenPart
	terminal := new(fakeScreen)
	for range 3 {
		s.draw(terminal, lines, 120, 25)
		if got := strings.Join(terminal.rows, "\n"); got != strings.Join(want, "\n") {
			t.Fatalf("the screen shows\n%s\nwant\n%s", got, strings.Join(want, "\n"))
		}
	}
	s.draw(terminal, lines, 20, 4)
	if len(s.drawn) != 3 || s.drawn[2] != "MINER   UID  TIER  …" {
		t.Errorf("in 20 columns and 4 rows it is %q", s.drawn)
	}
	if n := rowsTaken([]string{"12345", "", "年年"}, 3); n != 5 {
		t.Errorf("broken at 3 columns they take %d rows, want 5", n)
	}
}

func TestLogForAPerson(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newTerminalHandler(&out, slog.LevelInfo)).With("role", "miner", "hotkey", alice, "node", "miner1")
	log.Debug("unseen")
	log.Info("serving", "axon", "127.0.0.1:1")
	log.WithGroup("g").Warn("watch out", "time", "now")
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 3 || !strings.HasSuffix(lines[0], " serving  node=miner1 axon=127.0.0.1:1") || !strings.HasSuffix(lines[1], " WARN watch out  node=miner1 g.time=now") || lines[2] != "" {
		t.Errorf("the log is %q", out.String())
	}
	if _, err := time.Parse(time.TimeOnly, lines[0][:8]); err != nil {
		t.Error(err)
	}
}
