package plots

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/validator/events"
)

// network is what a validator of so many miners sees in so many blocks.
func network(uids, blocks int) (lines []events.Line) {
	r := rand.New(rand.NewPCG(1, 2))
	averages, tiers := make([]float64, uids), make([]string, uids)
	for block := 0; block < blocks; block += 3 {
		for i, task := range tasks {
			l := events.Line{Event: validator.Event{Task: task, Block: uint64(4_000_000 + block)}}
			for _, uid := range r.Perm(uids)[:min(uids, 10)] {
				ok := uid%7 != 1 || r.IntN(3) > 0
				reward := 0.0
				if ok && task != validator.TaskMonitor {
					reward = r.Float64()
				} else if !ok && task == validator.TaskMonitor {
					reward = -0.005
				}
				averages[uid] = 0.05*reward + 0.95*averages[uid]
				l.UIDs, l.Successful = append(l.UIDs, chain.UID(uid)), append(l.Successful, ok)
				l.Rewards, l.CompletionTimes = append(l.Rewards, reward), append(l.CompletionTimes, math.Exp(2*r.NormFloat64()))
			}
			l.Scores = slices.Clone(averages)
			if i == 0 && block%60 == 0 {
				for uid := range tiers {
					tiers[uid] = tierOrder[min(len(tierOrder)-1, uid%3+block/240)]
				}
				tiers[0] = ""
				l.Tiers = slices.Clone(tiers)
			}
			lines = append(lines, l)
		}
	}
	return lines
}

func gathered(lines []events.Line) *Data {
	d := NewData()
	for _, l := range lines {
		d.Add(l)
	}
	return d
}

var allNames = []string{
	"rewards_store", "times_store", "rewards_challenge", "times_challenge", "rewards_retrieve", "times_retrieve",
	"rewards_monitor", "times_monitor", "scores", "tiers", "tier_counts",
}

func names(figures []Figure) (all []string) {
	for _, f := range figures {
		all = append(all, f.Name)
	}
	return all
}

// TestPictures draws everything for few miners and for many, twice.
func TestPictures(t *testing.T) {
	for _, uids := range []int{1, 9, 42} {
		lines := network(uids, 600)
		figures, nothing := gathered(lines).Figures()
		again, _ := gathered(lines).Figures()
		want := allNames
		if uids == 1 { // that is none with a tier, or a penalty
			want = slices.DeleteFunc(slices.Clone(want), func(s string) bool { return strings.HasPrefix(s, "tier") || s == "rewards_monitor" })
		}
		if !slices.Equal(names(figures), want) || len(nothing)+len(want) < len(allNames)-1 {
			t.Fatalf("%d UIDs: %v, nothing: %v", uids, names(figures), nothing)
		}
		for i, f := range figures {
			for _, format := range []Format{SVG, PNG} {
				if format == PNG && (uids != 9 || i%4 != 0) { // which takes most of the time
					continue
				}
				picture, err := f.Render(format)
				if err != nil {
					t.Fatal(err)
				}
				same, err := again[i].Render(format)
				if err != nil || !bytes.Equal(picture, same) {
					t.Errorf("%s.%s differs from run to run (%v)", f.Name, format, err)
				}
				check(t, f, format, picture)
			}
		}
	}
}

// check fails unless a picture is one.
func check(t *testing.T, f Figure, format Format, picture []byte) {
	t.Helper()
	if format == PNG {
		img, err := png.Decode(bytes.NewReader(picture))
		if err != nil || img.Bounds().Dx() != Width || img.Bounds().Dy() != Height {
			t.Fatalf("%s: %v", f.Name, err)
		}
		return
	}
	if len(picture) > 1<<20 {
		t.Errorf("%s.svg has %d bytes", f.Name, len(picture))
	}
	texts := ""
	for dec := xml.NewDecoder(bytes.NewReader(picture)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if text, ok := token.(xml.CharData); ok {
			texts += string(text) + "\n"
		}
	}
	for _, want := range []string{f.Title, f.Note, "block"} {
		if !strings.Contains(texts, want) {
			t.Errorf("%s.svg does not say %q", f.Name, want)
		}
	}
	if _, err := f.Render("gif"); err == nil {
		t.Error("a GIF was drawn")
	}
}

func TestWhatThereIsNothingOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []events.Line
		want  []string
		says  string
	}{
		{"no events", nil, nil, "no events"},
		{"weights alone", []events.Line{{Event: validator.Event{Task: validator.TaskWeights, Block: 7, Scores: []float64{0.5}}}}, []string{"scores"}, "no rewards of store"},
		{"a failed challenge", []events.Line{{Event: validator.Event{
			Task: validator.TaskChallenge, UIDs: []chain.UID{3}, Successful: []bool{false}, CompletionTimes: []float64{30}, Rewards: []float64{0},
		}}}, []string{"rewards_challenge"}, "no completion times of challenge: none succeeded"},
		{"pings", []events.Line{{Event: validator.Event{
			Task: validator.TaskMonitor, UIDs: []chain.UID{3}, Successful: []bool{true}, CompletionTimes: []float64{0}, Rewards: []float64{0},
		}}}, []string{"times_monitor"}, "no penalties of monitor: nobody was down"},
		{"tiers of nobody", []events.Line{{Event: validator.Event{Task: "other"}, Tiers: []string{"", ""}}}, nil, "no tiers"},
		{"tiers of two", []events.Line{{Event: validator.Event{Task: "other"}, Tiers: []string{"", "Gold", "Wood"}}}, []string{"tiers", "tier_counts"}, "no moving averages"},
	} {
		figures, nothing := gathered(c.lines).Figures()
		if !slices.Equal(names(figures), c.want) || !slices.Contains(nothing, c.says) {
			t.Errorf("%s: %v; %v", c.name, names(figures), nothing)
		}
		for _, f := range figures {
			picture, err := f.Render(SVG)
			if err != nil {
				t.Fatal(err)
			}
			check(t, f, SVG, picture)
		}
	}
}

