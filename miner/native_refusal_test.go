package miner_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/blobstore/blobtest"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// pledged is a node that holds data of Alice's with tags.
func pledged(t *testing.T) (n *node, a asker, data []byte, d *deal) {
	t.Helper()
	n = start(t, t.TempDir(), miner.Config{MaxData: 100_000}, miner.Deps{Now: atNoon}, 0)
	a = newAsker(t, "//Alice")
	data = vectorData("", "native refusals", 9000)
	a.store(n, data)
	return n, a, data, a.give(n, data)
}

// refuse sends tags and says whether they got the status, and what is kept stayed
// as it was.
func (a asker) refuse(n *node, what string, msg *wire.Tags, hash string, want int) {
	a.t.Helper()
	value, err := n.store.Tags(a.t.Context(), keypair(a.t, "//Alice").Address(), hash)
	if err != nil {
		a.t.Fatal(err)
	}
	if err := a.call(n, msg); wire.StatusOf(err) != want || want != wire.StatusOK && msg.Receipt != nil {
		a.t.Errorf("tags %s: %v, want status %d", what, err, want)
	}
	got, err := n.store.Tags(a.t.Context(), keypair(a.t, "//Alice").Address(), hash)
	if err != nil || (want != wire.StatusOK) != bytes.Equal(got, value) {
		a.t.Errorf("tags %s, status %d: kept the same: %t, %v", what, want, bytes.Equal(got, value), err)
	}
}

func TestPledgesThatAreNotTrueAreRefused(t *testing.T) {
	n, alice, data, good := pledged(t)
	bob := newAsker(t, "//Bob")
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		change func(*deal)
		want   int
	}{
		"of a larger size":             {func(d *deal) { d.pledge.Size++ }, wire.StatusConflict},
		"of so many bytes more":        {func(d *deal) { d.pledge.Size += 5000 }, wire.StatusBadRequest},
		"of another root":              {func(d *deal) { d.pledge.Root[0] ^= 1 }, wire.StatusConflict},
		"of data not here":             {func(d *deal) { d.pledge.Hash[0] ^= 1 }, wire.StatusNotFound},
		"of another miner":             {func(d *deal) { d.pledge.Miner = bob.key.Address() }, wire.StatusBadRequest},
		"of other tags":                {func(d *deal) { d.pledge.Tags[31] ^= 1 }, wire.StatusBadRequest},
		"for ever":                     {func(d *deal) { d.pledge.Until = time.Time{} }, wire.StatusConflict},
		"for longer than the data":     {func(d *deal) { d.pledge.Until = noon.Add(30*day + 61*time.Second) }, wire.StatusConflict},
		"for as long as the data":      {func(d *deal) { d.pledge.Until = noon.Add(30*day + 60*time.Second) }, wire.StatusOK},
		"that have ended":              {func(d *deal) { d.pledge.Made, d.pledge.Until = noon.Add(-day), noon }, wire.StatusConflict},
		"that are no numbers":          {spoil(0, 0xfb, 0xff, 3), wire.StatusBadRequest},
		"that are large numbers":       {spoil(2, 0, 0, 4), wire.StatusBadRequest},
		"that are the largest numbers": {spoil(2, 0xfa, 0xff, 3), wire.StatusOK},
	} {
		d := newDeal(t, alice.key, n.peer.Hotkey, data)
		c.change(d)
		alice.refuse(n, name, d.tagsMsg(t), hashOf(data), c.want)
	}
	alice.hand(n, good) // in place of those that were right
	alice.audit(n, good)
}

