package substrate

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/substratetest"
)

// sending makes a registration of Eve and returns when the pool has it.
func sending(t *testing.T, ctx context.Context, n *substratetest.Node, c *Client) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	before := len(n.Submitted())
	go func() { done <- c.Register(ctx, devKey(t, "Alice"), 1, devKey(t, "Eve").Address(), 0) }()
	await(t, "a transaction", func() bool { return len(n.Submitted()) > before })
	return done
}

// Who is cut short is told what to look for, and until when.
func TestATransactionCutShort(t *testing.T) {
	n := living(t, substratetest.Config{})
	n.Steps(2)
	c := client(t, n, nil)
	ctx, cancel := context.WithCancel(t.Context())
	done := sending(t, ctx, n, c)
	cancel()
	err := within(t, done, "the transaction")
	var flight *chain.InFlightError
	if !errors.As(err, &flight) || !errors.Is(err, context.Canceled) || !errors.Is(err, chain.ErrInFlight) || !errors.Is(err, chain.ErrUnavailable) {
		t.Fatal(err)
	}
	if sent := n.Submitted(); len(sent) != 1 || flight.Transaction != sent[0].Hash || flight.Until != 2+16 ||
		!strings.Contains(err.Error(), flight.Transaction.String()) || !strings.Contains(err.Error(), "block 18") {
		t.Errorf("%v of %+v", err, sent)
	}
	n.Forget()
	c = client(t, n, func(cfg *Config) { cfg.TransactionTimeout = 50 * time.Millisecond })
	err = c.Register(t.Context(), devKey(t, "Alice"), 1, devKey(t, "Eve").Address(), 0)
	if !errors.As(err, &flight) || errors.Is(err, context.DeadlineExceeded) || strings.Count(err.Error(), "fate is unknown") != 1 {
		t.Errorf("in no block: %v", err)
	}
}

// A transaction whose connection is lost is found where it is, with its end.
func TestATransactionIsFound(t *testing.T) {
	for _, answered := range []bool{false, true} {
		n := living(t, substratetest.Config{FinalityLag: 2})
		n.Steps(5)
		c := client(t, n, nil)
		if !answered {
			n.Fail(substratetest.Fault{Kind: substratetest.Drop, Method: "author_submitAndWatchExtrinsic", Times: 2})
		}
		for _, want := range []error{nil, chain.ErrAlreadyRegistered} {
			done := sending(t, t.Context(), n, c)
			if answered {
				n.DropAll()
			}
			n.Step()
			n.Step()
			if err := within(t, done, "the transaction"); !errors.Is(err, want) || errors.Is(err, chain.ErrInFlight) {
				t.Errorf("answered %v: %v, want %v", answered, err, want)
			}
		}
		if sent := n.Submitted(); len(sent) != 2 || sent[0].Block == 0 {
			t.Errorf("sent %+v", sent)
		}
	}
}

// One that is in none of its blocks, of which the last is final, has not
// happened: that is said, and no earlier.
func TestATransactionThatNeverCame(t *testing.T) {
	n := living(t, substratetest.Config{FinalityLag: 3})
	n.Steps(4) // block 1 is final: valid from 2 to 16
	c := client(t, n, nil)
	n.Fail(substratetest.Fault{Kind: substratetest.Drop, Method: "author_submitAndWatchExtrinsic", Times: 1})
	done := sending(t, t.Context(), n, c)
	n.Forget()
	for n.Head().Number < 18 { // 15 is final
		n.Step()
	}
	await(t, "a look at block 16", func() bool {
		known, _ := c.heads.Latest()
		return known.Number == 18
	})
	select {
	case err := <-done:
		t.Fatalf("before its last block is final: %v", err)
	default:
	}
	n.Step()
	err := within(t, done, "the transaction")
	if !errors.Is(err, chain.ErrUnavailable) || errors.Is(err, chain.ErrInFlight) || !strings.Contains(err.Error(), "no block up to 16") {
		t.Error(err)
	}
}

// A block, with another runtime or without, that a node has and nobody has told
// of: what was made for the old one is made anew.
func TestAnUpgradeBeforeATransactionArrives(t *testing.T) {
	for _, next := range []uint32{218, 300} {
		n := living(t, substratetest.Config{Runtime: 185})
		n.Steps(2)
		c := client(t, n, nil)
		if _, err := c.Head(t.Context()); err != nil {
			t.Fatal(err)
		}
		n.Fail(substratetest.Fault{Kind: substratetest.Stall, Method: "chain_newHead", Times: 1})
		n.Upgrade(next)
		n.Step()
		done := make(chan error, 1)
		go func() { done <- c.Register(t.Context(), devKey(t, "Alice"), 1, devKey(t, "Eve").Address(), 0) }()
		await(t, "a refused transaction", func() bool { return n.Asked("author_submitAndWatchExtrinsic") > 0 })
		n.Step() // of this one it is told
		await(t, "a transaction", func() bool { return len(n.Submitted()) > 0 })
		n.Step()
		if err := within(t, done, "a registration"); err != nil || n.Asked("author_submitAndWatchExtrinsic") != 2 {
			t.Errorf("to %d: %v after %d attempts", next, err, n.Asked("author_submitAndWatchExtrinsic"))
		}
	}
}

// What a node does not take though nothing has changed is not made anew; what
// it does not take because of another block is.
func TestRefusedAsOutdated(t *testing.T) {
	for _, refusal := range []substratetest.Fault{
		{Code: codeInvalid, Message: "Invalid Transaction", Data: "Transaction has an ancient birth block"},
		{Code: codeInvalid, Message: "Invalid Transaction", Data: "Transaction has a bad signature"},
		{Code: codeInvalid, Message: `{"invalid":{"ancientBirthBlock":null}}`},
		{Code: codeVerification, Message: "Verification Error: Runtime error: Execution failed"},
	} {
		n := living(t, substratetest.Config{Instant: true})
		n.Step()
		c := client(t, n, nil)
		alice, bob := devKey(t, "Alice"), devKey(t, "Bob").Address()
		refusal.Kind, refusal.Method, refusal.Times = substratetest.Refuse, "author_submitAndWatchExtrinsic", 1
		n.Fail(refusal)
		if err := c.AddStake(t.Context(), alice, 1, bob, chain.TAO); !errors.Is(err, chain.ErrTransaction) || n.Asked(refusal.Method) != 1 {
			t.Errorf("%s: %v, asked %d times", refusal.Message, err, n.Asked(refusal.Method))
		}
		n.Fail(substratetest.Fault{Kind: substratetest.Stall, Method: "chain_newHead", Times: 1})
		n.Step()
		n.Fail(refusal)
		done := make(chan error, 1)
		go func() { done <- c.AddStake(t.Context(), alice, 1, bob, chain.TAO) }()
		await(t, "a refusal", func() bool { return n.Asked(refusal.Method) == 2 })
		n.Step()
		if err := within(t, done, "a stake"); err != nil || n.Asked(refusal.Method) != 3 {
			t.Errorf("%s: %v, asked %d times", refusal.Message, err, n.Asked(refusal.Method))
		}
	}
}
