package incentive_test

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/incentive"
)

func ledger(hotkeys ...string) *incentive.Ledger[string] {
	l := incentive.NewLedger[string](incentive.DefaultRules())
	l.Adopt(hotkeys)
	return l
}

func good(uid int, hotkey string) incentive.Result[string] {
	return incentive.Result[string]{UID: uid, Hotkey: hotkey, OK: true, Came: true, Elapsed: time.Second, Bytes: 1 << 20}
}

func TestSettleNotesThenPays(t *testing.T) {
	l, rules := ledger("a", "b", "c"), incentive.DefaultRules()
	bad := good(1, "b")
	bad.OK = false
	batch := []incentive.Result[string]{good(0, "a"), bad, good(2, "someone else")}
	changes := l.Settle(incentive.TaskChallenge, time.Minute, batch, nil)
	bronze := rules.Tiers.Named("")
	pass := rules.Possession.Note(incentive.Possession{}, incentive.ByChallenge, "", incentive.Passed)
	fail := rules.Possession.Note(incentive.Possession{}, incentive.ByChallenge, "", incentive.Lost)
	want := rules.Pay(rules.ChallengeFailure, time.Minute, []incentive.Answer{
		{OK: true, Came: true, Elapsed: time.Second, Bytes: 1 << 20, Tier: bronze, Possession: rules.Possession.Factor(pass)},
		{Came: true, Elapsed: time.Second, Bytes: 1 << 20, Tier: bronze, Possession: rules.Possession.Factor(fail)},
		{OK: true, Came: true, Elapsed: time.Second, Bytes: 1 << 20, Tier: bronze, Possession: 0.5},
	})
	for i, c := range changes {
		if c.Reward != want[i] {
			t.Errorf("answer %d: reward %v, want %v", i, c.Reward, want[i])
		}
	}
	if c := changes[0]; c.Before != 0 || c.After != rules.Alpha*c.Reward || c.Possession != 0.5 {
		t.Errorf("the first: %+v", c)
	}
	if c := changes[2]; c.Before != 0 || c.After != 0 {
		t.Errorf("a stranger: %+v", c)
	}
	if got := l.Scores([]string{"a", "b", "c", "d"}); got[0] != changes[0].After || got[1] != 0 || got[2] != 0 || got[3] != 0 {
		t.Errorf("scores %v", got)
	}
	if a, _ := l.Row(0); a.Possession != pass {
		t.Errorf("the first has %+v", a.Possession)
	}
	if c, _ := l.Row(2); c.Possession != (incentive.Possession{}) {
		t.Errorf("somebody else's answer counted for %+v", c)
	}
}

// After a proven loss what was earned is not paid out; after silence it is, and a
// store that fails is no loss.
func TestAProvenLossStopsPay(t *testing.T) {
	for _, c := range []struct {
		name   string
		task   incentive.Task
		silent bool
		rules  string
		gone   bool
	}{
		{"lost", incentive.TaskChallenge, false, "v3", true}, {"lost, whole", incentive.TaskRetrieve, false, "v3", true},
		{"silent", incentive.TaskChallenge, true, "v3", false}, {"a store", incentive.TaskStore, false, "v3", false},
		{"the plain sum", incentive.TaskChallenge, false, "v3-plain", false},
	} {
		l := incentive.NewLedger[string](profile(t, c.rules))
		l.Adopt([]string{"a"})
		for range 20 {
			l.Settle(incentive.TaskChallenge, time.Minute, []incentive.Result[string]{good(0, "a")}, nil)
		}
		r := good(0, "a")
		r.OK, r.Silent = false, c.silent
		change := l.Settle(c.task, time.Minute, []incentive.Result[string]{r}, nil)[0]
		pay := l.Scores([]string{"a"})[0]
		if gone := pay <= 0; gone != c.gone || !gone && pay != change.After || change.After < 0.1 || gone && l.Possession(0, "a") != 0 {
			t.Errorf("%s: %+v, paid by %v, possession %v", c.name, change, pay, l.Possession(0, "a"))
		}
	}
}

func TestALateAnswerIsAsSlowAsTheSlowest(t *testing.T) {
	l := ledger("a", "b", "c")
	slow, late := good(1, "b"), good(2, "c")
	slow.Elapsed, late.Elapsed, late.Late = 20*time.Second, time.Millisecond, true
	changes := l.Settle(incentive.TaskStore, time.Minute, []incentive.Result[string]{good(0, "a"), slow, late}, nil)
	if !(changes[0].Reward > changes[2].Reward) || !(changes[1].Reward > changes[2].Reward) {
		t.Errorf("rewards %+v", changes) // the second has the boost
	}
}

