package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/validator/events"
	"github.com/filetao/filetao/wallet"
)

// writeEvents keeps events in a log and returns its path.
func writeEvents(t testing.TB, all []validator.Event) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), events.FileName)
	w := events.New(events.DefaultConfig(path), events.Deps{})
	for len(all) > 0 {
		n := min(200, len(all)) // what the writer's queue holds
		for _, e := range all[:n] {
			w.Observe(e)
		}
		if all = all[n:]; w.Close() != nil || w.Lost() > 0 {
			t.Fatal("events are lost")
		}
	}
	return path
}

// played is what a validator's ledger made of random steps: events like its own.
type played struct {
	events  []validator.Event
	hotkeys []wallet.Address // by UID, at the end
	scores  []float64
}

// play runs steps over some UIDs, of which now and then one changes hands.
func play(t testing.TB, seed uint64, steps int) played {
	const uids = 4
	random := rand.New(rand.NewPCG(seed, 1))
	ledger := incentive.NewLedger[wallet.Address](incentive.DefaultRules())
	p := played{hotkeys: make([]wallet.Address, uids)}
	for uid := range p.hotkeys {
		p.hotkeys[uid] = address(t, fmt.Sprint("Played", uid))
	}
	ledger.Adopt(p.hotkeys)
	tell := func(e validator.Event) {
		e.Scores = nil // as they are, which is not always what weights are made of
		for _, r := range ledger.Rows() {
			e.Scores = append(e.Scores, r.Score)
		}
		p.scores = e.Scores
		p.events = append(p.events, e)
	}
	for step := range steps {
		block := uint64(3 * step)
		if random.IntN(20) == 0 {
			uid := random.IntN(uids)
			old, row := p.hotkeys[uid], 0.0
			if r, ok := ledger.Row(uid); ok {
				row = r.Score
			}
			p.hotkeys = slices.Clone(p.hotkeys)
			p.hotkeys[uid] = address(t, fmt.Sprint("Played", uid, "/", step))
			ledger.Adopt(p.hotkeys)
			tell(validator.Event{
				Task: validator.TaskReplaced, Block: block, UIDs: []chain.UID{chain.UID(uid)}, Hotkeys: []wallet.Address{p.hotkeys[uid]},
				Replaced: []wallet.Address{old}, Before: []float64{row}, After: []float64{0},
			})
		}
		for task, name := range []validator.Task{validator.TaskStore, validator.TaskChallenge, validator.TaskRetrieve} {
			e := validator.Event{Task: name, Block: block}
			var results []incentive.Result[wallet.Address]
			for uid := range uids {
				if random.IntN(2) == 0 {
					continue
				}
				ok := random.IntN(5) > 0
				seconds := random.Float64()
				results = append(results, incentive.Result[wallet.Address]{
					UID: uid, Hotkey: p.hotkeys[uid], OK: ok, Came: true, Elapsed: time.Duration(seconds * float64(time.Second)), Bytes: 1000, Tier: "Gold",
				})
				e.UIDs, e.Hotkeys, e.Successful = append(e.UIDs, chain.UID(uid)), append(e.Hotkeys, p.hotkeys[uid]), append(e.Successful, ok)
				e.CompletionTimes, e.MinerTiers = append(e.CompletionTimes, seconds), append(e.MinerTiers, "Gold")
				e.StatusMessages = append(e.StatusMessages, map[bool]string{true: "Success", false: "no"}[ok])
			}
			for _, c := range ledger.Settle(incentive.Task(task), time.Minute, results, nil) {
				e.Rewards, e.Possession = append(e.Rewards, c.Reward), append(e.Possession, c.Possession)
				e.Before, e.After = append(e.Before, c.Before), append(e.After, c.After)
			}
			tell(e)
		}
	}
	return p
}

// wantChain fails unless each change begins with the score that the one before
// left, and the last one leaves this one. Changes are the newest first.
func wantChain(t *testing.T, changes []Change, final float64) {
	t.Helper()
	next := &final
	for _, c := range changes {
		if c.After == nil || !same(*c.After, *next) {
			t.Fatalf("block %d, %s: %v, the next one begins with %v", c.Block, c.Kind, c.After, *next)
		}
		if c.Before == nil { // the first one, or a new hotkey's
			return
		}
		if c.Reward != nil && !same(incentive.MovingAverage(*c.Before, *c.Reward, incentive.DefaultRules().Alpha), *c.After) {
			t.Fatalf("block %d, %s: %v and %v do not give %v", c.Block, c.Kind, *c.Before, *c.Reward, *c.After)
		}
		next = c.Before
	}
}

