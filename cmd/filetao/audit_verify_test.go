package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/blocktree"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
)

const dossiers = "../../receipt/testdata/dossiers/"

// command runs a command line that has to end with that exit code.
func command(t *testing.T, in io.Reader, want exitCode, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	c := newCLI(streams{in: in, out: &out, err: &err, now: func() time.Time { return auditTime.Add(90 * time.Second) }})
	if got := c.execute(t.Context(), args); got != want {
		t.Fatalf("filetao %s: exit code %d, want %d: %s%s", strings.Join(args, " "), got, want, &out, &err)
	}
	return out.String(), err.String()
}

func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
}

func TestVerifyDossiers(t *testing.T) {
	files, err := filepath.Glob(dossiers + "*.json")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d dossiers, %v", len(files), err)
	}
	for _, file := range files {
		ruling, _, _ := strings.Cut(filepath.Base(file), "-")
		want := map[string]exitCode{"confirmed": exitOK, "refuted": exitRefuted, "open": exitOpen}[ruling]
		text, _ := command(t, nil, want, "audit", "verify", file)
		has(t, text, "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY", "8.8 KiB (9000 bytes)", "4000000", "\nok ",
			map[string]string{"confirmed": "\nConfirmed: the miner ", "refuted": "\nRefuted: ", "open": "\nopen    "}[ruling])
		if strings.Contains(text, "\nnot ok ") != (ruling == "refuted") {
			t.Errorf("%s: a check is not ok:\n%s", file, text)
		}
		reasons, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		line, said := command(t, nil, want, "audit", "verify", file, "--json")
		var a struct {
			File, Asker, Miner, Hash, Verdict, Reason, Ruling, Meaning string
			Size, Block                                                int
			Checks                                                     []checkedPoint
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil || strings.Count(line, "\n") != 1 {
			t.Fatalf("%s: %v: %s", file, err, line)
		}
		var texts []string
		for _, c := range a.Checks {
			texts = append(texts, c.Text)
		}
		if a.Ruling != ruling || a.File != file || a.Size != 9000 || a.Block != 4_000_000 || a.Meaning == "" ||
			strings.TrimSpace(string(reasons)) != strings.Join(texts, "\n") {
			t.Errorf("%s: %s", file, line)
		}
		if (said != "") != (want != exitOK) {
			t.Errorf("%s: said %q", file, said)
		}
	}
}

func TestWhatRulingsMean(t *testing.T) {
	for name, words := range map[string]string{
		"confirmed-right": "answered rightly", "confirmed-wrong": "it can show so with --kept", "confirmed-short": "under any key",
		"refuted-accused": "is accused all the same", "refuted-let-off": "was let pass all the same", "refuted-signature": "not what it claims to be",
		"refuted-late": "says nothing about the miner", "open-silent": "silence cannot be proven", "open-passed": "Nobody is accused", "open-failed": "Ask the asker to reveal the key",
	} {
		d := readOne(t, name)
		if a := examine(d); !strings.Contains(a.Meaning, words) {
			t.Errorf("%s: %s", name, a.Meaning)
		}
	}
	d := readOne(t, "open-silent")
	d.Verdict = receipt.Passed
	if a := examine(d); a.Ruling != receipt.Refuted || !strings.Contains(a.Meaning, "answered nothing") {
		t.Errorf("a silent miner passed: %s: %s", a.Ruling, a.Meaning)
	}
	if a := examine(receipt.Dossier{Verdict: receipt.Failed}); a.Ruling != receipt.Refuted || a.Asker != "" || len(a.Checks) == 0 {
		t.Errorf("an empty dossier: %+v", a)
	}
}

