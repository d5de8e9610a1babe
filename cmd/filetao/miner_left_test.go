package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/filetao/filetao/node"
)

// TestStatsOfAStoppedValidator compares what a validator's folder says after a
// devnet with what the validator said itself.
func TestStatsOfAStoppedValidator(t *testing.T) {
	t.Parallel()
	cfg := quickDevnet(t)
	stats := func(u user, more ...string) map[string]node.MinerRow {
		out, _ := u.run(exitOK, append([]string{"miner", "stats", "--json"}, more...)...)
		var rows []node.MinerRow
		if err := json.Unmarshal([]byte(out), &rows); err != nil {
			t.Fatalf("miner stats printed %q: %v", out, err)
		}
		by := map[string]node.MinerRow{}
		for _, r := range rows {
			by[string(r.Hotkey)] = r
		}
		return by
	}
	var running map[string]node.MinerRow
	if !t.Run("running", func(t *testing.T) {
		u, _ := startDevnetOf(t, cfg)
		for ready := false; !ready; {
			u.run(exitOK, "chain", "status", "--wait", "2")
			running = stats(u)
			ready = len(running) == 3
			for _, r := range running {
				ready = ready && r.Score != nil && *r.Score > 0 && r.Offer != nil && r.Challenge.Attempts > 2
			}
		}
	}) {
		return
	}
	u := user{t, cfg.Dir, t.TempDir()} // whose chain does not answer any more
	for hotkey, r := range stats(u, "--dir", filepath.Join(cfg.Dir, "nodes", "validator1")) {
		was := running[hotkey]
		switch {
		case r.UID == nil || *r.UID != *was.UID:
			t.Errorf("%s: UID %v, was %d", hotkey, r.UID, *was.UID)
		case r.Score == nil || *r.Score <= 0:
			t.Errorf("%s: score %v", hotkey, r.Score)
		case r.Offer == nil || r.Offer.Capacity != was.Offer.Capacity:
			t.Errorf("%s: offer %+v", hotkey, r.Offer)
		case r.Next == nil || *r.Next.Hours > 20**was.Next.Hours: // 12 s a block would be 120 times
			t.Errorf("%s: %+v, was %+v", hotkey, r.Next, was.Next)
		}
	}
	if out, _ := u.run(exitOK, "miner", "stats"); !strings.Contains(out, "Bronze") {
		t.Errorf("of the devnet's folder: %s", out)
	}
}
