package plots

import (
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	stdfont "golang.org/x/image/font"
)

// raster fills the whole of a chart with cells. It is drawn as one picture, dot
// by dot: thousands of rectangles would make an SVG of megabytes.
type raster struct {
	columns, rows int
	at            func(column, row int) color.RGBA // row 0 is the lowest
}

// Plot implements plot.Plotter.
func (r raster) Plot(c draw.Canvas, _ *plot.Plot) {
	size := c.Size()
	w, h := int(size.X*dotsPerPoint+0.5), int(size.Y*dotsPerPoint+0.5)
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, r.at(x*r.columns/w, (h-1-y)*r.rows/h))
		}
	}
	c.DrawImage(c.Rectangle, img)
}

const barSpace = 84 // points beside a heat map

// heatMap draws a grid of numbers, UIDs upwards and blocks to the right, and what
// has none in the colour none.
func heatMap(g grid, s scale, what string, none color.RGBA) func(draw.Canvas) {
	return func(c draw.Canvas) {
		p := uidAxes(g.first, g.end(), g.low, g.uids())
		p.Add(raster{len(g.values), g.uids(), func(column, row int) color.RGBA {
			v := g.values[column][row].mean()
			if math.IsNaN(v) {
				return none
			}
			return heat(s.part(v))
		}})
		body := draw.Crop(c, 0, -barSpace, 0, 0)
		p.Draw(body)
		area := p.DataCanvas(body)
		bar := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
			Min: vg.Point{X: c.Max.X - barSpace + 16, Y: area.Min.Y}, Max: vg.Point{X: c.Max.X - barSpace + 30, Y: area.Max.Y},
		}}
		colourBar(bar, s, what)
	}
}

// uidAxes have a row per UID.
func uidAxes(first, end uint64, low, uids int) *plot.Plot {
	return axes(first, end, "UID", integers{min(uids, 16)}, float64(low)-0.5, float64(low+uids)-0.5)
}

// colourBar explains the colours of numbers.
func colourBar(c draw.Canvas, s scale, what string) {
	const steps = 256
	raster{1, steps, func(_, row int) color.RGBA { return heat(float64(row) / (steps - 1)) }}.Plot(c, nil)
	sty := style(9.5, ink, stdfont.WeightNormal)
	sty.YAlign = draw.YCenter
	for _, t := range s.Ticks(s.low, s.high) {
		y := c.Min.Y + (c.Max.Y-c.Min.Y)*vg.Length((t.Value-s.low)/(s.high-s.low))
		c.StrokeLine2(draw.LineStyle{Color: quiet, Width: 0.5}, c.Max.X, y, c.Max.X+3, y)
		c.FillText(sty, vg.Point{X: c.Max.X + 5, Y: y}, t.Label)
	}
	c.FillText(style(9.5, quiet, stdfont.WeightNormal), vg.Point{X: c.Min.X, Y: c.Max.Y + 8}, what)
}
