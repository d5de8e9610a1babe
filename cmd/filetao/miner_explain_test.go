package main

import "testing"

func TestPossessionInWords(t *testing.T) {
	for _, c := range []struct {
		possession float64
		debt       int
		want       string
	}{
		{0, 1, "0%: it was proven to have lost data; 1 more passed audit until it is paid again."},
		{0, 153, "0%: it was proven to have lost data; 153 more passed audits until it is paid again."},
		{0, 0, "0%: so much of a success is paid, for what its audits show; passing them raises it."},
		{0.5, 0, "50%: a newcomer's, until it has passed one challenge and one retrieval; its successes are paid half."},
		{1, 0, "100%: its audits show that it has what it was given, so that its successes are paid in full."},
	} {
		if got := possessionOf(c.possession, c.debt); got != c.want {
			t.Errorf("%v, %d: %s", c.possession, c.debt, got)
		}
	}
}
