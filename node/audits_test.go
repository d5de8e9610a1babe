package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

func address(t testing.TB, name string) wallet.Address {
	t.Helper()
	k, err := wallet.KeypairFromURI("//" + name)
	if err != nil {
		t.Fatal(err)
	}
	return k.Address()
}

// audited is an index with five audits of each of two miners and a question.
func audited(t *testing.T) (ix *index.Index, first, second wallet.Address) {
	t.Helper()
	ix, err := OpenIndex(t.Context(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	})
	first, second = address(t, "First"), address(t, "Second")
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for i := range 5 {
		for _, miner := range []wallet.Address{first, second} {
			at = at.Add(time.Second)
			err := errors.Join(ix.Settle(t.Context(), index.Trial{
				Miner: miner, Task: "challenge", Hash: "7", Asked: at, Settled: at, Tries: 1, Passed: true,
				Reason: fmt.Sprint("passed: ", i), Dossier: json.RawMessage(`{"n":1}`),
			}), ix.UpdateStats(t.Context(), miner, func(s *index.Stats) error {
				s.Challenge.Attempts++
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	err = ix.PutPending(t.Context(), index.Pending{
		Miner: second, Hash: "8", Asked: at, Next: at.Add(time.Minute), Tries: 1, Question: json.RawMessage(`{}`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return ix, first, second
}

func TestAuditRowsAreTheNewestFirst(t *testing.T) {
	ix, first, second := audited(t)
	for _, c := range []struct {
		miner          wallet.Address
		limit          int
		rows, pending  int
		newest, oldest string
		dossiers       bool
	}{
		{first, 0, 5, 0, "passed: 4", "passed: 0", true},
		{second, 2, 2, 1, "passed: 4", "passed: 3", true},
		{"", 0, 6, 1, "passed: 4", "passed: 2", false},
		{"", 99, 10, 1, "passed: 4", "passed: 0", false},
	} {
		got, err := AuditRows(t.Context(), ix, c.miner, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Trials) != c.rows || len(got.Pending) != c.pending || got.Trials[0].Reason != c.newest ||
			got.Trials[c.rows-1].Reason != c.oldest || (got.Trials[0].Dossier != nil) != c.dossiers {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	if _, err := AuditRows(t.Context(), ix, address(t, "Nobody"), 0); !errors.Is(err, ErrNoMiner) || !errors.Is(err, index.ErrNotFound) {
		t.Errorf("of a stranger: %v", err)
	}
}

func TestStatusPageHasAudits(t *testing.T) {
	dev, key := newChain(t)
	ix, first, _ := audited(t)
	v, err := NewValidator(ValidatorConfig{
		Common: Common{Chain: dev, NetUID: 21, Hotkey: key, Dir: t.TempDir(), Status: "127.0.0.1:0"},
		Index:  ix, Validator: validator.Config{BlocksPerStep: 1 << 30, DisableWeights: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	<-v.Ready()
	get := func(query string) (int, string) {
		resp, err := http.Get("http://" + v.StatusAddr().String() + "/audits" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for query, want := range map[string]int{
		"": 200, "?limit=1": 200, "?miner=" + string(first): 200, "?miner=" + string(first) + "&limit=2": 200,
		"?miner=" + string(key.Address()):        200, // registered, and asked nothing so far
		"?miner=" + string(address(t, "Nobody")): 404,
		"?miner=5Grw":                            400, "?limit=0": 400, "?limit=many": 400,
	} {
		if status, body := get(query); status != want || body == "" {
			t.Errorf("/audits%s: %d %s", query, status, body)
		}
	}
	var got Audits
	status, body := get("?miner=" + string(first) + "&limit=2")
	if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 || len(got.Trials) != 2 ||
		got.Trials[0].ID != 5 || string(got.Trials[0].Dossier) != `{"n":1}` || got.Trials[0].UID != nil {
		t.Errorf("%s, %v", body, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("the validator ended with: %v", err)
	}
}