func TestChangesChainTogether(t *testing.T) {
	for seed := range uint64(20) {
		p := play(t, seed, 120)
		v := View{Events: writeEvents(t, p.events)}
		for uid, hotkey := range p.hotkeys {
			x, err := v.Explain(t.Context(), Whom{Hotkey: hotkey, UID: -1, Last: MaxChanges})
			if err != nil {
				t.Fatal(err)
			}
			if x.Miner.UID == nil || *x.Miner.UID != uid || x.Miner.Score == nil || !same(*x.Miner.Score, p.scores[uid]) || x.Earlier != 0 {
				t.Fatalf("seed %d, UID %d: %+v", seed, uid, x.Miner)
			}
			wantChain(t, x.Changes, p.scores[uid])
			for _, c := range x.Changes {
				if c.Kind == KindGap {
					t.Fatalf("seed %d, UID %d: a gap at block %d", seed, uid, c.Block)
				}
			}
			byUID, err := v.Explain(t.Context(), Whom{UID: uid, Last: MaxChanges})
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, x, byUID)
			few, err := v.Explain(t.Context(), Whom{UID: uid, Last: 7})
			if err != nil || few.Earlier != len(x.Changes)-len(few.Changes) {
				t.Fatalf("%d of %d, %d earlier, %v", len(few.Changes), len(x.Changes), few.Earlier, err)
			}
			wantSame(t, x.Changes[:min(7, len(x.Changes))], few.Changes)
		}
	}
}

// wantSame compares JSON.
func wantSame(t *testing.T, a, b any) {
	t.Helper()
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	if err = errors.Join(err, err2); err != nil || string(x) != string(y) {
		t.Fatalf("%v\n%s\n%s", err, x, y)
	}
}

// TestNobodyIsToldOfOthers has a UID change hands: the new hotkey's explanation
// begins there, and the old one's events are not in it.
func TestNobodyIsToldOfOthers(t *testing.T) {
	old, now := address(t, "Old"), address(t, "New")
	event := func(block uint64, hotkey wallet.Address, before, after float64) validator.Event {
		return validator.Event{
			Task: validator.TaskChallenge, Block: block, UIDs: []chain.UID{3}, Hotkeys: []wallet.Address{hotkey}, Successful: []bool{true},
			CompletionTimes: []float64{1}, StatusMessages: []string{"passed: of " + string(hotkey)}, Rewards: []float64{0.5},
			Before: []float64{before}, After: []float64{after}, Scores: []float64{0, 0, 0, after},
		}
	}
	v := View{Events: writeEvents(t, []validator.Event{
		event(3, old, 0, 0.025), event(6, old, 0.025, 0.5),
		{
			Task: validator.TaskReplaced, Block: 9, UIDs: []chain.UID{3}, Hotkeys: []wallet.Address{now}, Replaced: []wallet.Address{old},
			Before: []float64{0.5}, After: []float64{0},
		},
		event(12, now, 0, 0.025),
	})}
	for _, who := range []Whom{{Hotkey: now, UID: -1}, {UID: 3}} {
		x, err := v.Explain(t.Context(), who)
		if err != nil || len(x.Changes) != 2 || x.Miner.Hotkey != now || x.Changes[1].Kind != KindReplaced {
			t.Fatalf("%+v, %v", x, err)
		}
		if text, err := json.Marshal(x.Changes[:1]); err != nil || strings.Contains(string(text), string(old)) {
			t.Errorf("%s, %v", text, err)
		}
	}
	x, err := v.Explain(t.Context(), Whom{Hotkey: old, UID: -1})
	if err != nil || len(x.Changes) != 2 || x.LastBlock != 12 {
		t.Errorf("of the old one: %+v, %v", x, err)
	}
	if _, err := v.Explain(t.Context(), Whom{UID: 7}); !errors.Is(err, ErrNoMiner) {
		t.Errorf("of nobody: %v", err)
	}
}

