package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/wallet"
)

// quickKey stands in for the derivation of keys, which takes seconds.
func quickKey(privateKeyHex string) envelope.Key { return sha256.Sum256([]byte(privateKeyHex)) }

func quickDevnet(t *testing.T) devnet.Config {
	t.Helper()
	cfg := devnet.DefaultConfig()
	cfg.Miners, cfg.BlockTime, cfg.Dir, cfg.Keys = 3, 100*time.Millisecond, t.TempDir(), quickKey
	return cfg
}

func TestDemoOfNothing(t *testing.T) {
	t.Parallel()
	demo := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(demo, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, said bytes.Buffer
	c := newCLI(streams{out: &out, err: &said, now: time.Now})
	c.json = true
	if err := c.runDevnet(t.Context(), quickDevnet(t), devnetFlags{demo: demo, exit: true}); err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	var r devnet.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || !r.OK || r.Bytes != 0 || r.SHA256Out != r.SHA256In || r.ChallengesPassed == 0 {
		t.Fatalf("the demo says %s, %v", &out, err)
	}
}

// user runs commands on a devnet as its user would from another terminal.
type user struct {
	t           *testing.T
	devnet, dir string
}

// startDevnet runs a devnet until the test ends.
func startDevnet(t *testing.T) user {
	t.Helper()
	u, _ := startDevnetOf(t, quickDevnet(t))
	return u
}

func startDevnetOf(t *testing.T, cfg devnet.Config) (user, *devnet.Devnet) {
	t.Helper()
	d, err := devnet.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("devnet: %v", err)
		}
	})
	select {
	case err := <-done:
		t.Fatalf("devnet: %v", err)
	case <-d.Ready():
	}
	if _, err := describe(d); err != nil {
		t.Fatal(err)
	}
	return user{t, d.Dir(), t.TempDir()}, d
}

// run runs a command, which has to end with that exit code, and returns what it
// printed.
func (u user) run(want exitCode, args ...string) (stdout, stderr string) {
	u.t.Helper()
	var out, err bytes.Buffer
	c := newCLI(streams{in: strings.NewReader(""), out: &out, err: &err, now: time.Now})
	c.derive = quickKey
	args = append(args, "--devnet", u.devnet)
	if got := c.execute(u.t.Context(), args); got != want {
		u.t.Fatalf("filetao %s: exit code %d, want %d: %s%s", strings.Join(args, " "), got, want, &out, &err)
	}
	return out.String(), err.String()
}

// refused runs a command that has to fail with that exit code and say why.
func (u user) refused(want exitCode, why string, args ...string) {
	u.t.Helper()
	if _, said := u.run(want, args...); !strings.Contains(said, why) {
		u.t.Errorf("filetao %s says %q, not %q", strings.Join(args, " "), said, why)
	}
}

func (u user) file(name string, size int) (string, []byte) {
	u.t.Helper()
	data, path := bytes.Repeat([]byte(name), size/len(name)+1)[:size], filepath.Join(u.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		u.t.Fatal(err)
	}
	return path, data
}

// same fails unless a file has this content.
func (u user) same(path string, want []byte) {
	u.t.Helper()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		u.t.Errorf("%s has %d bytes, want %d equal ones: %v", path, len(got), len(want), err)
	}
}

func TestUserOfADevnet(t *testing.T) {
	t.Parallel()
	u := startDevnet(t)
	t.Run("RoundTrips", func(t *testing.T) { u.with(t).roundTrips() })
	t.Run("InTheOpen", func(t *testing.T) { u.with(t).inTheOpen() })
	t.Run("WhoIsAsked", func(t *testing.T) { u.with(t).whoIsAsked() })
	t.Run("SomebodyElse", func(t *testing.T) { u.with(t).somebodyElse() })
	t.Run("Looking", func(t *testing.T) { u.with(t).looking() })
}

func (u user) with(t *testing.T) user { return user{t, u.devnet, t.TempDir()} }

func (u user) roundTrips() {
	for _, size := range []int{0, 1, 3<<20 + 1} {
		name := fmt.Sprintf("sealed-%d", size)
		path, data := u.file(name, size)
		out, _ := u.run(exitOK, "store", "put", "--filepath", path, "--json")
		var stored storedFile
		if err := json.Unmarshal([]byte(out), &stored); err != nil || stored.Name != name || stored.Bytes != int64(size) || len(stored.Gateways) != 1 {
			u.t.Fatalf("store put printed %q: %v", out, err)
		}
		u.run(exitOK, "retrieve", "get", name) // where the devnet says
		u.same(filepath.Join(u.devnet, "storage", name), data)
		u.run(exitOK, "retrieve", "get", "--cid", stored.CID, "--output", u.dir+"/got", "--force")
		u.same(u.dir+"/got", data)
		if out, _ := u.run(exitOK, "retrieve", "get", name, "--output", u.dir+"/got"); !strings.Contains(out, "/got is there already (") {
			u.t.Errorf("retrieve get printed %q", out)
		}
		u.file("got", size+1)
		u.refused(exitExists, u.dir+"/got: something else is there already\nchoose another place with --output, or replace it with --force", "retrieve", "get", name, "--output", u.dir+"/got")
		u.run(exitOK, "retrieve", "get", name, "--output", u.dir+"/got", "--force")
		if out, said := u.run(exitOK, "retrieve", "get", name, "-o", "-"); out != string(data) || said != "" {
			u.t.Errorf("%d bytes on standard output, want %d; beside them %q", len(out), size, said)
		}
		if out, _ := u.run(exitOK, "retrieve", "list"); !strings.Contains(out, name+" ") || !strings.Contains(out, stored.CID) {
			u.t.Errorf("the list of remembered files is %s", out)
		}
		u.refused(exitUsage, "give --yes", "delete", name)
		u.run(exitOK, "delete", name, "--yes")
		u.refused(exitNotFound, "no such remembered file", "retrieve", "get", name)
		u.refused(exitNotFound, "file not found", "retrieve", "get", stored.CID)
		u.refused(exitNotFound, "file not found", "delete", stored.CID, "--yes")
	}
}

