package validator

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof/audit"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// The words of a reason that no honest network brings about.
func TestReasonsInWords(t *testing.T) {
	start := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	native := fleet.Question{Task: fleet.TaskChallenge, Size: 64 << 20, Audit: []byte{1}}
	for _, c := range []struct {
		q     fleet.Question
		o     fleet.Outcome
		tries int
		want  string
	}{
		{native, fleet.Outcome{Came: true, Elapsed: 123 * time.Millisecond}, 1, "passed: 460 of 16,384 blocks proven in 0.12 s"},
		{native, fleet.Outcome{Came: true, Elapsed: time.Second}, 3, "passed: 460 of 16,384 blocks proven in 1.00 s, asked 3 times over 5 minutes"},
		{native, fleet.Outcome{Came: true, Err: fmt.Errorf("x: %w", receipt.ErrSignature)}, 1, "failed: the proof does not bear a signature of the miner's hotkey. "},
		{native, fleet.Outcome{Err: wire.Forbidden("go away")}, 1, `failed: the miner turned the validator away (status 403: "go away"). `},
		{native, fleet.Outcome{Err: wire.Unparsable("eh")}, 1, `failed: the answer cannot be read (status 422: "eh"). `},
		{native, fleet.Outcome{Err: wire.TooMany("later")}, 4, `failed: gave no answer to the same question, asked 4 times over 5 minutes. The last time: "later". `},
		{fleet.Question{Task: fleet.TaskChallenge}, fleet.Outcome{Came: true, Err: fmt.Errorf("x: %w", audit.ErrSeed)}, 1, "failed: the answer is over a seed that the miner was never sent"},
		{fleet.Question{Task: fleet.TaskChallenge}, fleet.Outcome{Came: true, Err: fmt.Errorf("x: %w", errors.New("odd"))}, 1, `failed: the proof does not verify ("odd"). `},
	} {
		trial := index.Trial{Passed: c.o.Err == nil, Tries: c.tries, Asked: start, Settled: start.Add(5 * time.Minute)}
		if got := reason(trial, c.q, c.o); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "a second", 61 * time.Second: "61 seconds", 21 * time.Minute: "21 minutes", 49 * time.Hour: "49 hours",
	} {
		if got := spell(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// A miner's own words stay short, printable and within what the index takes.
func FuzzReasonsAreBounded(f *testing.F) {
	f.Add("broken", 500, true)
	f.Add(strings.Repeat("\"\\\x00\xff", 9000), 503, false)
	f.Fuzz(func(t *testing.T, text string, status int, native bool) {
		q := fleet.Question{Task: fleet.TaskRetrieve, Size: 1 << 40}
		if native {
			q = fleet.Question{Task: fleet.TaskChallenge, Size: 1 << 40, Audit: []byte{1}}
		}
		trial := index.Trial{Tries: 1 << 30, Settled: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}
		for _, o := range []fleet.Outcome{
			{Err: &wire.Error{Status: status, Text: text}}, {Came: true, Err: errors.New(text)},
			{Came: true, Err: fmt.Errorf("x: %w", audit.ErrPiece)}, {Err: fmt.Errorf("x: %w", errors.New(text))},
		} {
			got := reason(trial, q, o)
			if len(got) > min(index.MaxReason, receipt.MaxReason) || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\x00\x1b") {
				t.Errorf("%d bytes: %q", len(got), got)
			}
		}
	})
}

// What we fail to ask for a day is forgotten.
func TestOurOwnFailuresKeepAQuestionForADay(t *testing.T) {
	ix, err := index.Open(t.TempDir(), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	}()
	k, err := wallet.KeypairFromURI("//Miner")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	v := New(Config{}, Deps{Index: ix, Now: func() time.Time { return now }})
	p := index.Pending{Miner: k.Address(), Hash: "7", Asked: now, Next: now, Tries: 1, Question: json.RawMessage(`{}`)}
	if err := ix.PutPending(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	q := inquiry{miner: chain.Neuron{Hotkey: p.Miner}, before: p, outcome: fleet.Outcome{Void: true, Err: broken}}
	for _, c := range []struct {
		after time.Duration
		gone  bool
	}{{0, false}, {24 * time.Hour, false}, {time.Second, true}} {
		now = now.Add(c.after)
		if err := v.spoiled(t.Context(), t.Context(), q); !errors.Is(err, broken) {
			t.Errorf("our own failure is %v", err)
		}
		if _, err := ix.Pending(t.Context(), p.Miner); errors.Is(err, index.ErrNotFound) != c.gone {
			t.Errorf("after %v more: %v", c.after, err)
		}
	}
	q.before, q.question = index.Pending{Asked: now}, fleet.Question{Task: fleet.TaskChallenge, Hash: "7"}
	if err := v.spoiled(t.Context(), t.Context(), q); !errors.Is(err, broken) {
		t.Errorf("our own failure is %v", err)
	}
	if kept, err := ix.Pending(t.Context(), p.Miner); err != nil || kept.Tries != 0 || kept.Hash != "7" {
		t.Errorf("a question that we failed to put is kept as %+v, %v", kept, err)
	}
}