func readOne(t *testing.T, name string) receipt.Dossier {
	t.Helper()
	data, err := os.ReadFile(dossiers + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	d, err := receipt.ParseDossier(data)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func dossierText(t *testing.T, d receipt.Dossier) string {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestVerifySeveral(t *testing.T) {
	right, wrong, silent, late := dossierText(t, readOne(t, "confirmed-right")), dossierText(t, readOne(t, "confirmed-wrong")),
		dossierText(t, readOne(t, "open-silent")), dossierText(t, readOne(t, "refuted-late"))
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(wrong), "", "  "); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		in   string
		want exitCode
		says string
	}{
		{right + "\n" + wrong + "\n", exitOK, "2 dossiers: 2 confirmed, 0 refuted, 0 cannot be judged."},
		{"\n" + right + "\n\r\n" + silent, exitOpen, "Dossier 2 of 2, standard input"},
		{right + late + silent, exitRefuted, "3 dossiers: 1 confirmed, 1 refuted, 1 cannot be judged."},
		{pretty.String(), exitOK, "Confirmed: "},
		{"", exitFailure, "standard input, line 1: no dossier: receipt: not a well-formed statement: nothing is there"},
		{right + "\n" + wrong + "\n{\"version\":1,", exitFailure, "standard input, line 3: no dossier"},
		{right + "\n\n[" + wrong + "]", exitFailure, "line 3"},
		{right + "\n" + strings.Replace(wrong, `"version":1`, `"version":2`, 1), exitFailure, "line 2: no dossier: receipt: not a well-formed statement: version 2, want 1"},
		{strings.Replace(right, `"tries"`, `"trials"`, 1), exitFailure, "unknown field"},
		{`{"version":1,"reason":"` + strings.Repeat("x", receipt.MaxDossier) + `"}`, exitFailure, "at most 16384"},
	} {
		out, said := command(t, strings.NewReader(c.in), c.want, "audit", "verify", "-")
		has(t, out+said, c.says)
	}
	endless := io.MultiReader(strings.NewReader(right), endlessSpace{})
	_, said := command(t, endless, exitFull, "audit", "verify", "-")
	has(t, said, "more than 64.0 MiB of dossiers")

	out, _ := command(t, strings.NewReader(right+silent), exitOpen, "audit", "verify", "-", dossiers+"confirmed-wrong.json", "--json")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 3 || slices.ContainsFunc(lines, func(l string) bool { return !json.Valid([]byte(l)) }) {
		t.Errorf("as JSON: %s", out)
	}
}

type endlessSpace struct{}

func (endlessSpace) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// What somebody else wrote cannot steer a terminal.
func TestReasonsAreNoCommands(t *testing.T) {
	d := readOne(t, "confirmed-wrong")
	d.Reason = "failed: \x1b[2Jwiped\nConfirmed: \u202eanything"
	out, _ := command(t, strings.NewReader(dossierText(t, d)), exitOK, "audit", "verify", "-")
	has(t, out, "Verdict  failed: ?[2Jwiped Confirmed: ?anything\n")
}

// kept is what a miner of one audit has: data and tags in files.
type kept struct{ data, tags []byte }

// audited makes an audit that the miner answered with what it has; spoil may
// change the data or the tags before anybody pledges, spill after it.
func auditedWith(t *testing.T, spoil, spill func(*kept)) (receipt.Dossier, kept) {
	t.Helper()
	asker, miner := wallet.KeypairFromSeed([32]byte{1}), wallet.KeypairFromSeed([32]byte{2})
	k := kept{data: bytes.Repeat([]byte("what the miner keeps. "), 5000)}
	hash, size := proof.Sum(k.data), int64(len(k.data))
	key := por.SecretOf(asker.PrivateKeyHex()).Key(miner.PublicKey(), hash, size, [16]byte{5})
	k.tags = key.Tags(k.data)
	spoil(&k)
	p := receipt.Pledge{
		Asker: asker.Address(), Miner: miner.Address(), Hash: hash, Size: size, Root: blocktree.Sum(k.data), Tags: sha256.Sum256(k.tags),
		Key: key.Commitment(), Salt: [16]byte{5}, Made: auditTime.Add(-time.Hour),
	}
	spill(&k)
	q := receipt.Question{Asker: p.Asker, Miner: p.Miner, Hash: hash, Size: size, Pledge: p.Digest(), Epoch: 7, Seed: [32]byte{9}}
	d := receipt.Dossier{
		Pledge: p.Encode(), Question: q.Encode(), Key: &key, Verdict: receipt.Failed, Reason: "failed: the proof is wrong", Asked: auditTime, Tries: 1,
	}
	var err error
	if d.Proof, err = por.Prove(q.Challenge(), size, bytes.NewReader(k.data), bytes.NewReader(k.tags)); err != nil {
		t.Fatal(err)
	}
	for to, by := range map[*[]byte]func() ([]byte, error){
		&d.PledgeAsker:   func() ([]byte, error) { return p.Sign(asker) },
		&d.PledgeMiner:   func() ([]byte, error) { return p.Sign(miner) },
		&d.QuestionAsker: func() ([]byte, error) { return q.Sign(asker) },
		&d.ProofMiner: func() ([]byte, error) {
			return receipt.Answer{Question: q.Digest(), Proof: d.Proof}.Sign(miner)
		},
	} {
		if *to, err = by(); err != nil {
			t.Fatal(err)
		}
	}
	return d, k
}

func TestDefence(t *testing.T) {
	dir := t.TempDir()
	nothing := func(*kept) {}
	data, tags := filepath.Join(dir, "data"), filepath.Join(dir, "tags")
	verify := func(d receipt.Dossier, k kept, want exitCode, shows defence, words string) {
		t.Helper()
		for path, b := range map[string][]byte{data: k.data, tags: k.tags} {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		args := []string{"audit", "verify", "-", "--data", data, "--tags", tags}
		text, _ := command(t, strings.NewReader(dossierText(t, d)), want, args...)
		has(t, strings.Join(strings.Fields(text), " "), words)
		line, _ := command(t, strings.NewReader(dossierText(t, d)), want, append(args, "--json")...)
		has(t, line, `"defence":"`+string(shows)+`"`)
	}
	framed, k := auditedWith(t, func(k *kept) { k.tags[3] ^= 1 }, nothing)
	verify(framed, k, exitRefuted, defenceCleared, "The miner is cleared: ")
	verify(framed, kept{k.data[1:], k.tags}, exitOK, defenceUnrelated, "the pledge is of other data.")
	verify(framed, kept{append(bytes.Clone(k.data), 0), k.tags}, exitOK, defenceUnrelated, "the pledge is of other data.")
	verify(framed, kept{k.data, append(bytes.Clone(k.tags), 0)}, exitOK, defenceUnrelated, "the pledge is of other tags.")
	keyless := framed
	keyless.Key = nil
	verify(keyless, k, exitOpen, defenceKeyless, "without the key")

	var whole kept
	lost, _ := auditedWith(t, func(k *kept) { whole = kept{bytes.Clone(k.data), k.tags} }, func(k *kept) { k.data[50] ^= 1 })
	verify(lost, whole, exitOK, defenceFails, "the miner did not.")
	verify(readOne(t, "open-silent"), whole, exitOpen, defenceNeedless, "but neither silence nor")
	verify(readOne(t, "confirmed-right"), whole, exitOK, defenceNeedless, "accused of nothing")

	file := dossiers + "confirmed-wrong.json"
	command(t, nil, exitUsage, "audit", "verify", file, "--data", data)
	command(t, nil, exitUsage, "audit", "verify", file, file, "--data", data, "--tags", tags)
	command(t, nil, exitNotFound, "audit", "verify", file, "--data", data+"x", "--tags", tags)
	command(t, nil, exitNotFound, "audit", "verify", file, "--data", data, "--tags", tags+"x")
}

// A miner's folder has all that its defence needs.
func TestDefenceOutOfTheMinersFolder(t *testing.T) {
	d, k := auditedWith(t, func(k *kept) { k.tags[3] ^= 1 }, func(*kept) {})
	p, err := receipt.ParsePledge(d.Pledge)
	if err != nil {
		t.Fatal(err)
	}
	dir, hash := t.TempDir(), p.Hash.String()
	open := func() *blobstore.Store {
		t.Helper()
		store, err := blobstore.Open(blobstore.Config{Dir: filepath.Join(dir, "data")}, blobstore.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		return store
	}
	store := open()
	// As package miner keeps it: a version, the pledge, both signatures, the tags.
	value := slices.Concat([]byte{1}, d.Pledge, d.PledgeAsker, d.PledgeMiner, k.tags)
	if err := errors.Join(store.Put(t.Context(), blobstore.Record{Owner: p.Asker, Hash: hash, Seed: "00", Stored: auditTime}, k.data),
		store.PutTags(t.Context(), p.Asker, hash, value)); err != nil {
		t.Fatal(err)
	}
	verify := func(want exitCode, words string, args ...string) {
		t.Helper()
		out, said := command(t, strings.NewReader(dossierText(t, d)), want, append([]string{"audit", "verify", "-"}, args...)...)
		has(t, strings.Join(strings.Fields(out+said), " "), words)
	}
	verify(exitUnavailable, "stop the other process first", "--kept", dir)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "defence")
	verify(exitRefuted, "The miner is cleared: ", "--kept", dir)
	verify(exitRefuted, "Saved: "+to+"/"+hash+".data Saved: "+to+"/"+hash+".tags", "--kept", filepath.Join(dir, "data"), "--save", to)
	verify(exitRefuted, "The miner is cleared: ", "--data", to+"/"+hash+".data", "--tags", to+"/"+hash+".tags")
	verify(exitUsage, "give either", "--kept", dir, "--data", "x", "--tags", "x")
	verify(exitUsage, "give both", "--save", to)
	verify(exitNotFound, "no miner's store is there", "--kept", to)
	if _, err := os.Stat(filepath.Join(to, "content")); err == nil {
		t.Error("a store was made where none was")
	}

	content, err := filepath.Glob(filepath.Join(dir, "data", "content", "*", "*"))
	if err != nil || len(content) != 1 {
		t.Fatal(content, err)
	}
	k.data[0] ^= 1
	if err := os.WriteFile(content[0], k.data, 0o600); err != nil {
		t.Fatal(err)
	}
	verify(exitFailure, "what is kept is not what was handed over", "--kept", dir)
	store = open()
	if err := errors.Join(store.Delete(t.Context(), p.Asker, hash), store.Close()); err != nil {
		t.Fatal(err)
	}
	verify(exitNotFound, "There are no tags for that data here", "--kept", dir)
}
