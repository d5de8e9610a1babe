package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wire"
)

// TestGetFindsTheOneThatHasIt among liars, refusers and those without it.
func TestGetFindsTheOneThatHasIt(t *testing.T) {
	for range 20 { // the order is random
		n := newNetwork(t, 6)
		c := n.client(client.Config{})
		stored := put(t, c, "some data", client.PutOptions{UIDs: []chain.UID{5}})
		n.at(0).instead = refuse("RetrieveUser", 500)
		n.at(1).instead = refuse("RetrieveUser", 403)
		n.at(2).instead = func(_ context.Context, msg wire.Message) (bool, error) {
			if m, ok := msg.(*wire.RetrieveUser); ok {
				m.EncryptedData, m.EncryptionPayload = []byte("other data"), envelope.NoPayload
			}
			return true, nil
		}
		got, err := c.Get(t.Context(), stored.CID, client.GetOptions{Key: key()})
		if err != nil || string(got) != "some data" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

func TestGetReturnsNothingThatIsNotTheFile(t *testing.T) {
	n := newNetwork(t, 2)
	c := n.client(client.Config{})
	stored := put(t, c, "some data", client.PutOptions{})
	n.all(func(_ context.Context, msg wire.Message) (bool, error) {
		m, ok := msg.(*wire.RetrieveUser)
		if ok {
			m.EncryptedData = []byte("other data")
		}
		return ok, nil
	})
	got, err := c.Get(t.Context(), stored.CID, client.GetOptions{Key: key(), Plain: true})
	if !errors.Is(err, client.ErrWrongData) || got != nil || n.asked("RetrieveUser") != 2 {
		t.Fatalf("%q, %v after %d requests", got, err, n.asked("RetrieveUser"))
	}
}

func TestGetSaysWhatIsMissing(t *testing.T) {
	n := newNetwork(t, 4)
	c := n.client(client.Config{})
	_, err := c.Get(t.Context(), cid.Sum(nil), client.GetOptions{Plain: true})
	if !errors.Is(err, client.ErrNotFound) || wire.StatusOf(err) != wire.StatusNotFound || n.asked("RetrieveUser") != 4 {
		t.Fatalf("%v after %d requests", err, n.asked("RetrieveUser"))
	}
	if _, err := c.Get(t.Context(), "Qm", client.GetOptions{Plain: true}); !errors.Is(err, cid.ErrInvalid) {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), cid.Sum(nil), client.GetOptions{}); !errors.Is(err, client.ErrNoKey) {
		t.Fatal(err)
	}
	n.at(0).instead = refuse("RetrieveUser", 403)
	if _, err := c.Get(t.Context(), cid.Sum(nil), client.GetOptions{Plain: true}); errors.Is(err, client.ErrNotFound) || wire.StatusOf(err) == 0 {
		t.Fatalf("one gateway did not say that it lacks the file: %v", err)
	}
}

func TestGetHedgesAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, 2)
		c := n.client(client.Config{})
		stored := put(t, c, "some data", client.PutOptions{UIDs: []chain.UID{1}})
		n.at(0).instead = hang("RetrieveUser")
		start := time.Now()
		got, err := c.Get(t.Context(), stored.CID, client.GetOptions{Key: key(), UIDs: []chain.UID{0, 1}})
		if err != nil || string(got) != "some data" || time.Since(start) != 20*time.Second {
			t.Fatalf("%q, %v after %v", got, err, time.Since(start))
		}
		// Nobody answers: three rounds of two hung gateways, one beside the other.
		n.at(1).instead = hang("RetrieveUser")
		start = time.Now()
		_, err = c.Get(t.Context(), stored.CID, client.GetOptions{Key: key(), Timeout: time.Minute})
		if took := time.Since(start); wire.StatusOf(err) != wire.StatusTimeout || took != 3*80*time.Second+6*time.Second {
			t.Fatalf("%v after %v", err, took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		start = time.Now()
		if _, err = c.Get(ctx, stored.CID, client.GetOptions{Key: key()}); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 30*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
	})
}

func TestGetOpensWithTheRightKeyOnly(t *testing.T) {
	n := newNetwork(t, 1)
	c := n.client(client.Config{})
	sealed := put(t, c, "some data", client.PutOptions{}).CID
	open := put(t, c, "open data", client.PutOptions{Plain: true}).CID
	asked := 0
	unlock := func() (envelope.Key, error) { asked++; return *key(), nil }
	locked := errors.New("no password")
	cases := []struct {
		name, cid string
		o         client.GetOptions
		want      string
		err       error
		unlocked  int
	}{
		{"key", sealed, client.GetOptions{Key: key()}, "some data", nil, 0},
		{"unlock", sealed, client.GetOptions{Unlock: unlock}, "some data", nil, 1},
		{"either", sealed, client.GetOptions{Unlock: unlock, Plain: true}, "some data", nil, 1},
		{"plain needs no unlocking", open, client.GetOptions{Unlock: unlock, Plain: true}, "open data", nil, 0},
		{"another key", sealed, client.GetOptions{Key: &envelope.Key{9}}, "", client.ErrWrongKey, 0},
		{"no key", sealed, client.GetOptions{Plain: true}, "", client.ErrNoKey, 0},
		{"unlock fails", sealed, client.GetOptions{Unlock: func() (envelope.Key, error) { return envelope.Key{}, locked }}, "", locked, 0},
		{"plain not allowed", open, client.GetOptions{Key: key()}, "", client.ErrNotEncrypted, 0},
	}
	for _, c2 := range cases {
		t.Run(c2.name, func(t *testing.T) {
			asked = 0
			got, err := c.Get(t.Context(), c2.cid, c2.o)
			if !errors.Is(err, c2.err) || string(got) != c2.want || asked != c2.unlocked {
				t.Fatalf("%q, %v, unlocked %d times", got, err, asked)
			}
		})
	}
}

func TestDelete(t *testing.T) {
	n := newNetwork(t, 3)
	c := n.client(client.Config{Attempts: 1})
	stored := put(t, c, "some data", client.PutOptions{UIDs: []chain.UID{1}})
	n.at(0).instead = refuse("DeleteUser", 403)
	if err := c.Delete(t.Context(), stored.CID, client.DeleteOptions{}); err != nil || len(n.at(1).files) != 0 {
		t.Fatalf("%v, %d files left", err, len(n.at(1).files))
	}
	err := c.Delete(t.Context(), stored.CID, client.DeleteOptions{})
	if err == nil || errors.Is(err, client.ErrNotFound) {
		t.Fatalf("a gateway that refuses may have it: %v", err)
	}
	err = c.Delete(t.Context(), stored.CID, client.DeleteOptions{UIDs: []chain.UID{1, 2}})
	if !errors.Is(err, client.ErrNotFound) {
		t.Fatal(err)
	}
	n.at(1).instead = func(_ context.Context, msg wire.Message) (bool, error) { return true, nil } // says yes, Deleted false
	if err = c.Delete(t.Context(), stored.CID, client.DeleteOptions{UIDs: []chain.UID{1}}); !errors.Is(err, client.ErrNotFound) {
		t.Fatal(err)
	}
	if err := c.Delete(t.Context(), "Qm", client.DeleteOptions{}); !errors.Is(err, cid.ErrInvalid) {
		t.Fatal(err)
	}
}
