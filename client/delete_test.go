package client_test

import (
	"errors"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// TestDeleteNamesWhoMayHaveTheFile: as long as one of the gateways has not said that
// it has none it is not done, and can be done again.
func TestDeleteNamesWhoMayHaveTheFile(t *testing.T) {
	n, all := streaming(t, 3)
	c := n.user(t, client.Config{Attempts: 1})
	for name, answer := range map[string]error{
		"busy": wire.Unavailable("busy"), "failed": errors.New("disk"), "limit": wire.Errorf(wire.StatusTooMany, "too many"),
	} {
		t.Run(name, func(t *testing.T) {
			stored := putFile(t, c, text(5000), client.PutFileOptions{UIDs: ids(0)})
			putFile(t, c, text(5000), client.PutFileOptions{UIDs: ids(1)})
			all[1].removing = func(func()) error { return answer }
			err := c.Delete(t.Context(), stored.CID, client.DeleteOptions{})
			who := string(all[1].key.Address())
			if !errors.Is(err, client.ErrKept) || !strings.Contains(err.Error(), "asked again: gateway "+who) || strings.Contains(err.Error(), string(all[2].key.Address())) {
				t.Fatal(err)
			}
			if wire.StatusOf(err) != wire.StatusOf(answer) || len(all[0].objects) != 0 || len(all[1].objects) != 1 {
				t.Fatalf("%v: %d and %d files", err, len(all[0].objects), len(all[1].objects))
			}
			if err := c.Delete(t.Context(), stored.CID, client.DeleteOptions{}); err == nil || errors.Is(err, client.ErrNotFound) {
				t.Fatal(err)
			}
			all[1].removing = nil
			check(t, c.Delete(t.Context(), stored.CID, client.DeleteOptions{}))
			if len(all[1].objects) != 0 {
				t.Fatal("it is still there")
			}
		})
	}
	// Who does not let the user in counts if it was named.
	stored := putFile(t, c, text(5000), client.PutFileOptions{UIDs: ids(0)})
	all[1].removing = func(func()) error { return wire.Forbidden("who are you") }
	check(t, c.Delete(t.Context(), stored.CID, client.DeleteOptions{}))
	putFile(t, c, text(5000), client.PutFileOptions{UIDs: ids(0)})
	o := client.DeleteOptions{Gateways: []wallet.Address{all[0].key.Address(), all[1].key.Address()}}
	if err := c.Delete(t.Context(), stored.CID, o); !errors.Is(err, client.ErrKept) {
		t.Fatal(err)
	}
}

// TestDeleteWhoseAnswerIsLost is asked again, and was done if there is no file then.
func TestDeleteWhoseAnswerIsLost(t *testing.T) {
	n, all := streaming(t, 2)
	c := n.user(t, client.Config{})
	stored := putFile(t, c, text(5000), client.PutFileOptions{UIDs: ids(0)})
	var asked atomic.Int64
	all[0].removing = func(remove func()) error {
		if asked.Add(1) == 1 {
			remove()
			return wire.Unavailable("it takes too long")
		}
		return nil
	}
	check(t, c.Delete(t.Context(), stored.CID, client.DeleteOptions{}))
	if len(all[0].objects) != 0 || asked.Load() != 2 {
		t.Fatalf("%d files, asked %d times", len(all[0].objects), asked.Load())
	}
	if err := c.Delete(t.Context(), stored.CID, client.DeleteOptions{}); !errors.Is(err, client.ErrNotFound) {
		t.Fatal(err)
	}
	// What never arrived has deleted nothing.
	all[1].stop()
	err := n.user(t, client.Config{Attempts: 1}).Delete(t.Context(), stored.CID, client.DeleteOptions{UIDs: ids(0, 1)})
	if err == nil || errors.Is(err, client.ErrNotFound) || errors.Is(err, client.ErrKept) {
		t.Fatal(err)
	}
}

// TestDeleteBesideReferenceGateways, which cannot have files of our own format.
func TestDeleteBesideReferenceGateways(t *testing.T) {
	n, all := streaming(t, 2)
	c := n.user(t, client.Config{Attempts: 1})
	stored := putFile(t, c, text(5000), client.PutFileOptions{UIDs: ids(0)})
	all[1].stop()
	all[1].plain = true
	all[1].start(t, n, 1, "127.0.0.1:0")
	all[1].instead = refuse("DeleteUser", wire.StatusInternal)
	check(t, c.Delete(t.Context(), stored.CID, client.DeleteOptions{UIDs: ids(0, 1)}))
	if len(all[0].objects) != 0 {
		t.Fatal("it is still there")
	}
	if err := c.Delete(t.Context(), stored.CID, client.DeleteOptions{UIDs: ids(0, 1)}); err == nil || errors.Is(err, client.ErrNotFound) {
		t.Fatal(err)
	}
}

// TestTTL: what is too long is refused, and nothing is sent.
func TestTTL(t *testing.T) {
	n, all := streaming(t, 1)
	c := n.user(t, client.Config{})
	for _, ttl := range []time.Duration{-1, 1, time.Second - 1, client.MaxTTL + 1, math.MaxInt64} {
		if _, err := c.PutFile(t.Context(), fileSource(text(10)), client.PutFileOptions{Keys: keys(), TTL: ttl}); err == nil {
			t.Errorf("%v: taken", ttl)
		}
		if _, err := c.Put(t.Context(), text(10), client.PutOptions{Plain: true, TTL: ttl}); err == nil {
			t.Errorf("%v: taken the reference's way", ttl)
		}
	}
	stored := putFile(t, c, text(10), client.PutFileOptions{TTL: client.MaxTTL})
	if _, err := c.Renew(t.Context(), stored.CID, client.MaxTTL+1, client.AskOptions{}); err == nil {
		t.Error("renewed for longer")
	}
	var asked wire.RenewObject
	all[0].renewing = func(m *wire.RenewObject) { asked = *m }
	_, err := c.Shorten(t.Context(), stored.CID, time.Hour, client.AskOptions{})
	check(t, err)
	if asked.TTL != 3600 || !asked.Shorten {
		t.Errorf("%+v", asked)
	}
	if len(all[0].objects) != 1 || len(all[0].files) != 0 {
		t.Error("something was stored")
	}
}
