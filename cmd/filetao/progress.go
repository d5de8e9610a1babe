package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/wire"
)

// progressBar shows on a terminal what a command waits for: a bar while many
// bytes move, a spinner and the time while somebody works. Elsewhere it shows
// nothing.
type progressBar struct {
	out  *os.File      // nil off a terminal
	pool *mpb.Progress // nil while nothing is shown
	bar  *mpb.Bar
	now  func() time.Time

	mu          sync.Mutex // guards all below
	what, doing string
	sent        string    // what follows once all bytes have been sent
	since       time.Time // of what it is doing
	moved, all  int64     // bytes; all is 0 while it is not known
	before      int64     // of those moved, what was there when it began
	stream      client.Stage
	there       int64 // bytes that a stream had moved last
}

// progress starts a bar on standard error, if that is a terminal, a person reads
// it and no log is written over it.
func (c *cli) progress(what string) *progressBar {
	p := &progressBar{what: what, now: c.now, since: c.now()}
	c.bar = p
	f, ok := c.err.(*os.File)
	if !ok || c.json || c.debug || c.trace || !term.IsTerminal(int(f.Fd())) {
		return p
	}
	p.out = f
	p.show()
	return p
}

// show draws the bar, again after done.
func (p *progressBar) show() {
	if p.out == nil || p.pool != nil {
		return
	}
	p.pool = mpb.New(mpb.WithOutput(p.out), mpb.WithRefreshRate(100*time.Millisecond))
	filler := mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
		_, err := io.WriteString(w, p.line(s.AvailableWidth-1))
		return err
	})
	p.bar = p.pool.MustAdd(0, filler, mpb.BarFillerTrim())
}

const minBar = 64 << 10 // bytes from which a bar is worth drawing

// line is what the terminal shows, in so many columns.
func (p *progressBar) line(width int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	elapsed := p.now().Sub(p.since)
	if p.all < minBar && p.moved < minBar || p.moved >= p.all && p.all > 0 {
		frames := []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
		text := p.what
		switch {
		case p.sent != "" && p.all > 0:
			text += ": " + p.sent
		case p.doing != "":
			text += ": " + p.doing
		}
		return fit(fmt.Sprintf("%c %s … %.0f s", frames[int(elapsed/(100*time.Millisecond))%len(frames)], text, elapsed.Seconds()), width)
	}
	rate := ""
	if s := elapsed.Seconds(); s > 0.5 {
		perSecond := float64(p.moved-p.before) / s
		rate = fmt.Sprintf("  %s/s", size(int64(perSecond)))
		if p.stream != "" && perSecond > 0 && p.all > p.moved {
			rate += "  " + remaining(float64(p.all-p.moved)/perSecond)
		}
	}
	if p.all <= 0 {
		return fit(fmt.Sprintf("%s  %s%s", p.what, size(p.moved), rate), width)
	}
	counts := fmt.Sprintf(" %3d%%  %s of %s%s", 100*p.moved/p.all, size(p.moved), size(p.all), rate)
	what := p.what
	if p.stream == client.StageComparing {
		what += ": " + p.doing
	}
	what = fit(what, max(10, width-len(counts)-14))
	room := min(40, width-columns(what)-len(counts)-3)
	if room < 5 {
		return fit(what+counts, width)
	}
	done := int(int64(room) * p.moved / p.all)
	return what + " [" + strings.Repeat("=", done) + strings.Repeat(" ", room-done) + "]" + counts
}

// say replaces what it is doing.
func (p *progressBar) say(doing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing, p.sent, p.since, p.moved, p.all, p.before, p.stream = doing, "", p.now(), 0, 0, 0, ""
}

// remaining is how long it still takes, in a word.
func remaining(seconds float64) string {
	switch d := time.Duration(seconds+0.5) * time.Second; {
	case seconds > 100*3600:
		return "days left"
	case d >= time.Hour:
		return fmt.Sprintf("%d:%02d:%02d left", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d:%02d left", int(d.Minutes()), int(d.Seconds())%60)
	}
}

// stage is a client's Progress function.
func (p *progressBar) stage(s client.Progress) {
	switch s.Stage {
	case client.StageReading, client.StageComparing, client.StageSending, client.StageFetching:
		p.flow(s)
		return
	}
	if s.Files > 0 && s.Stage != client.StageDone {
		return // one of many files
	}
	p.say(string(s.Stage))
	if s.Stage == client.StageAsking {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.doing, p.sent = fmt.Sprintf("asking gateway %.8s…", s.Gateway), fmt.Sprintf("gateway %.8s… works on it", s.Gateway)
	}
}

// flow takes the bytes of a stage that tells of them itself.
func (p *progressBar) flow(s client.Progress) {
	if s.Files == 0 {
		p.mu.Lock()
		same := p.stream == s.Stage
		p.mu.Unlock()
		if !same {
			p.say(string(s.Stage))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stream, p.doing = s.Stage, string(s.Stage)
	if s.Files > 0 {
		p.doing = fmt.Sprintf("%d of %d files", s.FilesDone, s.Files)
	}
	if s.Resumed > p.before {
		p.before = s.Resumed
	}
	p.moved, p.all = s.Done, s.Bytes
	if s.Stage != client.StageReading {
		p.there = s.Done
	}
}

// arrived is how many bytes of a stream have moved and stay.
func (p *progressBar) arrived() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.there
}

// context has the bytes on the wire move the bar.
func (p *progressBar) context(ctx context.Context) context.Context {
	if p.pool == nil {
		return ctx
	}
	return wire.WithProgress(ctx, p.move)
}

// move takes one call's report. Several calls may be under way: the one that is
// ahead counts.
func (p *progressBar) move(w wire.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream != "" {
		return
	}
	moved, all := w.Sent, w.SendTotal
	if w.Received > 0 {
		moved, all = w.Received, w.ReceivedTotal
	}
	if moved < p.moved && p.all >= minBar {
		return
	}
	if all >= minBar && p.all < minBar || moved >= minBar && p.moved < minBar {
		p.since = p.now() // the rate is that of the bytes
	}
	p.moved, p.all = moved, all
	if all >= minBar && moved == all {
		p.since = p.now() // from here on somebody else works
	}
}

// done takes the bar away. It may be called twice.
func (p *progressBar) done() {
	if p.pool == nil {
		return
	}
	p.bar.Abort(true)
	p.pool.Wait()
	p.pool = nil
}
