package receipt_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
)

func encode(t testing.TB, d receipt.Dossier) []byte {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDossierRoundTrip(t *testing.T) {
	open := good(t)
	open.Key, open.Asked, open.Settled, open.Tries = nil, time.Time{}, time.Time{}, 0
	precise := bad(t)
	precise.Asked = time.Date(2026, 11, 21, 15, 0, 0, 123456789, time.UTC)
	for name, d := range map[string]receipt.Dossier{"good": good(t), "bad": bad(t), "silent": newAudit(100).silent(t), "open": open, "precise": precise} {
		b := encode(t, d)
		back, err := receipt.ParseDossier(b)
		if err != nil || !reflect.DeepEqual(back, d) {
			t.Errorf("%s: %v\n%+v became\n%+v", name, err, d, back)
		}
		var again receipt.Dossier
		if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(again, d) {
			t.Errorf("%s: json.Unmarshal: %v", name, err)
		}
		if len(b) > 8<<10 {
			t.Errorf("%s: %d bytes", name, len(b))
		}
	}
}

// The order and the names are the documented ones.
func TestDossierMembers(t *testing.T) {
	want := []string{
		"version", "pledge", "pledge_asker_signature", "pledge_miner_signature", "question", "question_signature",
		"proof", "proof_signature", "key", "verdict", "reason", "asked", "settled", "tries",
	}
	dec := json.NewDecoder(bytes.NewReader(encode(t, bad(t))))
	dec.Token() // the brace
	for _, name := range want {
		token, err := dec.Token()
		if err != nil || token != name {
			t.Fatalf("%v, %v; want %s", token, err, name)
		}
		dec.Token() // its value
	}
	if dec.More() {
		t.Error("more members")
	}
}

func TestReasonIsCut(t *testing.T) {
	for _, reason := range []string{
		strings.Repeat("<", 5000), // six bytes each in JSON
		strings.Repeat("x", receipt.MaxReason-1) + "ü",
		strings.Repeat("\xff\x01", 3000),
	} {
		d := bad(t)
		d.Reason = reason
		back, err := receipt.ParseDossier(encode(t, d))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(back.Reason); n > receipt.MaxReason || n < receipt.MaxReason-3 || strings.Contains(back.Reason, "\ufffd") {
			t.Errorf("%d bytes: %q", n, back.Reason)
		}
		if back.Judge().Ruling != receipt.Confirmed {
			t.Error("the reason changed the ruling")
		}
	}
}

func TestParseDossierStrict(t *testing.T) {
	text := string(encode(t, bad(t)))
	if _, err := receipt.ParseDossier([]byte(" " + text + "\n")); err != nil {
		t.Errorf("white space: %v", err)
	}
	with := func(old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("no %s", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	for name, text := range map[string]string{
		"nothing":           "",
		"null":              "null",
		"list":              "[]",
		"empty":             "{}",
		"half":              text[:len(text)/2],
		"two":               text + text,
		"rubbish after":     text + "x",
		"unknown member":    with(`{"version"`, `{"hotkey":"5Grw","version"`),
		"version 2":         with(`"version":1`, `"version":2`),
		"no version":        with(`"version":1,`, ``),
		"bad base64":        with(`"pledge":"`, `"pledge":"*`),
		"short key":         with(`"key":"`, `"key":"AAAA`),
		"verdict":           with(`"verdict":"failed"`, `"verdict":"Failed"`),
		"no signature":      with(`"proof_signature":"`, `"proof_signature":"","key":"`),
		"time":              with(`"asked":"2026`, `"asked":"26`),
		"year 0 by zone":    with(`"asked":"2026-11-21T13:30:00Z"`, `"asked":"0000-01-01T00:00:00+23:00"`),
		"year 1900":         with(`"settled":"2026`, `"settled":"1900`),
		"negative tries":    with(`"tries":4`, `"tries":-1`),
		"many tries":        with(`"tries":4`, `"tries":256`),
		"fraction of tries": with(`"tries":4`, `"tries":1.5`),
		"long reason":       with(`"reason":"`, `"reason":"`+strings.Repeat("x", receipt.MaxReason)),
		"too large":         text + strings.Repeat(" ", receipt.MaxDossier),
	} {
		if _, err := receipt.ParseDossier([]byte(text)); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMarshalRefuses(t *testing.T) {
	for name, change := range map[string]func(*receipt.Dossier){
		"verdict":          func(d *receipt.Dossier) { d.Verdict = "" },
		"proof alone":      func(d *receipt.Dossier) { d.ProofMiner = nil },
		"signature alone":  func(d *receipt.Dossier) { d.Proof = nil },
		"tries":            func(d *receipt.Dossier) { d.Tries = 1000 },
		"time":             func(d *receipt.Dossier) { d.Asked = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"a very long part": func(d *receipt.Dossier) { d.Pledge = make([]byte, 20000) },
	} {
		d := bad(t)
		change(&d)
		if _, err := json.Marshal(d); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := bad(t)
	d.Proof = make([]byte, por.ProofSize) // wrong, but well-formed
	if _, err := receipt.ParseDossier(encode(t, d)); err != nil {
		t.Error(err)
	}
}
