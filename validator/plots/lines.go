package plots

import (
	"fmt"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// fewUIDs is how many can be told apart as lines; more are drawn as a heat map.
const fewUIDs = 10

// lineColumns is how many points a line has at most.
const lineColumns = 40

const legendSpace = 84 // points beside lines

// markers tell lines apart that have one colour: there are as many pairs as
// products.
var markers = [...]draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.TriangleGlyph{}, draw.CrossGlyph{}}

// lines draws a line per UID.
func lines(g grid, s scale, what string) func(draw.Canvas) {
	return func(c draw.Canvas) {
		room := (s.high - s.low) * 0.05
		low := s.low - room
		if s.low == 0 {
			low = 0
		}
		p := axes(g.first, g.end(), what, s, low, s.high+room)
		p.Add(rules{})
		var entries []entry
		for i, uid := range g.asked() {
			l := line{grid: g, scale: s, row: uid - g.low, style: draw.LineStyle{Color: lineColours[i%len(lineColours)], Width: 1.2}}
			l.mark = draw.GlyphStyle{Color: l.style.Color, Radius: 2.2, Shape: markers[i%len(markers)]}
			p.Add(l)
			entries = append(entries, entry{fmt.Sprintf("UID %d", uid), func(c draw.Canvas, at vg.Point) {
				c.StrokeLine2(l.style, at.X-sampleWidth/2, at.Y, at.X+sampleWidth/2, at.Y)
				c.DrawGlyph(l.mark, at)
			}})
		}
		p.Draw(draw.Crop(c, 0, -legendSpace, 0, 0))
		legend(draw.Crop(c, c.Size().X-legendSpace+18, 0, 0, 0), "miner", entries)
	}
}

// line is one UID's.
type line struct {
	grid  grid
	scale scale
	row   int
	style draw.LineStyle
	mark  draw.GlyphStyle
}

// Plot implements plot.Plotter.
func (l line) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	var points []vg.Point
	for n, column := range l.grid.values {
		if v := column[l.row].mean(); !math.IsNaN(v) {
			middle := float64(l.grid.first) + (float64(n)+0.5)*float64(l.grid.width)
			points = append(points, vg.Point{X: x(middle), Y: y(l.scale.at(v))})
		}
	}
	c.StrokeLines(l.style, points)
	for _, at := range points {
		c.DrawGlyph(l.mark, at)
	}
}
