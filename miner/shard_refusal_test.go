package miner_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/miner"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.ErrUnexpectedEOF
}

func TestWhatCanBeRefusedIsRefusedBeforeItIsRead(t *testing.T) {
	mem := vfs.NewMem()
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 100_000})
	_, _, s := streaming(t, mem, miner.Config{MaxData: 200_000, MaxTTL: time.Hour})
	whole := func(size int64) int64 {
		d := shardDeal{data: make([]byte, size)}
		d.deal = newShardDeal(t, keypair(t, "//Alice"), keypair(t, "//Bob").Address(), d.data).deal
		_, body := d.put(t)
		return int64(len(body))
	}
	for name, c := range map[string]struct {
		msg  wire.PutShard
		body int64
		want int
	}{
		"no shard":       {wire.PutShard{Size: 0, TTL: 60}, 300, wire.StatusBadRequest},
		"less than none": {wire.PutShard{Size: -1, TTL: 60}, 300, wire.StatusBadRequest},
		"too large":      {wire.PutShard{Size: 200_001, TTL: 60}, whole(200_001), wire.StatusTooLarge},
		"far too large":  {wire.PutShard{Size: 1 << 62, TTL: 60}, 1 << 62, wire.StatusTooLarge},
		"no room":        {wire.PutShard{Size: 150_000, TTL: 60}, whole(150_000), wire.StatusFull},
		"too short":      {wire.PutShard{Size: 50_000, TTL: 60}, whole(50_000) - 1, wire.StatusBadRequest},
		"too long":       {wire.PutShard{Size: 50_000, TTL: 60}, whole(50_000) + wire.MaxLabel + 1, wire.StatusBadRequest},
		"no ttl":         {wire.PutShard{Size: 50_000}, whole(50_000), wire.StatusBadRequest},
		"a long ttl":     {wire.PutShard{Size: 50_000, TTL: 3601}, whole(50_000), wire.StatusBadRequest},
	} {
		_, err := s.call(t.Context(), alice, &c.msg, wire.Body{Size: c.body, Reader: unread{t}})
		if wire.StatusOf(err) != c.want {
			t.Errorf("%s: %v, want status %d", name, err, c.want)
		}
	}
	if _, err := s.call(t.Context(), alice, &wire.PutShard{Size: 1, TTL: 1}, wire.Body{}); wire.StatusOf(err) != wire.StatusBadRequest {
		t.Errorf("nothing at all: %v", err)
	}
}

func TestShardsWhosePledgeIsNotTrueAreNotKept(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{Now: atNoon}, 0)
	alice, bob := newAsker(t, "//Alice"), newAsker(t, "//Bob")
	for _, size := range []int{9000, 150_000} {
		data := vectorData("", "refused", size)
		for name, c := range map[string]struct {
			change func(*shardDeal)
			want   int
		}{
			"of data":              {func(d *shardDeal) { d.pledge.Shard = false }, wire.StatusBadRequest},
			"of a second root":     {func(d *shardDeal) { d.pledge.Shard = false; d.pledge.Root[0] = 1 }, wire.StatusBadRequest},
			"of another size":      {func(d *shardDeal) { d.pledge.Size++ }, wire.StatusConflict},
			"of another root":      {func(d *shardDeal) { d.pledge.Hash[0] ^= 1 }, wire.StatusConflict},
			"of other bytes":       {func(d *shardDeal) { d.data = bytes.Clone(d.data); d.data[size/2] ^= 1 }, wire.StatusConflict},
			"of another miner":     {func(d *shardDeal) { d.pledge.Miner = bob.key.Address() }, wire.StatusBadRequest},
			"of other tags":        {func(d *shardDeal) { d.pledge.Tags[31] ^= 1 }, wire.StatusBadRequest},
			"with changed tags":    {func(d *shardDeal) { d.tags[20] ^= 1 }, wire.StatusBadRequest},
			"with no numbers":      {func(d *shardDeal) { spoil(0, 0xfb, 0xff, 3)(&d.deal) }, wire.StatusBadRequest},
			"for ever":             {func(d *shardDeal) { d.pledge.Until = time.Time{} }, wire.StatusConflict},
			"for longer":           {func(d *shardDeal) { d.pledge.Until = noon.Add(24*time.Hour + 61*time.Second) }, wire.StatusConflict},
			"that has ended":       {func(d *shardDeal) { d.pledge.Made, d.pledge.Until = noon.Add(-time.Hour), noon }, wire.StatusConflict},
			"of one who is not it": {func(d *shardDeal) { d.pledge.Asker, d.asker = bob.key.Address(), bob.key }, wire.StatusForbidden},
		} {
			d := newShardDeal(t, alice.key, n.peer.Hotkey, data)
			c.change(d)
			msg, body := d.put(t)
			msg.TTL = 24 * 3600
			if _, err := alice.send(n, msg, bodyOf(body)); wire.StatusOf(err) != c.want || msg.Receipt != nil {
				t.Errorf("%s: %v, want status %d", name, err, c.want)
			}
			nothingKept(t, n.Miner, name)
		}
	}
}