func TestTagsThatWereNotPledgedAreRefused(t *testing.T) {
	n, alice, data, good := pledged(t)
	bob := newAsker(t, "//Bob")
	for name, c := range map[string]struct {
		change func(*wire.Tags)
		want   int
	}{
		"with too few tags":              {func(m *wire.Tags) { m.Tags = m.Tags[1:] }, wire.StatusBadRequest},
		"without tags":                   {func(m *wire.Tags) { m.Tags = []byte{} }, wire.StatusBadRequest},
		"with changed tags":              {func(m *wire.Tags) { m.Tags[20] ^= 1 }, wire.StatusBadRequest},
		"with a changed salt":            {func(m *wire.Tags) { m.Pledge[len(m.Pledge)-17] ^= 1 }, wire.StatusUnauthorized},
		"with half a pledge":             {func(m *wire.Tags) { m.Pledge = m.Pledge[:100] }, wire.StatusBadRequest},
		"with more than a pledge":        {func(m *wire.Tags) { m.Pledge = append(m.Pledge, 0) }, wire.StatusBadRequest},
		"with a pledge of version 2":     {func(m *wire.Tags) { m.Pledge[0] = 2 }, wire.StatusBadRequest},
		"with another's signature":       {func(m *wire.Tags) { m.Signature, _ = bob.key.Sign(m.Pledge) }, wire.StatusUnauthorized},
		"with no signature":              {func(m *wire.Tags) { m.Signature = []byte{} }, wire.StatusUnauthorized},
		"with more than a signature":     {func(m *wire.Tags) { m.Signature = append(m.Signature, 0) }, wire.StatusUnauthorized},
		"with an answer's signature":     {func(m *wire.Tags) { m.Signature = answered(t, n, alice, good) }, wire.StatusUnauthorized},
		"with more tags than any can be": {func(m *wire.Tags) { m.Tags = make([]byte, 1<<20) }, wire.StatusTooLarge},
	} {
		msg := newDeal(t, alice.key, n.peer.Hotkey, data).tagsMsg(t)
		c.change(msg)
		alice.refuse(n, name, msg, hashOf(data), c.want)
	}
	bob.refuse(n, "from who does not ask", good.tagsMsg(t), hashOf(data), wire.StatusForbidden)
	alice.audit(n, good)
}

// spoil writes a number in place of a tag: its first byte, those between, its last.
func spoil(tag int, first, middle, last byte) func(*deal) {
	return func(d *deal) {
		b := d.tags[tag*por.TagSize : (tag+1)*por.TagSize]
		for i := range b {
			b[i] = middle
		}
		b[0], b[len(b)-1] = first, last
		d.pledge.Tags = sha256.Sum256(d.tags)
	}
}

// answered is the miner's signature over an answer.
func answered(t *testing.T, n *node, a asker, d *deal) []byte {
	t.Helper()
	msg := d.auditMsg(t, d.question())
	if err := a.call(n, msg); err != nil {
		t.Fatal(err)
	}
	return msg.Receipt
}

func TestAuditsThatAreWrongAreRefused(t *testing.T) {
	n, alice, data, good := pledged(t)
	bob := newAsker(t, "//Bob")
	bob.store(n, data)
	bare := vectorData("", "without tags", 5000)
	alice.store(n, bare)
	bobs := newDeal(t, bob.key, n.peer.Hotkey, data)
	other := newDeal(t, alice.key, n.peer.Hotkey, data) // never handed over
	elsewhere := newDeal(t, alice.key, bob.key.Address(), data)
	longer := newDeal(t, alice.key, n.peer.Hotkey, data)
	longer.pledge.Size++
	for name, c := range map[string]struct {
		from asker
		deal *deal
		sent func(*wire.Audit)
		want int
	}{
		"the right one":                 {alice, good, func(*wire.Audit) {}, wire.StatusOK},
		"of another's":                  {bob, good, func(*wire.Audit) {}, wire.StatusForbidden},
		"of another miner's":            {alice, elsewhere, func(*wire.Audit) {}, wire.StatusBadRequest},
		"of a claim without tags":       {bob, bobs, func(*wire.Audit) {}, wire.StatusNotFound},
		"of data without tags":          {alice, newDeal(t, alice.key, n.peer.Hotkey, bare), func(*wire.Audit) {}, wire.StatusNotFound},
		"of data not here":              {alice, newDeal(t, alice.key, n.peer.Hotkey, data[1:]), func(*wire.Audit) {}, wire.StatusNotFound},
		"of another pledge":             {alice, other, func(*wire.Audit) {}, wire.StatusConflict},
		"of another size":               {alice, longer, func(*wire.Audit) {}, wire.StatusConflict},
		"with a changed seed":           {alice, good, func(m *wire.Audit) { m.Question[len(m.Question)-1] ^= 1 }, wire.StatusUnauthorized},
		"with the signature of another": {alice, good, func(m *wire.Audit) { m.Signature, _ = bob.key.Sign(m.Question) }, wire.StatusUnauthorized},
		"with the pledge's signature":   {alice, good, func(m *wire.Audit) { m.Signature = good.tagsMsg(t).Signature }, wire.StatusUnauthorized},
		"with half a question":          {alice, good, func(m *wire.Audit) { m.Question = m.Question[:9] }, wire.StatusBadRequest},
		"with a long question":          {alice, good, func(m *wire.Audit) { m.Question = append(m.Question, 0) }, wire.StatusBadRequest},
		"with the pledge as a question": {alice, good, func(m *wire.Audit) { m.Question = good.pledge.Encode() }, wire.StatusBadRequest},
		"with nothing":                  {alice, good, func(m *wire.Audit) { m.Question, m.Signature = []byte{}, []byte{} }, wire.StatusBadRequest},
	} {
		msg := c.deal.auditMsg(t, c.deal.question())
		c.sent(msg)
		if err := c.from.call(n, msg); wire.StatusOf(err) != c.want {
			t.Errorf("audit %s: %v, want status %d", name, err, c.want)
		}
		if c.want != wire.StatusOK && (msg.Proof != nil || msg.Receipt != nil) {
			t.Errorf("audit %s: answered", name)
		}
	}
	alice.audit(n, good)
}

