package incentive_test

import (
	"encoding/json"
	"testing"

	"github.com/filetao/filetao/incentive"
)

func counted(s incentive.Standing, task incentive.Task, good, bad int) incentive.Standing {
	for range good {
		s.Count(task, true)
	}
	for range bad {
		s.Count(task, false)
	}
	return s
}

func TestTurnDecidesTheTierOnce(t *testing.T) {
	rules := incentive.DefaultRules()
	s := rules.Newcomer(3)
	s = counted(s, incentive.TaskStore, 500, 0)
	s = counted(s, incentive.TaskChallenge, 2, 1)
	s = counted(s, incentive.TaskRetrieve, 1, 0)
	if s.Tier != "Bronze" || s.TotalSuccesses != 503 || s.Challenge != (incentive.Tally{Attempts: 3, Successes: 2}) {
		t.Fatalf("%+v", s)
	}
	if rules.Turn(&s, 3, 100, 1) || rules.Turn(&s, 2, 100, 1) || s.Store.Attempts != 500 {
		t.Errorf("turned within the window: %+v", s)
	}
	if !rules.Turn(&s, 9, 100, 1) || rules.Turn(&s, 9, 100, 1) {
		t.Error("windows that nobody watched did not turn once")
	}
	if s.Tier != "Silver" || s.Sum() != (incentive.Tally{}) || s.TotalSuccesses != 503 || s.Window != 9 || s.AtStart != 100 || s.Shown != 0 {
		t.Errorf("after the turn: %+v", s)
	}
	s = counted(s, incentive.TaskChallenge, 16, 0)
	rules.Turn(&s, 10, 80, 0.5)
	if s.Shown != 40 || s.AtStart != 80 {
		t.Errorf("shown: %+v", s)
	}
	if room := rules.Room(s, 0, 1); room != 1<<30 {
		t.Errorf("room %d", room)
	}
}

// A validator that was down over a border has seen next to nothing of anybody.
func TestAThinWindowDemotesNobodyAndForgetsNothing(t *testing.T) {
	rules := incentive.DefaultRules()
	top := rules.Newcomer(1)
	top.Tier, top.TotalSuccesses = "Super Saiyan", 20_000
	for n := range 16 {
		s := counted(top, incentive.TaskChallenge, n, 0)
		if rules.Turn(&s, 2, 0, 1) || s.Tier != "Super Saiyan" || s.Window != 2 || s.Challenge.Attempts != uint64(n) {
			t.Errorf("%d attempts: %+v", n, s)
		}
	}
	s := counted(top, incentive.TaskChallenge, 0, 15)
	rules.Turn(&s, 2, 0, 1)
	s.Count(incentive.TaskChallenge, false)
	if !rules.Turn(&s, 3, 0, 1) || s.Tier != "Bronze" {
		t.Errorf("who fails slowly keeps its tier: %+v", s)
	}
}

func TestStandingsJSONIsTheIndexs(t *testing.T) {
	s := counted(incentive.DefaultRules().Newcomer(7), incentive.TaskRetrieve, 1, 1)
	data, err := json.Marshal(s)
	const want = `{"store":{"attempts":0,"successes":0},"challenge":{"attempts":0,"successes":0},` +
		`"retrieve":{"attempts":2,"successes":1},"total_successes":1,"tier":"Bronze","storage_limit":10995116277760,"window":7}`
	if err != nil || string(data) != want {
		t.Errorf("%s, %v", data, err)
	}
	var back incentive.Standing
	if err := json.Unmarshal(data, &back); err != nil || back != s {
		t.Errorf("%+v, %v", back, err)
	}
}
