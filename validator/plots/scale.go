package plots

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// scale maps numbers to a range that is drawn evenly.
type scale struct {
	low, high float64 // as drawn: of logarithms if log
	log       bool
}

// wide is from which ratio on a range is drawn logarithmically.
const wide = 20

// shortest is the shortest time that is told apart from none, in seconds.
const shortest = 1e-4

// newScale is for numbers from low to high. One of seconds may be logarithmic;
// others contain 0.
func newScale(low, high float64, seconds bool) scale {
	low, high = max(low, -maxValue), min(high, maxValue)
	if seconds && high > max(low, shortest)*wide {
		return scale{math.Log10(max(low, shortest)), math.Log10(high), true}
	}
	low, high = min(low, 0), max(high, 0)
	if high-low < 1e-9 {
		high = low + 1
	}
	return scale{low: low, high: high}
}

// at is where a number is drawn.
func (s scale) at(v float64) float64 {
	if s.log {
		v = math.Log10(max(v, shortest))
	}
	return v
}

// part is how far up the range a number is, from 0 to 1.
func (s scale) part(v float64) float64 { return min(1, max(0, (s.at(v)-s.low)/(s.high-s.low))) }

// Ticks implements plot.Ticker.
func (s scale) Ticks(low, high float64) []plot.Tick {
	if !s.log {
		return ticks(low, high, 6, 0)
	}
	var all []plot.Tick
	factors := []float64{1, 2, 5}
	if high-low > 3.2 {
		factors = factors[:1]
	}
	for power := math.Floor(low); power <= high; power++ {
		for _, f := range factors {
			v := f * math.Pow(10, power)
			if at := math.Log10(v); at >= low-1e-9 && at <= high+1e-9 {
				all = append(all, plot.Tick{Value: at, Label: strconv.FormatFloat(v, 'g', 3, 64)})
			}
		}
	}
	return all
}

// integers are ticks at whole numbers: blocks, UIDs, counts.
type integers struct{ about int }

// Ticks implements plot.Ticker.
func (t integers) Ticks(low, high float64) []plot.Tick { return ticks(low, high, t.about, 1) }

// ticks are about n round numbers, at least least apart.
func ticks(low, high float64, n int, least float64) (all []plot.Tick) {
	rough := max((high-low)/float64(n), least, 1e-9)
	unit := math.Pow(10, math.Floor(math.Log10(rough)+1e-9))
	step := 10 * unit
	for _, f := range []float64{1, 2, 5} {
		if rough <= f*unit*(1+1e-9) {
			step = f * unit
			break
		}
	}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	for i := math.Ceil(low/step - 1e-9); i*step <= high+step*1e-9 && len(all) < 100; i++ {
		all = append(all, plot.Tick{Value: i * step, Label: number(i*step, decimals)})
	}
	return all
}

// number writes a number with commas between thousands.
func number(v float64, decimals int) string {
	text := strconv.FormatFloat(math.Abs(v), 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if v < 0 && strings.ContainsAny(whole, "123456789") {
		whole = "−" + whole
	}
	return whole
}
