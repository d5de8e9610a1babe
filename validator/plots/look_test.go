package plots

import (
	"bytes"
	"fmt"
	"image/png"
	"slices"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/validator/events"
)

// TestUIDsWithoutStatisticsAreWhite has the validator itself, UID 2, amid a miner
// that earns and one that fails.
func TestUIDsWithoutStatisticsAreWhite(t *testing.T) {
	var lines []events.Line
	for block := range uint64(100) {
		lines = append(lines, events.Line{Event: validator.Event{
			Task: validator.TaskStore, Block: block, UIDs: []chain.UID{1, 3}, Rewards: []float64{1, 0}, Scores: []float64{0, 0.5, 0, 0, 0},
		}})
	}
	d := gathered(lines)
	if g := d.grid(scores); !slices.Equal(g.asked(), []int{1, 3}) || g.uids() != 3 {
		t.Fatalf("scores of %v, %d rows", g.asked(), g.uids())
	}
	figures, _ := d.Figures()
	at := slices.IndexFunc(figures, func(f Figure) bool { return f.Name == "scores" })
	picture, err := figures[at].Render(PNG)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		height float64
		want   any
	}{{"UID 3", 0.25, viridis[0]}, {"UID 2", 0.5, blank}, {"UID 1", 0.75, viridis[len(viridis)-1]}} {
		if got := img.At(Width*2/5, int(Height*c.height)); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s is %v, want %v", c.what, got, c.want)
		}
	}
}

// TestNoTwoLinesLookAlike has lines of one marker differ in their dashes, and those
// of like colours in both.
func TestNoTwoLinesLookAlike(t *testing.T) {
	for i := range fewUIDs {
		for j := range i {
			a, ma := look(i)
			b, mb := look(j)
			if ma.Shape == mb.Shape && slices.Equal(a.Dashes, b.Dashes) {
				t.Errorf("lines %d and %d look alike", j, i)
			}
		}
	}
	blue, circle := look(0)
	sky, other := look(4)
	if circle.Shape == other.Shape || slices.Equal(blue.Dashes, sky.Dashes) {
		t.Errorf("the two blues are told apart by their colour alone")
	}
}

// TestTiersOfNobodyAreNotInTheLegend has a tier pass within what became one column.
func TestTiersOfNobodyAreNotInTheLegend(t *testing.T) {
	d := NewData()
	for block := range uint64(2 * maxColumns) {
		l := events.Line{Event: validator.Event{Task: "other", Block: block}}
		switch block {
		case 0:
			l.Tiers = []string{"Gold"}
		case 1:
			l.Tiers = []string{"Silver"}
		}
		d.Add(l)
	}
	if g := d.tierGrid(); len(g.classes) != 1 || g.classes[0].name != "Silver" {
		t.Errorf("%+v", g.classes)
	}
}