func (u user) inTheOpen() {
	path, data := u.file("letter", 1000)
	out, _ := u.run(exitOK, "store", "put", path, "--encrypt", "false", "--ttl", "3600", "--encoding")
	_, hint, ok := strings.Cut(out, "Get it back with:\n")
	if !ok || !strings.Contains(hint, " --plain") || !strings.Contains(hint, " --devnet "+u.devnet) {
		u.t.Errorf("store put says %q", out)
	}
	u.refused(exitRefused, "take it as it is with --plain", "retrieve", "get", "letter", "-o", "-")
	if out, _ := u.run(exitOK, "retrieve", "get", "letter", "--plain", "-o", "-"); out != string(data) {
		u.t.Errorf("%q came back", out)
	}
	other, _ := u.file("letter", 1001)
	if _, said := u.run(exitOK, "store", "put", other, "--encrypt=false"); !strings.Contains(said, "that version is still stored until it expires") {
		u.t.Errorf("another file under a remembered name: %q", said)
	}
}

func (u user) whoIsAsked() {
	path, data := u.file("asked", 1000)
	out, _ := u.run(exitOK, "chain", "metagraph", "--json")
	var graph struct {
		Neurons []struct {
			UID    int
			Hotkey string
			Permit bool `json:"validator_permit"`
		}
	}
	if err := json.Unmarshal([]byte(out), &graph); err != nil {
		u.t.Fatal(err)
	}
	for _, n := range graph.Neurons {
		if !n.Permit {
			continue
		}
		u.run(exitOK, "store", "put", path, "--uid", fmt.Sprint(n.UID))
		u.run(exitOK, "store", "put", path, "--hotkeys", n.Hotkey)
		u.run(exitOK, "retrieve", "get", "asked", "--uids", fmt.Sprint(n.UID), "--hotkeys", n.Hotkey, "--output", u.dir+"/got")
		u.same(u.dir+"/got", data)
	}
	u.refused(exitUnavailable, "UID 99 is not on subnet 21", "store", "put", path, "--uids", "99")
	u.refused(exitUsage, "there is no UID 99999", "store", "put", path, "--uids", "99999")
	u.refused(exitUsage, "--hotkeys", "store", "put", path, "--hotkeys", "5Grw")
	u.refused(exitUnavailable, "at least 1000000 TAO stake", "store", "put", path, "--stake_limit", "1000000")
	u.run(exitOK, "store", "put", path, "--stake_limit", "1000", "--timeout", "30")
}

// somebodyElse has the user's hotkey with another coldkey, then neither.
func (u user) somebodyElse() {
	path, _ := u.file("secret", 1000)
	u.run(exitOK, "store", "put", path)
	wallets := filepath.Join(u.devnet, "wallets")
	thief := wallet.Location{Path: wallets, Name: "thief", Hotkey: "default"}
	for _, loc := range []wallet.Location{thief, {Path: wallets, Name: "stranger", Hotkey: "default"}} {
		keys := wallet.CreateOptions{Rand: rand.Reader}
		var err error
		if keys.Coldkey, err = wallet.Generate(rand.Reader, wallet.DefaultWords); err != nil {
			u.t.Fatal(err)
		}
		if keys.Hotkey, err = wallet.Generate(rand.Reader, wallet.DefaultWords); err != nil {
			u.t.Fatal(err)
		}
		if loc == thief {
			if keys.Hotkey, err = wallet.At(wallet.Location{Path: wallets, Name: "user", Hotkey: "default"}).Hotkey(); err != nil {
				u.t.Fatal(err)
			}
		}
		if _, err := wallet.Create(loc, keys); err != nil {
			u.t.Fatal(err)
		}
	}
	out, _ := u.run(exitOK, "retrieve", "list", "--json")
	var rows []bookRow
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) == 0 {
		u.t.Fatalf("retrieve list printed %q: %v", out, err)
	}
	cid := rows[len(rows)-1].CID
	u.refused(exitRefused, "the key does not open the file", "retrieve", "get", cid, "-o", "-", "--wallet.name", "thief", "--wallet.path", wallets)
	u.refused(exitRefused, "whitelist", "retrieve", "get", cid, "-o", "-", "--wallet.name", "stranger", "--wallet.path", wallets)
	u.refused(exitRefused, "--api.whitelisted_hotkeys", "store", "put", path, "--wallet.name", "stranger", "--wallet.path", wallets)
}

