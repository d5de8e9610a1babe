package erasure_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/filetao/filetao/erasure"
)

const (
	calm, rough = 1.0, 4.0 // losses for each miner and year
	day, week   = 1.0 / 365, 7.0 / 365
)

// repairs is how often a year a segment comes down to r healthy shards.
func repairs(s erasure.Scheme, r int, lambda float64) float64 {
	var years float64
	for j := r + 1; j <= s.Total; j++ {
		years += 1 / float64(j) / lambda
	}
	return 1 / years
}

// loss is the probability that a segment is lost within a year.
func loss(s erasure.Scheme, r int, lambda, window float64) float64 {
	p := -math.Expm1(-lambda * window)
	var q float64
	for i := r - s.Data + 1; i <= r; i++ {
		q += choose(r, i) * math.Pow(p, float64(i)) * math.Pow(1-p, float64(r-i))
	}
	return -math.Expm1(-repairs(s, r, lambda) * q)
}

func choose(n, k int) float64 {
	c := 1.0
	for i := range k {
		c = c * float64(n-i) / float64(i+1)
	}
	return c
}

// traffic is what repair moves a year, in sizes of the segment.
func traffic(s erasure.Scheme, r int) float64 {
	return repairs(s, r, rough) * float64(s.Data+s.Total-r) / float64(s.Data)
}

func expansion(s erasure.Scheme) string { return fmt.Sprintf("%.2f", float64(s.Total)/float64(s.Data)) }

// tables are the rows of the document's tables, by their first line.
func tables(t *testing.T) map[string][][]string {
	t.Helper()
	raw, err := os.ReadFile("../docs/durability.md")
	if err != nil {
		t.Fatal(err)
	}
	all, head := map[string][][]string{}, ""
	for line := range strings.Lines(string(raw)) {
		switch line = strings.TrimSpace(line); {
		case !strings.HasPrefix(line, "|"):
			head = ""
		case head == "":
			head = line
		case !strings.HasPrefix(line, "|---"):
			all[head] = append(all[head], strings.Split(strings.Trim(line, "| "), " | "))
		}
	}
	if len(all) != 3 {
		t.Fatalf("%d tables", len(all))
	}
	return all
}

// same compares a row of the document to what it should be.
func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, " | ") != strings.Join(want, " | ") {
		t.Errorf("docs/durability.md says\n%s, and it is\n%s", strings.Join(got, " | "), strings.Join(want, " | "))
	}
}

func parse(t *testing.T, text string) (s erasure.Scheme) {
	t.Helper()
	if _, err := fmt.Sscanf(text, "%d-of-%d", &s.Data, &s.Total); err != nil || s.Check() != nil {
		t.Fatalf("%q is no scheme: %v", text, err)
	}
	return s
}

func TestDocumentedChoice(t *testing.T) {
	rows := tables(t)["| miners from | scheme | expansion | may be lost | repair at |"]
	n := 0
	for miners := 1; miners <= 300; miners++ {
		s := erasure.Choose(miners)
		if miners > 1 && s == erasure.Choose(miners-1) {
			continue
		}
		if n == len(rows) {
			t.Fatalf("no row for %d miners", miners)
		}
		same(t, rows[n], fmt.Sprint(miners), s.String(), expansion(s), fmt.Sprint(s.Total-s.Data), fmt.Sprint(s.RepairAt()))
		n++
	}
	if n != len(rows) {
		t.Errorf("%d rows for %d schemes", len(rows), n)
	}
}

func TestDocumentedDurability(t *testing.T) {
	rows := tables(t)["| scheme | expansion | repair at | P calm, 1 day | P rough, 1 day | P rough, 7 days | T |"]
	listed := map[erasure.Scheme]bool{}
	for _, row := range rows {
		s := parse(t, row[0])
		r := s.RepairAt()
		listed[s] = true
		same(t, row, s.String(), expansion(s), fmt.Sprint(r), fmt.Sprintf("%.1e", loss(s, r, calm, day)),
			fmt.Sprintf("%.1e", loss(s, r, rough, day)), fmt.Sprintf("%.1e", loss(s, r, rough, week)), fmt.Sprintf("%.1f", traffic(s, r)))
	}
	for miners := range 300 {
		if s := erasure.Choose(miners); !listed[s] {
			t.Errorf("no row for %v, the choice for %d miners", s, miners)
		}
	}
}

func TestDocumentedRepair(t *testing.T) {
	rows := tables(t)["| scheme | repair at | P, 1 day | P, 7 days | repairs a year | T |"]
	chosen := 0
	for _, row := range rows {
		s, r := parse(t, row[0]), 0
		if _, err := fmt.Sscan(row[1], &r); err != nil {
			t.Fatal(err)
		}
		if r == s.RepairAt() {
			chosen++
		}
		same(t, row, s.String(), fmt.Sprint(r), fmt.Sprintf("%.1e", loss(s, r, rough, day)), fmt.Sprintf("%.1e", loss(s, r, rough, week)),
			fmt.Sprintf("%.1f", repairs(s, r, rough)), fmt.Sprintf("%.1f", traffic(s, r)))
	}
	if chosen != 3 {
		t.Errorf("%d rows are of RepairAt, want 3", chosen)
	}
}

// The formula for repair at the first loss is the one for any r.
func TestBothFormulasAgree(t *testing.T) {
	s := erasure.Scheme{Data: 4, Total: 8}
	p := -math.Expm1(-rough * day)
	short := 4 * rough * choose(8, 4) * math.Pow(p, 4)
	if got := loss(s, 7, rough, day); math.Abs(got/short-1) > 0.05 {
		t.Errorf("%g, in short %g", got, short)
	}
}
