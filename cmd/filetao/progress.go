package main

import (
	"context"
	"os"
	"sync"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/wire"
)

// progressBar shows a transfer on a terminal, and nothing elsewhere.
type progressBar struct {
	pool *mpb.Progress // nil off a terminal
	bar  *mpb.Bar

	mu   sync.Mutex // guards text
	text string
}

// progress starts a bar on standard error, if that is a terminal and a person
// reads it.
func (c *cli) progress(what string) *progressBar {
	p := &progressBar{text: what}
	f, ok := c.err.(*os.File)
	if !ok || c.json || !term.IsTerminal(int(f.Fd())) {
		return p
	}
	p.pool = mpb.New(mpb.WithOutput(f), mpb.WithWidth(32))
	p.bar = p.pool.New(0, mpb.BarStyle(),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return p.label() })),
		mpb.AppendDecorators(decor.Counters(decor.SizeB1024(0), " % .1f / % .1f"), decor.Elapsed(decor.ET_STYLE_GO, decor.WC{W: 6})),
		mpb.BarRemoveOnComplete(),
	)
	return p
}

func (p *progressBar) label() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text + " "
}

// stage is a client's Progress function.
func (p *progressBar) stage(s client.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = string(s.Stage)
}

// context has the bytes on the wire move the bar.
func (p *progressBar) context(ctx context.Context) context.Context {
	if p.bar == nil {
		return ctx
	}
	return wire.WithProgress(ctx, func(w wire.Progress) {
		if w.Received > 0 {
			p.bar.SetTotal(w.ReceivedTotal, false)
			p.bar.SetCurrent(w.Received)
			return
		}
		p.bar.SetTotal(w.SendTotal, false)
		p.bar.SetCurrent(w.Sent)
	})
}

// done takes the bar away.
func (p *progressBar) done() {
	if p.bar == nil {
		return
	}
	p.bar.Abort(true)
	p.pool.Wait()
}