func (u user) looking() {
	if out, _ := u.run(exitOK, "miner", "stats"); !strings.Contains(out, "Bronze") || strings.Count(out, "\n") != 4 {
		u.t.Errorf("miner stats prints %s", out)
	}
	u.lookAtAudits()
	u.explained()
	if out, _ := u.run(exitOK, "chain", "metagraph"); strings.Count(out, "127.0.0.1:") != 4 {
		u.t.Errorf("chain metagraph prints %s", out)
	}
	if out, _ := u.run(exitOK, "plot", "--out", u.dir+"/plots", "--format", "svg"); !strings.Contains(out, u.dir+"/plots/scores.svg\n") {
		u.t.Errorf("plot prints %s", out)
	}
	if lines, err := os.ReadFile(u.dir + "/plots/tiers.svg"); err != nil || !strings.Contains(string(lines), ">Bronze<") {
		u.t.Errorf("tiers.svg does not show Bronze: %v", err)
	}
}

// lookAtAudits waits until the validator has audited natively, and checks it.
func (u user) lookAtAudits() {
	dir := filepath.Join(u.dir, "dossiers")
	var shown shownAudits
	for saved := ""; saved == ""; {
		u.run(exitOK, "chain", "status", "--wait", "2")
		out, _ := u.run(exitOK, "audit", "show", "--save", dir, "--limit", "32", "--json")
		shown = shownAudits{}
		if err := json.Unmarshal([]byte(out), &shown); err != nil {
			u.t.Fatalf("audit show printed %q: %v", out, err)
		}
		for _, t := range shown.Trials {
			saved = cmp.Or(saved, t.File)
		}
	}
	if shown.Failed > 0 || shown.Trials[0].UID == nil {
		u.t.Errorf("honest miners are shown as %+v", shown)
	}
	files, err := filepath.Glob(dir + "/*.json")
	if err != nil || len(files) == 0 {
		u.t.Fatalf("%d dossiers, %v", len(files), err)
	}
	out, _ := u.run(exitOpen, append([]string{"audit", "verify"}, files...)...)
	if strings.Contains(out, "not ok") || !strings.Contains(out, "Nobody is accused") {
		u.t.Errorf("audit verify prints %s", out)
	}
	if out, _ := u.run(exitOK, "audit", "show", "--miner", fmt.Sprint(*shown.Trials[0].UID)); !strings.Contains(out, string(shown.Trials[0].Miner)) {
		u.t.Errorf("audit show of a UID prints %s", out)
	}
	u.refused(exitNotFound, "knows no miner with UID 99", "audit", "show", "--miner", "99")
	u.refused(exitNotFound, "knows no miner with this hotkey", "audit", "show", "--miner", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
}

// explained asks why a miner stands where it does: its validator's operator, and
// the miner itself over the network; and who was due at a block.
func (u user) explained() {
	out, _ := u.run(exitOK, "miner", "stats", "--json", "--sort", "score")
	var rows []node.MinerRow
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) == 0 || rows[0].UID == nil || rows[0].Score == nil || *rows[0].Rank != 1 {
		u.t.Fatalf("miner stats printed %q: %v", out, err)
	}
	out, _ = u.run(exitOK, "miner", "explain", fmt.Sprint(*rows[0].UID))
	has(u.t, out, string(rows[0].Hotkey), "\nTier        Bronze; next is Silver\n", "BLOCK", "native audit", "took the data and proved it")
	out, _ = u.run(exitOK, "chain", "metagraph", "--json")
	var graph metagraphJSON
	if err := json.Unmarshal([]byte(out), &graph); err != nil {
		u.t.Fatal(err)
	}
	validator := slices.IndexFunc(graph.Neurons, func(n neuronJSON) bool { return n.ValidatorPermit })
	asked, _ := u.run(exitOK, "miner", "explain", "--ask", fmt.Sprint(validator), "--last", "3", "--json", "--wallet.name", "miner1")
	var x node.Explanation
	if err := json.Unmarshal([]byte(asked), &x); err != nil || len(x.Changes) != 3 || x.Changes[0].Time == nil || x.BlockSeconds <= 0 {
		u.t.Errorf("the miner is told %s, %v", asked, err)
	}
	u.refused(exitRefused, "not registered", "miner", "explain", "--ask", fmt.Sprint(validator))
	u.refused(exitNotFound, "answers no such questions", "miner", "explain", "--ask", fmt.Sprint(*rows[0].UID), "--wallet.name", "miner1")
	out, _ = u.run(exitOK, "selection", "--json")
	var drawn selected
	if err := json.Unmarshal([]byte(out), &drawn); err != nil || len(drawn.Available) != 3 || len(drawn.Due[drawMonitor]) != 3 {
		u.t.Errorf("selection prints %s, %v", out, err)
	}
}
