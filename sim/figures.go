package sim

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"strconv"
	"time"

	stdfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Figure is one chart of a run.
type Figure struct {
	// Name is a file name without its ending.
	Name string

	title, note string
	plot        *plot.Plot
}

const (
	figureWidth, figureHeight = 800, 450 // points
	dotsPerPoint              = 2
)

// Figures are the charts that there is something to draw for.
func (r *Report) Figures() (all []Figure) {
	run := fmt.Sprintf("%d miners, %d validators, %d days, profile %s, seed %d", r.Miners, r.Validators, r.Days, r.Profile, r.Seed)
	for _, f := range []Figure{
		{"sim_climb", "A new miner's climb", run + "; bars: all new miners in all validators' eyes", r.climbPlot()},
		{"sim_cheaters", "Incentive of cheaters, of a steady miner's", run + "; mean of each kind, by epoch", r.cheatPlot()},
		{"sim_honest", "Incentive of the others, of a steady miner's", run + "; mean of each kind, by 10 epochs", r.honestPlot()},
	} {
		if f.plot != nil {
			all = append(all, f)
		}
	}
	return all
}

// Render draws the figure as "svg" or "png".
func (f Figure) Render(format string) ([]byte, error) {
	var c interface {
		vg.CanvasSizer
		io.WriterTo
	}
	switch format {
	case "svg":
		c = vgsvg.New(figureWidth, figureHeight)
	case "png":
		c = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(figureWidth, figureHeight), vgimg.UseDPI(72*dotsPerPoint))}
	default:
		return nil, fmt.Errorf("format %q is neither svg nor png", format)
	}
	page := draw.New(c)
	page.SetColor(color.White)
	page.Fill(page.Rectangle.Path())
	bold, plain := sans(14), sans(9.5)
	bold.Font.Weight, plain.Color = stdfont.WeightBold, grey
	page.FillText(bold, vg.Point{X: 14, Y: figureHeight - 24}, f.title)
	page.FillText(plain, vg.Point{X: 14, Y: figureHeight - 40}, f.note)
	f.plot.Draw(draw.Crop(page, 14, -16, 12, -54))
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	return bytes.ReplaceAll(out.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;")), nil
}

var (
	ink  = color.RGBA{0x22, 0x22, 0x22, 0xff}
	grey = color.RGBA{0x70, 0x70, 0x70, 0xff}
	pale = color.RGBA{0xe2, 0xe2, 0xe2, 0xff}
)

// sans is text of a size in points.
func sans(size vg.Length) text.Style {
	return text.Style{Color: ink, Handler: plot.DefaultTextHandler, Font: font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}}
}

// chart is an empty one.
func chart(x, y string) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = x, y
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Tick.Color = grey, grey
		a.Label.TextStyle.Font, a.Tick.Label.Font = sans(10.5).Font, sans(9.5).Font
		a.Label.TextStyle.Color, a.Tick.Label.Color = ink, ink
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = whole{}, whole{}
	p.Legend.TextStyle, p.Legend.Padding = sans(9.5), 3
	p.Legend.Top = true
	p.Legend.XOffs, p.Legend.YOffs = -6, -4
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = nil, pale
	p.Add(grid)
	return p
}

// stroke is the line style of number i: seven colours, then the same dashed.
func stroke(i int) draw.LineStyle {
	colours := [...]color.RGBA{
		{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff},
		{0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff}, {0x33, 0x33, 0x33, 0xff},
	}
	s := draw.LineStyle{Color: colours[i%len(colours)], Width: 1.6}
	if i >= len(colours) {
		s.Dashes = []vg.Length{5, 3}
	}
	return s
}

// line adds one with its place in the legend; nothing where a line would not show.
func line(p *plot.Plot, name string, style draw.LineStyle, points plotter.XYs) bool {
	if len(points) < 2 {
		return false
	}
	l := &plotter.Line{XYs: points, LineStyle: style}
	p.Add(l)
	if name != "" {
		p.Legend.Add(name, l)
	}
	return true
}

