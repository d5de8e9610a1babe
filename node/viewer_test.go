package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/validator/events"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// TestMinersAreToldOfThemselves runs a validator with an axon and no users: over
// the wire each registered miner gets what the status page says of it.
func TestMinersAreToldOfThemselves(t *testing.T) {
	dev, key := newChain(t)
	alice, miner, stranger := keypair(t, "//Alice"), keypair(t, "//Second"), keypair(t, "//Stranger")
	if err := dev.Register(t.Context(), alice, 21, miner.Address(), 0); err != nil {
		t.Fatal(err)
	}
	ix, first, second := audited(t)
	if second != address(t, "Second") {
		t.Fatal(first)
	}
	dir := t.TempDir()
	log := events.DefaultConfig(filepath.Join(dir, events.FileName))
	v, err := NewValidator(ValidatorConfig{
		Common: Common{Chain: dev, NetUID: 21, Hotkey: key, Dir: dir, Listen: "127.0.0.1:0", Status: "127.0.0.1:0"},
		Index:  ix, Validator: validator.Config{BlocksPerStep: 1 << 30, DisableWeights: true}, Events: &log, Axon: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	copyEvents(t, log.Path, miner.Address())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	<-v.Ready()
	m, err := dev.Metagraph(t.Context(), 21)
	if err != nil {
		t.Fatal(err)
	}
	self, _ := m.ByHotkey(key.Address())

	text, err := AskExplain(t.Context(), miner, self, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var x Explanation
	if err := json.Unmarshal(text, &x); err != nil || x.Miner.Hotkey != second || len(x.Changes) != 1 || x.Earlier != 1 ||
		x.Changes[0].Text != "right" || !x.Known || x.Pending == nil || len(x.Miner.Alerts) == 0 {
		t.Errorf("the miner is told %s, %v", text, err)
	}
	if bytes.Contains(text, []byte(first)) {
		t.Errorf("it is told of another: %s", text)
	}
	if _, err := AskExplain(t.Context(), stranger, self, 1, nil); wire.StatusOf(err) != wire.StatusForbidden {
		t.Errorf("a hotkey that is not registered: %v", err)
	}
	wantPages(t, v, second)
	for range questionsPerWindow {
		_, err = AskExplain(t.Context(), miner, self, 0, nil)
	}
	if got := wire.StatusOf(err); got != wire.StatusTooMany && got != wire.StatusOK { // blocks are short here
		t.Errorf("asked on and on: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the validator ended with: %v", err)
	}
}

// wantPages looks at the status page.
func wantPages(t *testing.T, v *Validator, miner wallet.Address) {
	t.Helper()
	for path, want := range map[string]int{
		"/explain?miner=" + string(miner): 200, "/explain?miner=1&last=2&since=5": 200, "/explain": 400, "/explain?miner=5Grw": 400,
		"/explain?miner=1&last=0": 400, "/explain?miner=1&last=99999": 400, "/explain?miner=1&since=x": 400,
		"/explain?miner=" + string(address(t, "Nobody")): 404, "/explain?miner=99": 404, "/miners": 200,
	} {
		resp, err := http.Get("http://" + v.StatusAddr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		var body bytes.Buffer
		if _, err := body.ReadFrom(resp.Body); err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil || resp.StatusCode != want {
			t.Errorf("%s: %d %s", path, resp.StatusCode, &body)
		}
		if want == 200 && !strings.Contains(body.String(), string(miner)) {
			t.Errorf("%s: %s", path, &body)
		}
	}
}

// copyEvents writes two events of a miner with UID 1.
func copyEvents(t *testing.T, path string, miner wallet.Address) {
	t.Helper()
	w := events.New(events.DefaultConfig(path), events.Deps{})
	for i, text := range []string{"passed: left", "passed: right"} {
		w.Observe(validator.Event{
			Task: validator.TaskChallenge, Block: uint64(1 + i), UIDs: []chain.UID{1}, Hotkeys: []wallet.Address{miner}, Successful: []bool{true},
			CompletionTimes: []float64{1}, StatusMessages: []string{text}, Rewards: []float64{0.6}, Before: []float64{0.1}, After: []float64{0.1},
		})
	}
	if err := w.Close(); err != nil || w.Lost() > 0 {
		t.Fatal(err)
	}
}

func keypair(t *testing.T, uri string) *wallet.Keypair {
	t.Helper()
	k, err := wallet.KeypairFromURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestAnExplanationFits leaves the oldest changes out when all are too many.
func TestAnExplanationFits(t *testing.T) {
	x := Explanation{Earlier: 3}
	for i := range 4000 {
		x.Changes = append(x.Changes, Change{Block: uint64(4000 - i), Text: strings.Repeat("x", 256)})
	}
	data, err := fitted(x)
	var got Explanation
	if err != nil || len(data) > wire.MaxExplanation || json.Unmarshal(data, &got) != nil {
		t.Fatal(len(data), err)
	}
	if len(got.Changes) < 500 || got.Earlier+len(got.Changes) != 4003 || got.Changes[0].Block != 4000 {
		t.Errorf("%d changes from block %d on, %d earlier", len(got.Changes), got.Changes[0].Block, got.Earlier)
	}
	x.Miner.Tier = strings.Repeat("x", wire.MaxExplanation)
	if _, err := fitted(x); wire.StatusOf(err) != wire.StatusTooLarge {
		t.Errorf("too large without any: %v", err)
	}
}

// TestRowsOfManyMiners ranks 64 miners.
func TestRowsOfManyMiners(t *testing.T) {
	ix, err := OpenIndex(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	m := &chain.Metagraph{Block: chain.Block{Number: 700}}
	scores := make([]float64, 64)
	for uid := range scores {
		hotkey := address(t, fmt.Sprint("Row", uid))
		if err := ix.UpdateStats(t.Context(), hotkey, func(s *index.Stats) error {
			s.Tier, s.TotalSuccesses = "Silver", 600
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		scores[uid] = float64(uid) / 100
		n := chain.Neuron{UID: chain.UID(uid), Hotkey: hotkey}
		if err := n.Axon.IP.UnmarshalText([]byte("127.0.0.1")); err != nil {
			t.Fatal(err)
		}
		n.Axon.Port = 1
		m.Neurons = append(m.Neurons, n)
	}
	rows, err := View{Index: ix, Metagraph: m, Scores: scores}.Miners(t.Context())
	if err != nil || len(rows) != 64 {
		t.Fatal(len(rows), err)
	}
	for i, r := range rows {
		if *r.UID != i || *r.Rank != 64-i || r.Ranked != 64 || r.Next.Name != "Gold" || r.Next.MissingSuccesses != 1400 || r.Capacity <= 0 || r.Limit < r.Capacity {
			t.Fatalf("row %d: %+v", i, r)
		}
	}
}

// TestFailedAuditsAreSeen has the tallies say whether the record is worth reading.
func TestFailedAuditsAreSeen(t *testing.T) {
	ix, first, _ := audited(t)
	at := time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC)
	if err := ix.Settle(t.Context(), index.Trial{Miner: first, Task: "challenge", Hash: "7", Asked: at, Settled: at, Tries: 1, Reason: "failed: so"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		challenge, retrieve index.Tally
		alerts              int
	}{
		{index.Tally{Attempts: 6, Successes: 6}, index.Tally{}, 1}, // a window that has just begun
		{index.Tally{Attempts: 9, Successes: 8}, index.Tally{}, 1},
		{index.Tally{Attempts: 9, Successes: 9}, index.Tally{Attempts: 1}, 1},
		{index.Tally{Attempts: 9, Successes: 9}, index.Tally{Attempts: 1, Successes: 1}, 0}, // which is not so here
	} {
		r := MinerRow{Hotkey: first, Challenge: c.challenge, Retrieve: c.retrieve}
		if err := (View{Index: ix}).settled().complete(t.Context(), &r, 1); err != nil || len(r.Alerts) != c.alerts {
			t.Errorf("%+v: %+v, %v", c, r.Alerts, err)
		}
	}
}