// TestGapsRolloversAndPings are what is no answer to a question.
func TestGapsRolloversAndPings(t *testing.T) {
	me := address(t, "Me")
	of := func(e validator.Event) validator.Event {
		e.UIDs, e.Hotkeys = []chain.UID{0}, []wallet.Address{me}
		return e
	}
	ping := func(block uint64, ok bool, reward, before, after float64) validator.Event {
		return of(validator.Event{
			Task: validator.TaskMonitor, Block: block, Successful: []bool{ok}, CompletionTimes: []float64{5}, StatusCodes: []int{408},
			StatusMessages: []string{"ping at " + string(me) + ": status 408: silent"}, Rewards: []float64{reward},
			Before: []float64{before}, After: []float64{after}, Scores: []float64{after},
		})
	}
	down, err := View{Events: writeEvents(t, []validator.Event{ping(3, false, 0, 0.4, 0.4), ping(6, false, 0, 0.4, 0.4), ping(9, true, 0, 0.4, 0.4), ping(12, false, 0, 0.4, 0.4)})}.Explain(t.Context(), Whom{UID: 0})
	if err != nil || len(down.Miner.Alerts) != 1 || down.Miner.Alerts[0].Kind != AlertDown || down.Changes[0].Times != 1 {
		t.Errorf("three pings failed: %+v, %v", down, err)
	}
	up, err := View{Events: writeEvents(t, []validator.Event{ping(3, false, 0, 0.4, 0.4), ping(6, true, 0, 0.4, 0.4)})}.Explain(t.Context(), Whom{UID: 0})
	if err != nil || len(up.Miner.Alerts) != 0 {
		t.Errorf("it answers again: %+v, %v", up.Miner.Alerts, err)
	}
	v := View{Events: writeEvents(t, []validator.Event{
		ping(3, true, 0, 0.4, 0.4), ping(6, false, 0, 0.4, 0.4), ping(9, false, -0.005, 0.4, 0.37975), ping(12, false, 0, 0.3, 0.3),
		of(validator.Event{
			Task: validator.TaskRollover, Block: 720, TiersBefore: []string{"Bronze"}, TiersAfter: []string{"Silver"}, StatusMessages: []string{"score 0.9"},
		}),
	})}
	x, err := v.Explain(t.Context(), Whom{Hotkey: me, UID: -1})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, c := range x.Changes {
		told = append(told, fmt.Sprintf("%d %s: %s", c.Block, c.Kind, c.Text))
	}
	want := []string{
		"720 rollover: Silver, was Bronze: score 0.9", "12 ping: did not answer 1 ping: status 408: silent",
		"12 gap: events are missing in the log: the validator could not write them, or it was stopped and went on with the scores that it had saved last",
		"9 ping: is down, after 2 pings without an answer: status 408: silent",
	}
	if !slices.Equal(told, want) || x.Miner.Tier != "Silver" {
		t.Errorf("%s, now %q", strings.Join(told, "\n"), x.Miner.Tier)
	}
	if len(x.Hurts) != 2 || !same(x.Hurts[0].Lost, 0.07975) || !strings.Contains(x.Hurts[1].What, "found down once") {
		t.Errorf("hurts %+v", x.Hurts)
	}
	if len(x.Miner.Alerts) != 1 {
		t.Errorf("the last ping failed, alerts %+v", x.Miner.Alerts)
	}
	if since, err := v.Explain(t.Context(), Whom{Hotkey: me, UID: -1, Since: 12}); err != nil || len(since.Changes) != 3 || since.Earlier != 2 {
		t.Errorf("since block 12: %+v, %v", since, err)
	}
}