// slow is a disk whose content is read only through a gate, and counted.
type slow struct {
	vfs.FS
	gate *gate
}

func (fs slow) Open(name string, how ...vfs.OpenOption) (vfs.File, error) {
	f, err := fs.FS.Open(name, how...)
	if err != nil || len(fs.PathBase(name)) != 64 {
		return f, err
	}
	return slowFile{f, fs.gate}, nil
}

type slowFile struct {
	vfs.File
	gate *gate
}

func (f slowFile) ReadAt(p []byte, at int64) (int, error) {
	if _, err := f.gate.Read(nil); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, at)
}

// native is a miner in memory, with data that has tags.
func native(t testing.TB, fs vfs.FS, c miner.Config, size int) (h handlers, from wallet.Address, d *deal) {
	t.Helper()
	alice, bob := keypair(t, "//Alice"), keypair(t, "//Bob")
	_, h = inMemory(t, fs, c, miner.Deps{Key: bob, Now: atNoon})
	data := vectorData("", "native", size)
	d = saltedDeal(t, alice, bob.Address(), data, [16]byte{1}) // the same in all of a fuzzer's processes
	for _, msg := range []wire.Message{storeMsg(t, data), d.tagsMsg(t)} {
		if err := h.call(t.Context(), alice.Address(), msg); err != nil {
			t.Fatal(err)
		}
	}
	return h, alice.Address(), d
}

func TestAnAuditReadsTheBlocksAskedForAndNoMore(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	h, from, d := native(t, slow{disk(), g}, miner.Config{}, 4<<20)
	var reserved int64
	ctx := wire.WithMemory(t.Context(), func(_ context.Context, n int64) error { reserved = n; return nil })
	if err := h.call(ctx, from, d.auditMsg(t, d.question())); err != nil {
		t.Fatal(err)
	}
	if g.here != por.Sample {
		t.Errorf("%d blocks read, want %d", g.here, por.Sample)
	}
	if reserved < int64(len(d.tags))+por.ProofSize || reserved > int64(len(d.tags))+por.ProofSize+1000 {
		t.Errorf("%d bytes reserved for %d of tags", reserved, len(d.tags))
	}
	full := wire.Unavailable("no memory")
	ctx = wire.WithMemory(t.Context(), func(context.Context, int64) error { return full })
	if err := h.call(ctx, from, d.auditMsg(t, d.question())); !errors.Is(err, full) || g.here != por.Sample {
		t.Errorf("without memory: %v", err)
	}
}

func TestAuditsAtATimeAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{open: make(chan struct{})}
		close(g.open)
		h, from, d := native(t, slow{disk(), g}, miner.Config{Challenges: 2}, 100_000)
		g.open, g.here = make(chan struct{}), 0
		results := make(chan error)
		for range 5 {
			go func() { results <- h.call(t.Context(), from, d.auditMsg(t, d.question())) }()
		}
		synctest.Wait()
		if g.here != 2 {
			t.Errorf("%d audits are computed at a time, want 2", g.here)
		}
		close(g.open)
		for range 5 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestUnreadableContentIsSaidToBeDamaged(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	h, from, d := native(t, failing{slow{disk(), g}}, miner.Config{}, 1<<20)
	err := h.call(t.Context(), from, d.auditMsg(t, d.question()))
	if wire.StatusOf(err) != wire.StatusInternal || !errors.Is(err, blobstore.ErrCorrupt) {
		t.Error(err)
	}
}

// failing is a disk that cannot read pieces of content.
type failing struct{ slow }

func (fs failing) Open(name string, how ...vfs.OpenOption) (vfs.File, error) {
	f, err := fs.slow.Open(name, how...)
	if content, ok := f.(slowFile); ok {
		return unreadable{content}, err
	}
	return f, err
}

type unreadable struct{ slowFile }

func (unreadable) ReadAt([]byte, int64) (int, error) { return 0, blobtest.ErrInjected }
