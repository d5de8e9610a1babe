package plots

import (
	"image/color"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const tierSpace = 116 // points beside charts of tiers

// tierGrid is each UID's tier by stretch of blocks.
type tierGrid struct {
	first, width uint64
	low          int       // lowest UID with a tier
	tiers        [][]uint8 // [column][uid-low]; 0 is none
	classes      []tierClass
}

// tierGrid holds from one look at the tiers to the next; no columns if there was
// none, or nobody had one.
func (d *Data) tierGrid() tierGrid {
	g := tierGrid{width: 1 << d.shift, classes: d.tierClasses()}
	low, high := maxUIDs, -1
	for _, c := range d.columns {
		for uid, tier := range c.tiers {
			if tier != 0 {
				low, high = min(low, uid), max(high, uid)
			}
		}
	}
	if high < 0 {
		return g
	}
	g.low = low
	var now []uint8
	for at := d.first >> d.shift; at <= d.last>>d.shift; at++ {
		if c := d.columns[at]; c != nil && c.tiers != nil {
			now = make([]uint8, high+1-low)
			copy(now, c.tiers[min(low, len(c.tiers)):])
		}
		switch {
		case now == nil:
			continue
		case g.tiers == nil:
			g.first = at << d.shift
		}
		g.tiers = append(g.tiers, now)
	}
	g.classes = slices.DeleteFunc(g.classes, func(class tierClass) bool { // nobody's, where columns became one
		return !slices.ContainsFunc(g.tiers, func(tiers []uint8) bool { return slices.Contains(tiers, class.number) })
	})
	return g
}

func (g tierGrid) end() uint64 { return g.first + uint64(len(g.tiers))*g.width }

// tierMap draws each UID's tier.
func tierMap(g tierGrid) func(draw.Canvas) {
	colours := [len(tierColours)]color.RGBA{0: tierColours[len(tierColours)-1]}
	for _, class := range g.classes {
		colours[class.number] = class.colour
	}
	return func(c draw.Canvas) {
		p := uidAxes(g.first, g.end(), g.low, len(g.tiers[0]))
		p.Add(raster{len(g.tiers), len(g.tiers[0]), func(column, row int) color.RGBA { return colours[g.tiers[column][row]] }})
		p.Draw(draw.Crop(c, 0, -tierSpace, 0, 0))
		g.legend(c)
	}
}

// legend names the tiers from the highest down, as they stand in the chart.
func (g tierGrid) legend(c draw.Canvas) {
	var entries []entry
	for _, class := range slices.Backward(g.classes) {
		entries = append(entries, entry{class.name, func(c draw.Canvas, at vg.Point) {
			box := vg.Rectangle{Min: vg.Point{X: at.X - 6, Y: at.Y - 5}, Max: vg.Point{X: at.X + 6, Y: at.Y + 5}}
			c.SetColor(class.colour)
			c.Fill(box.Path())
		}})
	}
	legend(draw.Crop(c, c.Size().X-tierSpace+18, 0, 0, 0), "tier", entries)
}

// tierCounts draws how many miners each tier has, one upon the other.
func tierCounts(g tierGrid) func(draw.Canvas) {
	return func(c draw.Canvas) {
		areas := stack{g: g, tops: make([][]int, len(g.classes)+1)}
		areas.tops[0] = make([]int, len(g.tiers))
		for i, class := range g.classes {
			areas.tops[i+1] = slices.Clone(areas.tops[i])
			for n, tiers := range g.tiers {
				for _, tier := range tiers {
					if tier == class.number {
						areas.tops[i+1][n]++
					}
				}
			}
		}
		most := slices.Max(areas.tops[len(g.classes)])
		p := axes(g.first, g.end(), "miners", integers{6}, 0, float64(most)*1.05)
		p.Add(rules{}, areas)
		p.Draw(draw.Crop(c, 0, -tierSpace, 0, 0))
		g.legend(c)
	}
}

// stack are areas with steps; area i lies between tops[i] and tops[i+1].
type stack struct {
	g    tierGrid
	tops [][]int // [][column]
}

// Plot implements plot.Plotter.
func (s stack) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	edge := func(tops []int) (points []vg.Point) {
		for n, top := range tops {
			if n > 0 && n < len(tops)-1 && tops[n-1] == top && tops[n+1] == top {
				continue
			}
			from := s.g.first + uint64(n)*s.g.width
			points = append(points,
				vg.Point{X: x(float64(from)), Y: y(float64(top))}, vg.Point{X: x(float64(from + s.g.width)), Y: y(float64(top))})
		}
		return points
	}
	for i, class := range s.g.classes {
		upper := edge(s.tops[i+1])
		slices.Reverse(upper)
		c.FillPolygon(class.colour, append(edge(s.tops[i]), upper...))
	}
}
