package miner_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

func TestRefusalsHaveTheirStatus(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{MaxData: 100_000}, miner.Deps{}, 50_000)
	alice, bob := newAsker(t, "//Alice"), newAsker(t, "//Bob")
	data := vectorData("", "refusals", 1000)
	seed := alice.store(n, data)
	alice.store(n, nil)
	store := func(change func(*wire.Store)) wire.Message {
		msg := storeMsg(t, []byte("new"))
		change(msg)
		return msg
	}
	challenge := func(change func(*wire.Challenge)) wire.Message {
		msg := challengeMsg(t, data)
		change(msg)
		return msg
	}
	for name, c := range map[string]struct {
		from asker
		msg  wire.Message
		want int
	}{
		"store over the limit":             {alice, storeMsg(t, make([]byte, 100_001)), wire.StatusTooLarge},
		"store into a full miner":          {alice, storeMsg(t, make([]byte, 60_000)), wire.StatusFull},
		"store on another curve":           {alice, store(func(m *wire.Store) { m.Curve = "P-384" }), wire.StatusBadRequest},
		"store with g off the curve":       {alice, store(func(m *wire.Store) { m.G = hex.EncodeToString([]byte("1,1")) }), wire.StatusBadRequest},
		"store with h no point":            {alice, store(func(m *wire.Store) { m.H = "zz" }), wire.StatusBadRequest},
		"store without a seed":             {alice, store(func(m *wire.Store) { m.Seed = "" }), wire.StatusBadRequest},
		"challenge on what is not known":   {alice, challenge(func(m *wire.Challenge) { m.ChallengeHash = hashOf([]byte("?")) }), wire.StatusNotFound},
		"challenge on another's data":      {bob, challenge(func(*wire.Challenge) {}), wire.StatusNotFound},
		"challenge on no hash":             {alice, challenge(func(m *wire.Challenge) { m.ChallengeHash = "0x12" }), wire.StatusBadRequest},
		"challenge on a path":              {alice, challenge(func(m *wire.Challenge) { m.ChallengeHash = "../LOCK" }), wire.StatusBadRequest},
		"challenge beyond the end":         {alice, challenge(func(m *wire.Challenge) { m.ChallengeIndex, m.ChunkSize = 1, 1000 }), wire.StatusBadRequest},
		"challenge before the start":       {alice, challenge(func(m *wire.Challenge) { m.ChallengeIndex = -1 }), wire.StatusBadRequest},
		"challenge in pieces of 0":         {alice, challenge(func(m *wire.Challenge) { m.ChunkSize = 0 }), wire.StatusBadRequest},
		"challenge in negative pieces":     {alice, challenge(func(m *wire.Challenge) { m.ChunkSize = -256 }), wire.StatusBadRequest},
		"challenge on nothing":             {alice, challengeMsg(t, nil), wire.StatusBadRequest},
		"challenge with half a base":       {alice, challenge(func(m *wire.Challenge) { m.H = m.G[:10] }), wire.StatusBadRequest},
		"challenge with a long seed":       {alice, challenge(func(m *wire.Challenge) { m.Seed = strings.Repeat("s", 257) }), wire.StatusBadRequest},
		"retrieve what is not known":       {alice, &wire.Retrieve{DataHash: hashOf([]byte("?")), Seed: "s"}, wire.StatusNotFound},
		"retrieve another's data":          {bob, &wire.Retrieve{DataHash: hashOf(data), Seed: "s"}, wire.StatusNotFound},
		"retrieve without a seed":          {alice, &wire.Retrieve{DataHash: hashOf(data)}, wire.StatusBadRequest},
		"delete another's data":            {bob, &wire.Delete{DataHash: hashOf(data)}, wire.StatusNotFound},
		"delete no hash":                   {alice, &wire.Delete{DataHash: "-1"}, wire.StatusBadRequest},
		"a message that miners know not":   {alice, &wire.DeleteUser{DataHash: "x"}, wire.StatusNotFound},
		"challenge by a piece of 2^63 - 1": {alice, challenge(func(m *wire.Challenge) { m.ChunkSize, m.ChallengeIndex = 1<<63-1, 1 }), wire.StatusBadRequest},
	} {
		if err := c.from.call(n, c.msg); wire.StatusOf(err) != c.want {
			t.Errorf("%s: %v, want status %d", name, err, c.want)
		}
	}
	if n.Stats().Records != 2 {
		t.Errorf("stats %+v", n.Stats())
	}
	alice.challenge(n, data, seed) // none of that moved the seed on
}

func TestDamagedDataIsSaidToBeAndMendedByStoring(t *testing.T) {
	dir := t.TempDir()
	n := start(t, dir, miner.Config{}, miner.Deps{}, 0)
	a := newAsker(t, "//Alice")
	data := bytes.Repeat([]byte("data"), 50_000)
	seed := a.store(n, data)
	h := proof.Sum(data)
	path := filepath.Join(dir, "data", "content", hex.EncodeToString(h[:1]), hex.EncodeToString(h[:]))
	bad := bytes.Clone(data)
	bad[77] ^= 4
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, msg := range []wire.Message{challengeMsg(t, data), &wire.Retrieve{DataHash: hashOf(data), Seed: "s"}} {
		err := a.call(n, msg)
		if wire.StatusOf(err) != wire.StatusInternal || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", msg.Name(), err)
		}
	}
	rec, err := n.store.Stat(t.Context(), keypair(t, "//Alice").Address(), hashOf(data))
	if err != nil || rec.Seed != seed {
		t.Fatalf("a failed answer moved the seed: %+v, %v", rec, err)
	}
	seed = a.store(n, data)
	seed = a.challenge(n, data, seed)
	a.retrieve(n, data, seed)
}

func TestTTLIsTakenDefaultedOrRefused(t *testing.T) {
	now := noon
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{Now: func() time.Time { return now }}, 0)
	a, owner := newAsker(t, "//Alice"), keypair(t, "//Alice").Address()
	day := 24 * time.Hour
	for seconds, want := range map[int64]time.Duration{
		-1: 30 * day, 0: 30 * day, 1: time.Second, 90: 90 * time.Second, 3650 * 86400: 3650 * day,
	} {
		msg := storeMsg(t, []byte{byte(seconds)})
		msg.TTL = &seconds
		if err := a.call(n, msg); err != nil {
			t.Fatal(err)
		}
		rec, err := n.store.Stat(t.Context(), owner, hashOf([]byte{byte(seconds)}))
		if err != nil || rec.TTL != want || !rec.Stored.Equal(noon) {
			t.Errorf("ttl %d: %+v, %v; want %s", seconds, rec, err, want)
		}
		if err := a.call(n, &wire.Delete{DataHash: rec.Hash}); err != nil {
			t.Error(err)
		}
	}
	for _, seconds := range []int64{3650*86400 + 1, 1 << 62} {
		msg := storeMsg(t, []byte("for ever"))
		msg.TTL = &seconds
		if err := a.call(n, msg); wire.StatusOf(err) != 400 {
			t.Errorf("ttl %d: %v", seconds, err)
		}
	}
	a.store(n, []byte("default"))
	now = noon.Add(30*day + time.Minute - 1) // of grace
	for _, left := range []int64{1, 0} {
		if err := n.Expiry().Trigger(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := n.Stats().Records; got != left {
			t.Errorf("%d claims, want %d", got, left)
		}
		now = now.Add(1)
	}
}