// TestMemoryIsBounded adds events over ever more blocks, and UIDs without end.
func TestMemoryIsBounded(t *testing.T) {
	d := NewData()
	sum, n := 0.0, 0
	for block := uint64(1); block < 1<<52; block += 1 + block/100 {
		d.Add(events.Line{Event: validator.Event{
			Task: validator.TaskStore, Block: block, UIDs: []chain.UID{5, maxUIDs, 65535}, Rewards: []float64{float64(n % 3), 1, 1},
		}})
		sum += float64(n % 3)
		n++
	}
	if len(d.columns) > maxColumns || !d.Beyond() || d.ColumnBlocks() < 1<<43 {
		t.Fatalf("%d columns of %d blocks", len(d.columns), d.ColumnBlocks())
	}
	g := d.grid(rewards)
	if !slices.Equal(g.asked(), []int{5}) || len(g.values) > maxColumns {
		t.Fatalf("UIDs %v in %d columns", g.asked(), len(g.values))
	}
	for len(g.values) > 1 {
		g = g.coarser()
	}
	if c := g.values[0][0]; c.n != n || math.Abs(c.sum-sum) > 1e-6 {
		t.Fatalf("%+v, want %v of %d", c, sum, n)
	}
}

// TestTheLastTierCounts has columns become one.
func TestTheLastTierCounts(t *testing.T) {
	d := NewData()
	for block := range uint64(4 * maxColumns) {
		l := events.Line{Event: validator.Event{Task: "other", Block: block}}
		switch block {
		case 4:
			l.Tiers = []string{"Bronze", "Bronze"}
		case 6:
			l.Tiers = []string{"Silver", ""}
		case 1000:
			l.Tiers = []string{"Gold", "Gold"}
		}
		d.Add(l)
	}
	g := d.tierGrid()
	name := func(block uint64, uid int) string { return d.tierNames[g.tiers[(block-g.first)/g.width][uid]] }
	if g.first != 4 || g.width != 4 || name(4, 0) != "Silver" || name(999, 0) != "Silver" || name(1000, 0) != "Gold" || name(6, 1) != "" {
		t.Fatalf("from %d by %d: %v", g.first, g.width, d.tierNames)
	}
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		low, high float64
		marker    plot.Ticker
		want      string
	}{
		{4123207, 4130404, integers{8}, "4,124,000 4,125,000 4,126,000 4,127,000 4,128,000 4,129,000 4,130,000"},
		{-0.5, 3.5, integers{16}, "0 1 2 3"},
		{0, 1.2, scale{}, "0.0 0.2 0.4 0.6 0.8 1.0 1.2"},
		{-0.005, 0, scale{}, "−0.005 −0.004 −0.003 −0.002 −0.001 0.000"},
		{-2, 1, scale{log: true}, "0.01 0.02 0.05 0.1 0.2 0.5 1 2 5 10"},
		{-4, 2, scale{log: true}, "0.0001 0.001 0.01 0.1 1 10 100"},
	} {
		var labels []string
		for _, tick := range c.marker.Ticks(c.low, c.high) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != c.want {
			t.Errorf("%v to %v: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

// FuzzData adds any lines and draws one of the charts.
func FuzzData(f *testing.F) {
	for _, text := range []string{
		`{"task_name":"store","block":1,"uids":[1],"rewards":[1e308],"completion_times":[1e-300],"successful":[true]}`,
		`{"task_name":"retrieve","block":9007199254740991,"uids":[65535,0],"rewards":[-1,-1],"moving_averaged_scores":[-1e308,1e308]}` +
			`{"task_name":"monitor","uids":[0],"rewards":[-0.005],"tiers":["Ruby","a","b","c","d","e","f"]}`,
		`{"task_name":"challenge","uids":[1,2,3],"completion_times":[1,2],"successful":[true]}`,
	} {
		f.Add([]byte(text), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, pick uint8) {
		d := NewData()
		for dec := json.NewDecoder(bytes.NewReader(data)); ; {
			var l events.Line
			if dec.Decode(&l) != nil {
				break
			}
			l.Block %= 1 << 53 // as events sees to it
			d.Add(l)
		}
		figures, _ := d.Figures()
		if len(figures) == 0 {
			return
		}
		if _, err := figures[int(pick)%len(figures)].Render(SVG); err != nil {
			t.Fatal(err)
		}
	})
}