// climbPlot is the formula and what new miners took.
func (r *Report) climbPlot() *plot.Plot {
	p := chart("hours since the miner came", "successes in one validator's eyes")
	formula, met := plotter.XYs{{}}, plotter.XYs{}
	var labels plotter.XYLabels
	for _, c := range r.Climbs {
		if c.Formula > 24*float64(r.Days) {
			break
		}
		formula = append(formula, plotter.XY{X: c.Formula, Y: float64(c.Successes)})
		labels.XYs, labels.Labels = append(labels.XYs, plotter.XY{X: c.Formula, Y: float64(c.Successes)}), append(labels.Labels, c.Tier)
		if c.New.Reached == 1 {
			at := plotter.XY{X: c.New.Mean, Y: float64(c.Successes)}
			met = append(met, at)
			line(p, "", draw.LineStyle{Color: stroke(1).Color, Width: 2}, plotter.XYs{{X: c.New.Least, Y: at.Y}, {X: c.New.Most, Y: at.Y}})
		}
	}
	if len(met) == 0 {
		return nil
	}
	line(p, "formula", stroke(0), formula)
	dots := &plotter.Scatter{XYs: met, GlyphStyle: draw.GlyphStyle{Color: stroke(1).Color, Radius: 3.5, Shape: draw.CircleGlyph{}}}
	p.Add(dots)
	p.Legend.Add("tier reached: mean, least to most", dots)
	p.Legend.Left, p.Legend.XOffs = true, 8
	names := &plotter.Labels{XYs: labels.XYs, Labels: labels.Labels, Offset: vg.Point{X: 12, Y: -14}}
	for range labels.Labels {
		names.TextStyle = append(names.TextStyle, sans(9.5))
	}
	p.Add(names)
	p.X.Max, p.Y.Max = p.X.Max*1.1, p.Y.Max*1.1
	return p
}

// cheatPlot is the first four days of every cheater, on a logarithmic scale.
func (r *Report) cheatPlot() *plot.Plot {
	const hours, least = 96.0, 1e-5
	p := chart("hours since it came, or began to cheat", "share")
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, percents{}
	number := 0
	for i, k := range r.Kinds {
		if k.Class != Cheat {
			continue
		}
		var points plotter.XYs
		for e, x := range r.shares[i] {
			at := r.hourOf(e) - r.begins(i).Hours()
			if at >= 0 && at <= hours && !math.IsNaN(x) {
				points = append(points, plotter.XY{X: at, Y: max(least, x)})
			}
		}
		if line(p, k.Kind, stroke(number), points) {
			number++
		}
	}
	if number == 0 {
		return nil
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, hours, least, 2
	limit := draw.LineStyle{Color: grey, Width: 1, Dashes: []vg.Length{2, 2}}
	line(p, "under 1 % within a day", limit, plotter.XYs{{X: 0, Y: sunk}, {X: hours, Y: sunk}})
	line(p, "", limit, plotter.XYs{{X: 24, Y: least}, {X: 24, Y: 2}})
	return p
}

// honestPlot is the whole run of the others.
func (r *Report) honestPlot() *plot.Plot {
	const together = 10
	p := chart("days", "share")
	number := 0
	for i, k := range r.Kinds {
		if k.Class == Cheat {
			continue
		}
		var points plotter.XYs
		for e := 0; e+together <= len(r.shares[i]); e += together {
			var sum, n float64
			for _, x := range r.shares[i][e : e+together] {
				if !math.IsNaN(x) {
					sum, n = sum+x, n+1
				}
			}
			if n > 0 {
				points = append(points, plotter.XY{X: (r.hourOf(e) + r.hourOf(e+together-1)) / 48, Y: sum / n})
			}
		}
		if line(p, k.Kind, stroke(number), points) {
			number++
		}
	}
	if number == 0 {
		return nil
	}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, float64(r.Days), 0, 1.6
	p.Y.Tick.Marker = percents{}
	return p
}

// hourOf is the end of an epoch.
func (r *Report) hourOf(epoch int) float64 { return hoursOf(uint64(epoch+1) * r.epochBlocks) }

// begins is when a kind begins to cheat.
func (r *Report) begins(kind int) time.Duration {
	for _, k := range Kinds() {
		if k.Name == r.Kinds[kind].Kind {
			return k.turns
		}
	}
	return 0
}

// whole are eight ticks or fewer at round numbers.
type whole struct{}

// Ticks implements plot.Ticker.
func (whole) Ticks(low, high float64) (ticks []plot.Tick) {
	if !(high > low) {
		return []plot.Tick{{Value: low, Label: strconv.FormatFloat(low, 'g', 6, 64)}}
	}
	step := 1.0
	for n := 0; (high-low)/step > 8; n++ {
		step *= [...]float64{2, 2.5, 2}[n%3]
	}
	for x := math.Ceil(low/step) * step; x <= high; x += step {
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'f', -1, 64)})
	}
	return ticks
}

// percents are ticks of shares: decades where the axis is logarithmic, else
// every 20 %.
type percents struct{}

// Ticks implements plot.Ticker.
func (percents) Ticks(low, high float64) (ticks []plot.Tick) {
	if low > 0 {
		for x := low; x <= high; x *= 10 {
			ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(math.Round(x*1e7)/1e5, 'f', -1, 64) + " %"})
		}
		return ticks
	}
	for n := range int(high/0.2) + 1 {
		ticks = append(ticks, plot.Tick{Value: float64(n) * 0.2, Label: strconv.Itoa(20*n) + " %"})
	}
	return ticks
}
