package plots

import (
	"fmt"

	"github.com/filetao/filetao/validator"
)

// Figures are the charts of what was gathered, and in words what there are none
// of because nothing of the kind happened.
func (d *Data) Figures() (figures []Figure, nothing []string) {
	if d.events == 0 {
		return nil, []string{"no events"}
	}
	for i, task := range tasks {
		figures, nothing = d.rewardsOf(kind(i), task, figures, nothing)
		if g := d.grid(times + kind(i)); g.values == nil {
			nothing = append(nothing, fmt.Sprintf("no completion times of %s: none succeeded", task))
		} else {
			figures = append(figures, d.byUID(g, "times_"+string(task), "Completion times of "+string(task), chart{
				number: "Mean of what succeeded", unit: "seconds", grey: "nothing succeeded",
			}))
		}
	}
	if g := d.grid(scores); g.values == nil {
		nothing = append(nothing, "no moving averages")
	} else {
		low, high := g.bounds()
		figures = append(figures, Figure{
			Name: "scores", Title: "Moving averages of rewards: the scores that weights are made of",
			Note: d.note("Mean", g.width) + "; white: no statistics", body: heatMap(g.held(), newScale(low, high, false), "score", blank),
		})
	}
	g := d.tierGrid()
	if g.tiers == nil {
		return figures, append(nothing, "no tiers")
	}
	note := fmt.Sprintf("Blocks %s to %s; tiers as looked up about every 60 blocks", number(float64(d.first), 0), number(float64(d.last), 0))
	return append(figures,
		Figure{Name: "tiers", Title: "Tier of each miner", Note: note + "; white: no statistics", body: tierMap(g)},
		Figure{Name: "tier_counts", Title: "Miners in each tier", Note: note, body: tierCounts(g)},
	), nothing
}

// rewardsOf adds a task's rewards. A ping is rewarded with nothing, so that only
// penalties are worth a chart.
func (d *Data) rewardsOf(i kind, task validator.Task, figures []Figure, nothing []string) ([]Figure, []string) {
	g := d.grid(rewards + i)
	if g.values == nil {
		return figures, append(nothing, fmt.Sprintf("no rewards of %s", task))
	}
	title, c := "Rewards of "+string(task), chart{number: "Mean", unit: "reward", grey: "not asked"}
	if task == validator.TaskMonitor {
		if low, high := g.bounds(); low == 0 && high == 0 {
			return figures, append(nothing, "no penalties of monitor: nobody was down")
		}
		title, c.number = "Penalties of monitor: below 0 where a miner was found down", "Mean of all pings"
	}
	return append(figures, d.byUID(g, "rewards_"+string(task), title, c)), nothing
}

// chart says in words what a chart's numbers are.
type chart struct{ number, unit, grey string }

// byUID draws numbers by UID: as lines if there are few, else as a heat map.
func (d *Data) byUID(g grid, name, title string, c chart) Figure {
	few := len(g.asked()) <= fewUIDs
	if few {
		g = g.atMost(lineColumns)
	} else {
		g = g.legible()
	}
	f := Figure{Name: name, Title: title, Note: d.note(c.number, g.width)}
	low, high := g.bounds()
	s := newScale(low, high, c.unit == "seconds")
	if few {
		f.body = lines(g, s, c.unit)
	} else {
		f.Note += "; grey: " + c.grey
		f.body = heatMap(g, s, c.unit, faint)
	}
	return f
}

// note says what a chart shows of which blocks.
func (d *Data) note(what string, width uint64) string {
	per := "block"
	if width > 1 {
		per = number(float64(width), 0) + " blocks"
	}
	return fmt.Sprintf("%s per UID and %s, blocks %s to %s", what, per, number(float64(d.first), 0), number(float64(d.last), 0))
}