// TestWhatHurts has one miner of four fail, one slow, one without its data.
func TestWhatHurts(t *testing.T) {
	var all []validator.Event
	names := []wallet.Address{address(t, "A"), address(t, "B"), address(t, "C"), address(t, "D")}
	rules := incentive.DefaultRules()
	ledger := incentive.NewLedger[wallet.Address](rules)
	ledger.Adopt(names)
	for step := range 40 {
		e := validator.Event{Task: validator.TaskRetrieve, Block: uint64(step), UIDs: []chain.UID{0, 1, 2, 3}, Hotkeys: names, MinerTiers: []string{"Gold", "Gold", "Gold", "Gold"}}
		var results []incentive.Result[wallet.Address]
		for uid, hotkey := range names {
			ok := uid != 1 || step%8 > 0
			took := time.Second
			if uid == 2 {
				took = 3 * time.Second
			}
			results = append(results, incentive.Result[wallet.Address]{UID: uid, Hotkey: hotkey, OK: ok, Came: true, Elapsed: took, Bytes: 9, Tier: "Gold"})
			e.Successful, e.CompletionTimes = append(e.Successful, ok), append(e.CompletionTimes, took.Seconds())
			e.StatusMessages, e.StatusCodes = append(e.StatusMessages, "failed: it is lost"), append(e.StatusCodes, 404)
		}
		for _, c := range ledger.Settle(incentive.TaskRetrieve, time.Minute, results, nil) {
			e.Rewards, e.Possession = append(e.Rewards, c.Reward), append(e.Possession, 1)
			e.Before, e.After = append(e.Before, c.Before), append(e.After, c.After)
		}
		if step > 35 {
			e.Possession = []float64{1, 1, 1, 0.2}
		}
		all = append(all, e)
	}
	v := View{Events: writeEvents(t, all)}
	for uid, want := range map[int]string{
		1: "retrieval: failed 5 times, the last time at block 32: it is lost",
		2: "retrieval: answered slower than the others, 3.0 times as long on average over 40 good answers",
	} {
		x, err := v.Explain(t.Context(), Whom{UID: uid})
		if err != nil || len(x.Hurts) == 0 || x.Hurts[0].What != want {
			t.Errorf("UID %d: %+v, %v", uid, x.Hurts, err)
		}
	}
	x, err := v.Explain(t.Context(), Whom{UID: 0})
	if err != nil || len(x.Hurts) != 0 || len(x.Asked) != 1 || x.Asked[0].Succeeded != 40 {
		t.Errorf("the best is told of %+v, %+v, %v", x.Hurts, x.Asked, err)
	}
	if x, err := v.Explain(t.Context(), Whom{UID: 3}); err != nil || x.Possession == nil || *x.Possession != 0.2 {
		t.Errorf("possession %v, %v", x.Possession, err)
	}
}

// TestVerdictsInFull takes from the record of audits what the log cuts off.
func TestVerdictsInFull(t *testing.T) {
	ix, first, _ := audited(t)
	long := "failed: " + strings.Repeat("long ", 60)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	if err := ix.Settle(t.Context(), index.Trial{
		Miner: first, Task: "challenge", Hash: "7", Asked: at, Settled: at, Tries: 1, Block: 3, Elapsed: 1234567 * time.Nanosecond,
		Reason: long, Dossier: json.RawMessage(`{}`),
	}); err != nil {
		t.Fatal(err)
	}
	v := View{Index: ix, Events: writeEvents(t, []validator.Event{{
		Task: validator.TaskChallenge, Block: 6, UIDs: []chain.UID{0}, Hotkeys: []wallet.Address{first}, Successful: []bool{false},
		CompletionTimes: []float64{0.001234567}, StatusMessages: []string{long}, Rewards: []float64{0}, Before: []float64{0}, After: []float64{0},
	}})}
	v.BlockAt = func(_ context.Context, n uint64) (chain.Block, error) { return chain.Block{Number: n, Time: at}, nil }
	x, err := v.Explain(t.Context(), Whom{Hotkey: first, UID: -1})
	if err != nil || len(x.Changes) != 1 || x.Changes[0].Kind != KindNative || x.Changes[0].Text != strings.TrimPrefix(long, "failed: ") ||
		!x.Changes[0].Time.Equal(at) || !x.Known {
		t.Errorf("%+v, %v", x, err)
	}
}

// FuzzExplain takes any log: the answer is finite and its changes chain, or are
// said to have a gap.
func FuzzExplain(f *testing.F) {
	for _, e := range play(f, 3, 8).events {
		text, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"task_name":"store","block":1,"uids":[0],"rewards":[1e308],"scores_before":[-1e308],"scores_after":[1e308],"completion_times":[-1]}`))
	f.Add([]byte(`{"task_name":"store","block":1,"uids":[0,1,2],"successful":[true,true,true],"completion_times":[1,1,1],"rewards":[1e308,1e308,1e308],"scores_before":[-1e308,0,0],"scores_after":[1e308,0,0]}` +
		"\n" + `{"task_name":"monitor","block":1,"uids":[0],"rewards":[1],"scores_before":[-1e308],"scores_after":[-1e308]}`))
	f.Add([]byte(`{"task_name":"rollover","block":1,"uids":[0]}` + "\n" + `{"task_name":"replaced","block":1,"uids":[0]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), events.FileName)
		if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		x, err := View{Events: path}.Explain(t.Context(), Whom{UID: 0})
		if err != nil {
			return
		}
		if _, err := json.Marshal(x); err != nil {
			t.Fatal(err)
		}
	})
}
