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

// markers and dashes tell lines apart whose colours are alike: four markers are
// filled and four are not, and every four lines have dashes of their own.
var (
	markers = [...]draw.GlyphDrawer{
		draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, draw.CrossGlyph{},
		draw.RingGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.PlusGlyph{},
	}
	dashes = [...][]vg.Length{nil, {4, 2}, {1, 2}}
)

// look is how line number i is drawn.
func look(i int) (draw.LineStyle, draw.GlyphStyle) {
	style := draw.LineStyle{Color: lineColours[i%len(lineColours)], Width: 1.2, Dashes: dashes[i/4%len(dashes)]}
	return style, draw.GlyphStyle{Color: style.Color, Radius: 2.8, Shape: markers[i%len(markers)]}
}

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
			l := line{grid: g, scale: s, row: uid - g.low}
			l.style, l.mark = look(i)
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
		c.DrawGlyphNoClip(l.mark, at) // one at the very edge is whole
	}
}
