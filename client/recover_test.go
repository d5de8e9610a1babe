package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
)

// shardMiner keeps shards in memory and gives them back.
type shardMiner struct {
	key    *wallet.Keypair
	addr   string
	shards map[string][]byte // by root
	giving func(out wire.Body) wire.Body
	asked  int

	tags    map[[wire.TagSize]byte]wire.FoundShard
	telling func([]wire.FoundShard) []wire.FoundShard
	told    atomic.Int32 // how often it was asked what it has
	stop    func()
}

func newMiner(t *testing.T, i int) *shardMiner {
	t.Helper()
	m := &shardMiner{key: keypair(t, fmt.Sprintf("//miner%d", i)), shards: map[string][]byte{}, tags: map[[wire.TagSize]byte]wire.FoundShard{}}
	door := wire.NewDoor(wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: -1}, wire.DoorDeps{})
	streams, err := stream.NewServer(stream.ServerConfig{Key: m.key}, stream.ServerDeps{Door: door})
	check(t, err)
	axon, err := synapse.NewServer(synapse.ServerConfig{Key: m.key, DrainTimeout: time.Millisecond}, synapse.ServerDeps{Door: door})
	check(t, err)
	axon.Mount(wire.StreamPath, streams)
	streams.HandleStream(func() wire.Message { return &wire.GetShard{} }, func(_ context.Context, _ wire.Caller, msg wire.Message, _ wire.Body) (wire.Body, error) {
		q := msg.(*wire.GetShard)
		m.asked++
		data, ok := m.shards[q.Hash]
		if !ok {
			return wire.Body{}, wire.NotFound("no such shard")
		}
		h := erasure.NewHasher()
		_, _ = h.Write(data)
		q.Size, q.Leaves = int64(len(data)), h.Leaves()
		out := wire.Body{Size: q.Size - q.Offset, Reader: bytes.NewReader(data[q.Offset:])}
		if m.giving != nil {
			out = m.giving(out)
		}
		return out, nil
	}, 0)
	streams.HandleStream(func() wire.Message { return &wire.FindShards{} }, m.find, 0)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- axon.Run(ctx) }()
	m.stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(m.stop)
	m.addr = axon.Addr().String()
	return m
}

// find answers FindShards.
func (m *shardMiner) find(_ context.Context, _ wire.Caller, msg wire.Message, _ wire.Body) (_ wire.Body, err error) {
	q := msg.(*wire.FindShards)
	m.told.Add(1)
	var list []wire.FoundShard
	for i := range len(q.Tags) / wire.TagSize {
		if s, ok := m.tags[[wire.TagSize]byte(q.Tags[i*wire.TagSize:])]; ok {
			s.Tag = i
			list = append(list, s)
		}
	}
	if m.telling != nil {
		list = m.telling(list)
	}
	q.Tags = nil
	q.Found, err = wire.EncodeFound(list)
	return wire.Body{}, err
}

// hold has a miner keep a shard, and returns where it is then.
func (m *shardMiner) hold(o *object, i, number int, shard []byte) manifest.Place {
	o.m.Secret.Mask(manifest.SegmentName(o.m.Owner, o.m.Upload, i), number, m.key.PublicKey()).XOR(shard, 0)
	h := erasure.NewHasher()
	_, _ = h.Write(shard)
	root, id, miner := h.Root(), o.m.ID(i), m.key.PublicKey()
	m.shards[root.String()] = shard
	m.tags[o.m.Secret.Tag(id, miner)] = wire.FoundShard{
		Number: number, Root: root, Size: int64(len(shard)), Voucher: o.m.Secret.Vouch(id, miner, number, root),
	}
	return manifest.Place{Number: number, Miner: string(m.key.Address()), Root: root.String(), Addr: m.addr}
}

// spread has miners hold an object's shards, as a gateway would: the first was slow,
// and one to spare is in its place.
func spread(t *testing.T, o *object, miners []*shardMiner) {
	t.Helper()
	for i, s := range o.m.Segments {
		data := make([]byte, s.Size)
		_, err := o.at.ReadAt(data, o.m.Offset(i))
		check(t, err)
		shards := code(t, erasure.Scheme{Data: s.Scheme.Data, Total: s.Scheme.Total + 1}, data)
		for number, shard := range shards {
			if number == 0 {
				continue
			}
			m := miners[(i+number)%len(miners)]
			o.placement.Segments[i] = append(o.placement.Segments[i], m.hold(o, i, number, shard))
		}
	}
}