func nothingKept(t *testing.T, m *miner.Miner, after string) {
	t.Helper()
	if s := m.Stats(); s.Bytes != 0 || s.Objects != 0 || s.Records != 0 || s.Free != s.Capacity {
		t.Errorf("%s: stats %+v", after, s.Usage)
	}
}

func TestBrokenBodiesLeaveNothing(t *testing.T) {
	m, _, s := streaming(t, disk(), miner.Config{})
	alice, bob := keypair(t, "//Alice"), keypair(t, "//Bob")
	d := newShardDeal(t, alice, bob.Address(), vectorData("", "broken", 100_000))
	_, body := d.put(t)
	late := errors.New("late")
	end := len(body)
	for at, want := range map[int]int{
		0: wire.StatusBadRequest, 50_000: wire.StatusBadRequest, 100_000: wire.StatusBadRequest, 100_001: wire.StatusBadRequest,
		end - 64: wire.StatusBadRequest, end - 1: wire.StatusBadRequest,
	} {
		for _, reader := range []io.Reader{
			bytes.NewReader(body[:at]),
			io.MultiReader(bytes.NewReader(body[:at]), broken{wire.Timeout("%w", late)}),
		} {
			msg, _ := d.put(t)
			_, err := s.call(t.Context(), alice.Address(), msg, wire.Body{Size: int64(end), Reader: reader})
			if status := wire.StatusOf(err); status != want && !(errors.Is(err, late) && status == wire.StatusTimeout) {
				t.Errorf("cut off at %d: %v", at, err)
			}
			nothingKept(t, m, "a body that was cut off")
		}
	}
	for _, at := range []int{0, 99_999, 100_000, 100_000 + len(d.tags), end - 64, end - 1} {
		msg, body := d.put(t)
		body[at] ^= 1
		if _, err := s.call(t.Context(), alice.Address(), msg, bodyOf(body)); wire.StatusOf(err) < 400 || wire.StatusOf(err) >= 500 || msg.Receipt != nil {
			t.Errorf("byte %d changed: %v", at, err)
		}
		nothingKept(t, m, "a body that was changed")
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

func TestPartsThatAreNoneAreRefused(t *testing.T) {
	_, _, s := streaming(t, disk(), miner.Config{})
	alice, bob := keypair(t, "//Alice"), keypair(t, "//Bob")
	d := newShardDeal(t, alice, bob.Address(), vectorData("", "parts", 150_000))
	msg, body := d.put(t)
	if _, err := s.call(t.Context(), alice.Address(), msg, bodyOf(body)); err != nil {
		t.Fatal(err)
	}
	get := func(hash string, offset, length int64) (wire.Body, error) {
		return s.call(t.Context(), alice.Address(), &wire.GetShard{Hash: hash, Offset: offset, Length: length}, wire.Body{})
	}
	for _, c := range []struct {
		hash           string
		offset, length int64
		want           int
	}{
		{d.hash(), 1, 0, wire.StatusBadRequest},
		{d.hash(), -erasure.Block, 0, wire.StatusBadRequest},
		{d.hash(), 0, 1, wire.StatusBadRequest},
		{d.hash(), 0, -erasure.Block, wire.StatusBadRequest},
		{d.hash(), 3 * erasure.Block, 0, wire.StatusBadRequest},
		{d.hash(), 1 << 62, 1 << 62, wire.StatusBadRequest},
		{hashOf(d.data), 0, 0, wire.StatusNotFound},
		{"../LOCK", 0, 0, wire.StatusBadRequest},
		{"", 0, 0, wire.StatusBadRequest},
	} {
		if _, err := get(c.hash, c.offset, c.length); wire.StatusOf(err) != c.want {
			t.Errorf("%d bytes at %d of %.9s: %v, want status %d", c.length, c.offset, c.hash, err, c.want)
		}
	}
	for _, c := range [][3]int64{{0, 0, 150_000}, {0, 10 * erasure.Block, 150_000}, {erasure.Block, erasure.Block, erasure.Block}, {2 * erasure.Block, 1 << 62, 150_000 - 2*erasure.Block}} {
		out, err := get(d.hash(), c[0], c[1])
		if err != nil || out.Size != c[2] {
			t.Fatalf("%d bytes at %d: %d, %v; want %d", c[1], c[0], out.Size, err, c[2])
		}
		got, err := io.ReadAll(out.Reader)
		if err := errors.Join(err, out.Reader.(io.Closer).Close()); err != nil || !bytes.Equal(got, d.data[c[0]:c[0]+c[2]]) {
			t.Fatal(len(got), err)
		}
	}
	full := wire.Unavailable("no memory")
	ctx := wire.WithMemory(t.Context(), func(context.Context, int64) error { return full })
	if out, err := s.call(ctx, alice.Address(), &wire.GetShard{Hash: d.hash()}, wire.Body{}); !errors.Is(err, full) || out.Reader != nil {
		t.Errorf("without memory: %v", err)
	}
}

func TestRenewalsThatAreNoneAreRefused(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{MaxTTL: 48 * time.Hour}, miner.Deps{Now: atNoon}, 0)
	alice, bob := newAsker(t, "//Alice"), newAsker(t, "//Bob")
	data := vectorData("", "renewals", 100_000)
	d := alice.giveShard(n, data)
	longer := alice.renew(n, d, time.Hour)
	alice.renew(n, d, time.Hour) // again
	datum := alice.give(n, stored(alice, n))
	for name, c := range map[string]struct {
		from   asker
		change func(*shardDeal)
		want   int
	}{
		"overtaken":           {alice, func(l *shardDeal) { l.pledge.Made = noon }, wire.StatusConflict},
		"shorter":             {alice, func(l *shardDeal) { l.pledge.Until = longer.pledge.Until.Add(-time.Second) }, wire.StatusConflict},
		"for ever":            {alice, func(l *shardDeal) { l.pledge.Until = time.Time{} }, wire.StatusBadRequest},
		"for too long":        {alice, func(l *shardDeal) { l.pledge.Until = noon.Add(48*time.Hour + time.Second) }, wire.StatusBadRequest},
		"with another key":    {alice, func(l *shardDeal) { l.pledge.Key[0] ^= 1 }, wire.StatusConflict},
		"with other tags":     {alice, func(l *shardDeal) { l.pledge.Tags[0] ^= 1 }, wire.StatusConflict},
		"of another size":     {alice, func(l *shardDeal) { l.pledge.Size++ }, wire.StatusConflict},
		"of what is not here": {alice, func(l *shardDeal) { l.pledge.Hash[0] ^= 1 }, wire.StatusNotFound},
		"of another miner's":  {alice, func(l *shardDeal) { l.pledge.Miner = bob.key.Address() }, wire.StatusBadRequest},
		"of data":             {alice, func(l *shardDeal) { l.deal = *datum }, wire.StatusBadRequest},
		"by another":          {bob, func(*shardDeal) {}, wire.StatusForbidden},
		"of no claim":         {bob, func(l *shardDeal) { l.pledge.Asker, l.asker = bob.key.Address(), bob.key }, wire.StatusNotFound},
	} {
		l := d.longer(2 * time.Hour)
		c.change(l)
		msg := l.renewMsg(t)
		if err := c.from.call(n, msg); wire.StatusOf(err) != c.want || msg.Receipt != nil {
			t.Errorf("%s: %v, want status %d", name, err, c.want)
		}
	}
	forged := d.longer(2 * time.Hour).renewMsg(t)
	forged.Signature = longer.renewMsg(t).Signature
	if err := alice.call(n, forged); wire.StatusOf(err) != wire.StatusUnauthorized {
		t.Errorf("with another's signature: %v", err)
	}
	k, err := n.Kept(t.Context(), alice.key.Address(), d.hash())
	if err != nil || k.Pledge != longer.pledge {
		t.Errorf("kept %+v, %v", k.Pledge, err)
	}
	msg, body := d.put(t) // the first pledge, which was overtaken
	if _, err := alice.send(n, msg, bodyOf(body)); wire.StatusOf(err) != wire.StatusConflict {
		t.Errorf("the shard with an overtaken pledge: %v", err)
	}
	alice.audit(n, &longer.deal)
}

// stored is data that the asker has stored.
func stored(a asker, n *node) []byte {
	data := vectorData("", "stored", 5000)
	a.store(n, data)
	return data
}

// TestManyShardsOfTwoAskersAtOnce: the same bytes, put, renewed, audited, read and
// deleted at the same time.
func TestManyShardsOfTwoAskersAtOnce(t *testing.T) {
	n := start(t, t.TempDir(), miner.Config{}, miner.Deps{Now: atNoon}, 0)
	data := vectorData("", "at once", 80_000)
	var wg sync.WaitGroup
	for _, uri := range []string{"//Alice", "//Bob"} {
		a := newAsker(t, uri)
		d := newShardDeal(t, a.key, n.peer.Hotkey, data)
		a.putShard(n, d)
		passable := func(err error) bool {
			switch wire.StatusOf(err) {
			case wire.StatusOK:
				return true
			case wire.StatusNotFound, wire.StatusConflict:
			default:
				t.Error(err)
			}
			return false
		}
		for _, do := range []func(){
			func() { msg, body := d.put(t); _, err := a.send(n, msg, bodyOf(body)); passable(err) },
			func() { passable(a.call(n, d.renewMsg(t))) },
			func() { passable(a.call(n, &wire.Delete{DataHash: d.hash()})) },
			func() {
				got, err := a.send(n, &wire.GetShard{Hash: d.hash()}, wire.Body{})
				if passable(err) && !bytes.Equal(got, data) {
					t.Error("other bytes")
				}
			},
			func() {
				q := d.question()
				if msg := d.auditMsg(t, q); passable(a.call(n, msg)) {
					if err := d.check(q, msg); err != nil {
						t.Error(err)
					}
				}
			},
		} {
			wg.Go(func() {
				for range 10 {
					do()
				}
			})
		}
	}
	wg.Wait()
}

// FuzzPutShard sends anything at all after a shard: a receipt must come only of
// what was pledged.
func FuzzPutShard(f *testing.F) {
	alice, bob := keypair(f, "//Alice"), keypair(f, "//Bob")
	d := saltedShardDeal(f, alice, bob.Address(), vectorData("", "fuzz", 5000), [16]byte{1}) // the same in all of a fuzzer's processes
	_, _, s := streaming(f, disk(), miner.Config{})
	_, body := d.put(f)
	f.Add(body)
	f.Add(body[:len(body)-1])
	f.Add(append(bytes.Clone(body), 0))
	f.Add(append(bytes.Clone(body), make([]byte, wire.MaxLabel+1)...))
	f.Add(body[5000:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		msg := &wire.PutShard{Size: 5000, TTL: 24 * 3600}
		_, err := s.call(t.Context(), alice.Address(), msg, bodyOf(b))
		if wire.StatusOf(err) >= 500 {
			t.Error(err)
		}
		label := len(b) - len(body)
		if signed := len(body) - wallet.SignatureSize; err == nil && (label < 0 || label > wire.MaxLabel || !bytes.Equal(b[:signed], body[:signed])) {
			t.Errorf("a receipt for %x", b)
		}
	})
}
