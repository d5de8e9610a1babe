package plots

import (
	"bytes"
	"fmt"
	"image/color"
	"io"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	stdfont "golang.org/x/image/font"
)

// Format is a kind of picture.
type Format string

// The formats.
const (
	SVG Format = "svg"
	PNG Format = "png"
)

// A figure's size, and how fine a PNG and pictures within an SVG are.
const (
	pageWidth, pageHeight = 800, 450 // points
	dotsPerPoint          = 2
)

// Width and Height are a PNG's in pixels.
const (
	Width  = pageWidth * dotsPerPoint
	Height = pageHeight * dotsPerPoint
)

// Figure is one chart.
type Figure struct {
	// Name is a file name without its ending.
	Name string
	// Title and Note stand above the chart.
	Title, Note string

	body func(draw.Canvas)
}

// Render draws the figure.
func (f Figure) Render(format Format) ([]byte, error) {
	var c interface {
		vg.CanvasSizer
		io.WriterTo
	}
	switch format {
	case SVG:
		c = vgsvg.New(pageWidth, pageHeight)
	case PNG:
		c = vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(pageWidth, pageHeight), vgimg.UseDPI(72*dotsPerPoint))}
	default:
		return nil, fmt.Errorf("format %q is neither svg nor png", format)
	}
	page := draw.New(c)
	page.SetColor(color.White)
	page.Fill(page.Rectangle.Path())
	page.FillText(style(14, ink, stdfont.WeightBold), vg.Point{X: 14, Y: pageHeight - 24}, f.Title)
	page.FillText(style(9.5, quiet, stdfont.WeightNormal), vg.Point{X: 14, Y: pageHeight - 40}, f.Note)
	f.body(draw.Crop(page, 14, -12, 12, -56))
	var out bytes.Buffer
	if _, err := c.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name, err)
	}
	if format == SVG {
		return portable(out.Bytes()), nil
	}
	return out.Bytes(), nil
}

// portable has an SVG name fonts of the same widths where Liberation Sans is not
// installed, and call its pictures what they are.
func portable(svg []byte) []byte {
	svg = bytes.ReplaceAll(svg, []byte("font-family:Liberation Sans;"), []byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
	return bytes.ReplaceAll(svg, []byte(`"data:image/jpg;`), []byte(`"data:image/png;`))
}

// style is sans-serif text of a size in points.
func style(size vg.Length, c color.Color, weight stdfont.Weight) text.Style {
	return text.Style{
		Color: c, Handler: plot.DefaultTextHandler,
		Font: font.Font{Typeface: "Liberation", Variant: "Sans", Weight: weight, Size: size},
	}
}

// axes are those of a chart over blocks.
func axes(first, end uint64, yLabel string, y plot.Ticker, low, high float64) *plot.Plot {
	p := plot.New()
	p.X.Label.Text, p.Y.Label.Text = "block", yLabel
	p.X.Tick.Marker, p.Y.Tick.Marker = integers{8}, y
	p.X.Min, p.X.Max = float64(first), float64(end)
	p.Y.Min, p.Y.Max = low, high
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Padding = 0
		a.Color, a.Tick.Color = quiet, quiet
		a.Tick.Length = 4
		label, tick := a.Label.TextStyle, a.Tick.Label
		a.Label.TextStyle, a.Tick.Label = style(10.5, ink, stdfont.WeightNormal), style(9.5, ink, stdfont.WeightNormal)
		a.Label.TextStyle.XAlign, a.Label.TextStyle.YAlign, a.Label.TextStyle.Rotation = label.XAlign, label.YAlign, label.Rotation
		a.Tick.Label.XAlign, a.Tick.Label.YAlign = tick.XAlign, tick.YAlign
		a.Label.Padding = 4
	}
	return p
}

// rules are faint lines at the ticks of the vertical axis.
type rules struct{}

// Plot implements plot.Plotter.
func (rules) Plot(c draw.Canvas, p *plot.Plot) {
	_, y := p.Transforms(&c)
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		c.StrokeLine2(draw.LineStyle{Color: faint, Width: 0.7}, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
	}
}

// entry is a line of a legend; sample draws left of the text, around a point.
type entry struct {
	text   string
	sample func(draw.Canvas, vg.Point)
}

const sampleWidth = 18

// legend draws a legend from the top of a canvas down.
func legend(c draw.Canvas, title string, entries []entry) {
	y := c.Max.Y - 8
	c.FillText(style(9.5, quiet, stdfont.WeightNormal), vg.Point{X: c.Min.X, Y: y}, title)
	sty := style(9.5, ink, stdfont.WeightNormal)
	for _, e := range entries {
		y -= 16
		e.sample(c, vg.Point{X: c.Min.X + sampleWidth/2, Y: y + 3})
		c.FillText(sty, vg.Point{X: c.Min.X + sampleWidth + 5, Y: y}, e.text)
	}
}