func TestAUIDThatChangesHandsStartsFromZero(t *testing.T) {
	l := ledger("a", "b", "c")
	batch := []incentive.Result[string]{good(0, "a"), good(1, "b"), good(2, "c")}
	l.Settle(incentive.TaskChallenge, time.Minute, batch, nil)
	l.Pinged(1, "b", false, 5)
	before := l.Rows()
	after := []string{"a", "new", "b"} // c is gone, b has another UID
	if lost := l.Lost(after); !slices.Equal(lost, []int{1, 2}) {
		t.Errorf("lost %v", lost)
	}
	l.Adopt(after)
	want := []incentive.Row[string]{before[0], {Hotkey: "new"}, {Hotkey: "b"}}
	if got := l.Rows(); !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	l.Adopt(after[:1])
	if lost := l.Lost(nil); len(l.Rows()) != 1 || len(lost) != 1 {
		t.Errorf("%+v, lost %v", l.Rows(), lost)
	}
}

func TestPingsInARow(t *testing.T) {
	l, rules := ledger("a"), incentive.DefaultRules()
	for i := range 14 {
		c, down := l.Pinged(0, "a", i == 1, 5)
		if want := i == 7 || i == 13; down != want || down != (c.Reward != 0) || down && c.After >= c.Before {
			t.Errorf("ping %d: %+v, down %v", i, c, down)
		}
	}
	if got := l.Scores([]string{"a"})[0]; got >= 0 || got < 2*rules.Unavailable*rules.Alpha {
		t.Errorf("score %v", got)
	}
	for _, uid := range []int{-1, 1, math.MaxInt} {
		if _, down := l.Pinged(uid, "a", false, 0); down {
			t.Errorf("UID %d was down", uid)
		}
	}
}

func TestRowsSurviveJSON(t *testing.T) {
	l := ledger("a", "b")
	l.Settle(incentive.TaskRetrieve, time.Minute, []incentive.Result[string]{good(1, "b")}, nil)
	l.Pinged(0, "a", false, 5)
	data, err := json.Marshal(l.Rows())
	if err != nil {
		t.Fatal(err)
	}
	var rows []incentive.Row[string]
	if err := json.Unmarshal(data, &rows); err != nil || !slices.Equal(rows, l.Rows()) {
		t.Errorf("%s came back as %+v, %v", data, rows, err)
	}
	again := incentive.NewLedger[string](incentive.DefaultRules())
	again.Restore(rows)
	if len(again.Lost([]string{"a", "b"})) != 0 || !slices.Equal(again.Scores([]string{"a", "b"}), l.Scores([]string{"a", "b"})) {
		t.Errorf("restored %+v", again.Rows())
	}
	var old []incentive.Row[string] // a checkpoint of before
	if err := json.Unmarshal([]byte(`[{"hotkey":"a","score":0.5,"failures":2}]`), &old); err != nil ||
		old[0] != (incentive.Row[string]{Hotkey: "a", Score: 0.5, Failures: 2}) {
		t.Errorf("%+v, %v", old, err)
	}
}

// anyRules are the default ones with numbers of the fuzzer's for the rewards, the
// moving average and what possession is worth.
func anyRules(reward, failure, alpha float64) incentive.Rules {
	rules := incentive.DefaultRules()
	rules.Success, rules.Unavailable, rules.Alpha = reward, failure, alpha
	rules.StoreFailure, rules.ChallengeFailure, rules.RetrieveFailure = failure, failure, failure
	rules.Possession.Exponent, rules.Possession.Tolerance, rules.Possession.Unproven = alpha, failure, reward
	for i := range rules.Tiers {
		rules.Tiers[i].Factor, rules.Tiers[i].Boost = alpha, reward
	}
	return rules
}

func FuzzSettleIsTotal(f *testing.F) {
	f.Add(uint8(0), int16(0), int64(1), int64(1<<20), 0.5, 2.0, 3.0, true, true, 1.0, -0.005, 0.05)
	f.Add(uint8(2), int16(-1), int64(-1), int64(-1), math.NaN(), math.Inf(1), -1.0, true, false, 1.0, -0.005, 0.05)
	f.Add(uint8(1), int16(0), int64(1), int64(1), 0.5, 2.0, 3.0, false, false, math.Inf(1), math.NaN(), math.NaN())
	f.Fuzz(func(t *testing.T, task uint8, uid int16, elapsed, bytes int64, score, passed, failed float64, ok, late bool, reward, failure, alpha float64) {
		l := incentive.NewLedger[string](anyRules(reward, failure, alpha))
		e := incentive.Evidence{Passed: passed, Failed: failed}
		row := incentive.Row[string]{Hotkey: "a", Score: score, Possession: incentive.Possession{Challenge: e, Retrieve: e, Debt: failed}}
		l.Restore([]incentive.Row[string]{row, row})
		r := incentive.Result[string]{UID: int(uid), Hotkey: "a", OK: ok, Came: ok, Elapsed: time.Duration(elapsed), Bytes: bytes, Late: late}
		changes := l.Settle(incentive.Task(task), time.Minute, []incentive.Result[string]{r, r, good(1, "a")}, nil)
		down, _ := l.Pinged(0, "a", false, 0)
		for _, c := range append(changes, down) {
			for _, x := range []float64{c.Reward, c.Possession, c.After} {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Fatalf("%+v", c)
				}
			}
		}
	})
}
