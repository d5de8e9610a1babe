package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// auditTime is when the tests' audits happened.
var auditTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// auditedDir is a stopped validator's folder: of Alice five audits, of Bob 40, of
// which one failed, and a question; of Carol none.
func auditedDir(t *testing.T) (dir string, alice, bob, carol wallet.Address) {
	t.Helper()
	dir = t.TempDir()
	ix, err := node.OpenIndex(t.Context(), filepath.Join(dir, "index"), nil)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]*wallet.Address{"//A": &alice, "//B": &bob, "//C": &carol} {
		k, err := wallet.KeypairFromURI(name)
		must(err)
		*to = k.Address()
		must(ix.UpdateStats(t.Context(), *to, func(s *index.Stats) error {
			s.Tier = "Bronze"
			return nil
		}))
	}
	dossier := json.RawMessage(dossierText(t, readOne(t, "open-passed")))
	trial := index.Trial{Task: "challenge", Hash: strings.Repeat("7", 77), Size: 150_000, Tries: 1, Passed: true, Elapsed: 1234 * time.Microsecond}
	for i := range 40 {
		trial.Block, trial.Asked, trial.Settled = uint64(i), auditTime, auditTime.Add(time.Duration(i)*time.Second)
		trial.Miner, trial.Dossier, trial.Passed, trial.Reason = bob, dossier, true, fmt.Sprintf("passed: number %d", i)
		if i == 20 {
			trial.Passed, trial.Reason = false, "failed: gave no answer to the same question, asked 3 times over 6 minutes. See that the miner runs, that its axon can be reached from outside, and that the machine keeps up"
		}
		must(ix.Settle(t.Context(), trial))
		if i < 5 {
			trial.Miner, trial.Dossier, trial.Task = alice, nil, []string{"challenge", "retrieve"}[i%2]
			must(ix.Settle(t.Context(), trial))
			trial.Task = "challenge"
		}
	}
	must(ix.PutPending(t.Context(), index.Pending{
		Miner: bob, Hash: "8", Asked: auditTime, Next: auditTime.Add(4 * time.Minute), Tries: 2, Question: json.RawMessage(`{}`),
	}))
	must(ix.Close())
	return dir, alice, bob, carol
}

func TestShowAudits(t *testing.T) {
	dir, alice, bob, carol := auditedDir(t)
	show := func(want exitCode, args ...string) (string, string) {
		t.Helper()
		return command(t, nil, want, append([]string{"audit", "show", "--dir", dir}, args...)...)
	}
	out, _ := show(exitOK)
	has(t, out, string(alice)+"\n", string(bob)+"\n", "\n6 audits of 2 miners: 6 passed, 0 failed.\n",
		"\nPending: "+string(bob)+" was asked 2 times since 1 min ago.")
	if strings.Contains(out, string(carol)) || strings.Index(out, "number 39") > strings.Index(out, "number 37") || strings.Contains(out, "number 36") {
		t.Errorf("all: %s", out)
	}
	out, _ = show(exitOK, "--miner", string(alice))
	has(t, out, "1 min      4  challenge  77777777…  146.5 KiB      1  1.23 ms  passed   number 4\n", "3  retrieval ", "5 audits of 1 miner: 5 passed, 0 failed.")
	out, _ = show(exitOK, "--miner", string(bob))
	has(t, out, "32 audits of 1 miner: 31 passed, 1 failed.", "1  1.23 ms  FAILED\n    gave no answer to the same question, asked 3 times over 6 minutes. See that the miner runs,", "51 s     39  native audit ")
	out, _ = show(exitOK, "--miner", string(bob), "--failed", "--limit", "1")
	has(t, out, "1 audit of 1 miner: 0 passed, 1 failed.")
	out, _ = show(exitOK, "--failed", "--miner", string(alice))
	has(t, out, "No audit failed, of those that are kept.")
	out, _ = show(exitOK, "--miner", string(carol))
	has(t, out, "Nothing has been audited yet.")
	out, _ = show(exitOK, "--miner", string(carol), "--json")
	has(t, out, `{"trials":[],"passed":0,"failed":0,"pending":[]}`)

	out, _ = show(exitOK, "--limit", "2", "--json")
	var got shownAudits
	if err := json.Unmarshal([]byte(out), &got); err != nil || len(got.Trials) != 4 || got.Passed != 4 || len(got.Pending) != 1 {
		t.Fatalf("%v: %s", err, out)
	}
	has(t, out, `"uid":null,"kind":"native audit","miner":"`+string(bob)+`","id":40,`, `"kind":"retrieval"`)

	for _, c := range []struct {
		want exitCode
		says string
		args []string
	}{
		{exitNotFound, "knows no miner with this hotkey", []string{"--miner", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"}},
		{exitUsage, `"bob" is neither a hotkey nor a UID`, []string{"--miner", "bob"}},
		{exitUsage, "an index knows no UIDs", []string{"--miner", "3"}},
		{exitUsage, "--limit: at least 1", []string{"--limit", "0"}},
		{exitUsage, "--limit: -1 is below zero", []string{"--limit", "-1"}},
		{exitUsage, `unexpected argument "now"`, []string{"now"}},
		{exitNotFound, "holds no validator's index", []string{"--dir", t.TempDir()}},
	} {
		_, said := show(c.want, c.args...)
		has(t, said, c.says)
	}
}

func TestSaveDossiers(t *testing.T) {
	dir, alice, bob, _ := auditedDir(t)
	to := filepath.Join(t.TempDir(), "new", "folder")
	save := func(want exitCode, args ...string) (string, string) {
		t.Helper()
		return command(t, nil, want, append([]string{"audit", "show", "--dir", dir, "--save", to}, args...)...)
	}
	out, _ := save(exitOK, "--miner", string(alice))
	has(t, out, "Nothing to save: only native audits have dossiers.")
	if _, err := os.Stat(to); !os.IsNotExist(err) {
		t.Errorf("there is a folder for nothing: %v", err)
	}
	first := filepath.Join(to, string(bob)+"-40.json")
	out, _ = save(exitOK, "--miner", string(bob), "--limit", "1")
	has(t, out, "Saved:\n  "+first+"\nCheck with:\n", " audit verify "+first+"\n")
	command(t, nil, exitOpen, "audit", "verify", first)

	out, _ = save(exitOK, "--json", "--limit", "2") // the first once more
	has(t, out, `"file":"`+first+`"`, string(bob)+`-39.json"`)
	out, _ = save(exitOK, "--miner", string(bob))
	has(t, out, " audit verify "+to+"/*.json\n")
	files, err := filepath.Glob(to + "/*")
	if err != nil || len(files) != index.MaxTrials {
		t.Errorf("%d files, %v", len(files), err)
	}
	command(t, nil, exitOpen, append([]string{"audit", "verify"}, files...)...)

	if err := os.WriteFile(first, []byte("mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, said := save(exitExists, "--miner", string(bob))
	has(t, said, first, "choose another folder")
	if b, err := os.ReadFile(first); err != nil || string(b) != "mine\n" {
		t.Errorf("%q was written over: %v", b, err)
	}
}
