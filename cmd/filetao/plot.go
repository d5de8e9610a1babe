package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filetao/filetao/internal/durable"
	"github.com/filetao/filetao/validator/events"
	"github.com/filetao/filetao/validator/plots"
	"github.com/filetao/filetao/wire"
)

// plotFlags are the flags of `plot`.
type plotFlags struct {
	events, out string
	formats     []string
}

func (c *cli) plotCommand() *cobra.Command {
	var p plotFlags
	cmd := &cobra.Command{
		Use: "plot", Short: "Draw charts of a validator's events", Args: noArgs,
		Long: `Draw charts of the events that a validator keeps: rewards and completion times
per task and UID over blocks, a heat map of the moving averages, tiers over time.
The validator may run meanwhile. Up to 10 UIDs are drawn as lines, more as a heat
map. Blocks are taken together where there are many; each chart says how many.`,
		Example: "  filetao plot --devnet DIR\n  filetao plot --events ~/.filetao/validator/events.jsonl --out charts --format png",
		RunE: func(cmd *cobra.Command, _ []string) error {
			formats, err := p.settle(c)
			if err != nil {
				return err
			}
			return c.plot(cmd.Context(), &p, formats)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&p.events, "events", "", "`file` of the events, or the validator's folder (default ~/.filetao/validator/"+events.FileName+")")
	f.StringVar(&p.out, "out", "filetao-plots", "`folder` for the charts; those of an earlier run are replaced")
	f.StringSliceVar(&p.formats, "format", []string{string(plots.SVG), string(plots.PNG)}, "`kinds` of pictures: svg, png")
	return cmd
}

// settle looks at the flags before anything is read.
func (p *plotFlags) settle(c *cli) (formats []plots.Format, err error) {
	for _, text := range p.formats {
		f := plots.Format(strings.ToLower(strings.TrimSpace(text)))
		if f != plots.SVG && f != plots.PNG {
			return nil, usagef("--format: %q is neither svg nor png", text)
		}
		if !slices.Contains(formats, f) {
			formats = append(formats, f)
		}
	}
	if len(formats) == 0 {
		return nil, usagef("--format: svg, png or both")
	}
	if p.out == "" {
		return nil, usagef("--out is empty")
	}
	p.out = expandHome(p.out)
	dir := expandHome(p.events)
	if dir == "" && c.net != nil {
		dir = c.net.Validator
	}
	if err := homeDir(&dir, "validator"); err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); p.events == "" || err == nil && info.IsDir() {
		dir = filepath.Join(dir, events.FileName)
	}
	p.events = dir
	return formats, nil
}

// plotResult is what `plot --json` prints.
type plotResult struct {
	Events       int      `json:"events"`
	Skipped      int      `json:"skipped_lines"`
	FirstBlock   uint64   `json:"first_block"`
	LastBlock    uint64   `json:"last_block"`
	ColumnBlocks uint64   `json:"column_blocks"`
	Files        []string `json:"files"`
	Nothing      []string `json:"nothing"`
}

func (c *cli) plot(ctx context.Context, p *plotFlags, formats []plots.Format) error {
	bar := c.progress("events")
	defer bar.done()
	data, skipped, err := gather(ctx, p.events, bar)
	if err != nil {
		return err
	}
	r := plotResult{Events: data.Events(), Skipped: skipped, ColumnBlocks: data.ColumnBlocks(), Files: []string{}, Nothing: []string{}}
	r.FirstBlock, r.LastBlock = data.Blocks()
	figures, nothing := data.Figures()
	r.Nothing = append(r.Nothing, nothing...)
	if data.Beyond() {
		r.Nothing = append(r.Nothing, "no UIDs from 1024 on: so many cannot be told apart")
	}
	if err := os.MkdirAll(p.out, 0o777); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	for _, f := range figures {
		bar.say("drawing " + f.Name)
		for _, format := range formats {
			if err := ctx.Err(); err != nil {
				return err
			}
			picture, err := f.Render(format)
			if err != nil {
				return err
			}
			path := filepath.Join(p.out, f.Name+"."+string(format))
			if err := durable.WriteFile(path, picture, 0o644); err != nil {
				return err
			}
			r.Files = append(r.Files, path)
		}
	}
	bar.done()
	return c.print(r, func() { c.printPlots(r) })
}

// gather reads an event log.
func gather(ctx context.Context, path string, bar *progressBar) (data *plots.Data, skipped int, err error) {
	log, err := events.Open(path)
	if errors.Is(err, events.ErrNone) {
		return nil, 0, noEvents(path)
	} else if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	data = plots.NewData()
	for line, err := range log.Lines() {
		if err != nil {
			return nil, 0, err
		}
		data.Add(line)
		if data.Events()%256 == 0 {
			bar.move(wire.Progress{Received: log.Read(), ReceivedTotal: log.Size()})
			if err := ctx.Err(); err != nil {
				return nil, 0, err
			}
		}
	}
	if data.Events() > 0 {
		return data, log.Skipped(), nil
	}
	if n := log.Skipped(); n > 0 {
		return nil, 0, fmt.Errorf("%s: none of its %s is an event of a validator", path, count(n, "line"))
	}
	return nil, 0, noEvents(path)
}

func noEvents(path string) error {
	return fmt.Errorf("%s: %w", path, events.ErrNone)
}

func (c *cli) printPlots(r plotResult) {
	fmt.Fprintf(c.out, "%s, blocks %d to %d.\n", count(r.Events, "event"), r.FirstBlock, r.LastBlock)
	if r.Skipped > 0 {
		fmt.Fprintf(c.out, "%s could not be read.\n", count(r.Skipped, "line"))
	}
	for _, f := range r.Files {
		fmt.Fprintln(c.out, f)
	}
	if len(r.Nothing) > 0 {
		fmt.Fprintf(c.out, "Not drawn: %s.\n", strings.Join(r.Nothing, "; "))
	}
}