// code makes the shards of a segment.
func code(t *testing.T, scheme erasure.Scheme, data []byte) [][]byte {
	t.Helper()
	coder, err := erasure.New(scheme)
	check(t, err)
	size := int64(len(data))
	shards := make([][]byte, scheme.Total)
	for row := range scheme.Rows(size) {
		block := scheme.RowBlock(size, row)
		buf := make([]byte, scheme.Total*block)
		data = data[copy(buf, data[:scheme.RowData(size, row)]):]
		pieces := scheme.Pieces(nil, buf, block)
		check(t, coder.Encode(pieces))
		for i, p := range pieces {
			shards[i] = append(shards[i], p...)
		}
	}
	return shards
}

// TestRecoverNeedsMinersOnly, and enough of them.
func TestRecoverNeedsMinersOnly(t *testing.T) {
	for _, plain := range []bool{false, true} {
		for _, size := range []int{0, 5000, 100_000, 1<<20 + 333} {
			t.Run(fmt.Sprint(plain, size), func(t *testing.T) { recovers(t, plain, size) })
		}
	}
}

func recovers(t *testing.T, plain bool, size int) {
	n, all := streaming(t, 1)
	c := n.user(t, client.Config{Tries: 1})
	data := text(size)
	stored := putFile(t, c, data, client.PutFileOptions{Plain: plain})
	var miners []*shardMiner
	for i := range testScheme.Total {
		miners = append(miners, newMiner(t, i))
	}
	spread(t, all[0].objects[stored.CID], miners)
	exported, err := c.Export(t.Context(), stored.CID, client.AskOptions{})
	check(t, err)
	document, err := json.Marshal(exported)
	check(t, err)
	e, err := manifest.ParseExport(document)
	check(t, err)
	all[0].stop()
	back := func(o client.GetFileOptions) ([]byte, error) {
		o.Keys, o.Plain = keys(), plain
		var out bytes.Buffer
		_, err := c.Recover(t.Context(), e, &out, o)
		return out.Bytes(), err
	}
	same := func(name string) {
		t.Helper()
		if got, err := back(client.GetFileOptions{}); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	same("all are there")
	path := filepath.Join(t.TempDir(), "f")
	if got, err := c.RecoverFile(t.Context(), e, path, client.GetFileOptions{Keys: keys(), Plain: plain}); err != nil || got.Size != int64(size) || got.CID != stored.CID {
		t.Fatal(got, err)
	}
	r := client.Range{Offset: int64(size / 3), Length: int64(size / 2)}
	if got, err := back(client.GetFileOptions{Range: &r}); err != nil || !bytes.Equal(got, data[r.Offset:r.Offset+r.Length]) {
		t.Fatalf("a range: %d bytes, %v", len(got), err)
	}
	miners[0].shards = nil
	same("one has lost its shards")
	miners[2].giving = func(out wire.Body) wire.Body {
		out.Reader = &lying{out.Reader, 70_000 % max(out.Size, 1)}
		return out
	}
	same("one lies")
	miners[2].giving = func(out wire.Body) wire.Body {
		out.Reader = &cutting{out.Reader, out.Size / 2}
		return out
	}
	same("one breaks off")
	miners[1].shards = nil
	if got, err := back(client.GetFileOptions{}); stored.Segments > 0 && (!errors.Is(err, client.ErrLost) || bytes.Equal(got, data)) {
		t.Fatalf("too few are left: %d bytes, %v", len(got), err)
	}
}

// TestRecoverTakesNoForgedExport.
func TestRecoverTakesNoForgedExport(t *testing.T) {
	n, _ := streaming(t, 1)
	c := n.user(t, client.Config{})
	stored := putFile(t, c, text(100), client.PutFileOptions{})
	e, err := c.Export(t.Context(), stored.CID, client.AskOptions{})
	check(t, err)
	e.Signature[0] ^= 1
	if _, err := c.Recover(t.Context(), e, io.Discard, client.GetFileOptions{Keys: keys()}); err == nil {
		t.Fatal("it was recovered")
	}
	if _, err := c.Export(t.Context(), stored.CID[:len(stored.CID)-1]+"a", client.AskOptions{}); err == nil {
		t.Fatal("exported what is not there")
	}
}
