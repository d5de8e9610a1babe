package client_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/stream"
	"github.com/filetao/filetao/wire/synapse"
)

// streamGateway keeps segments and objects in memory, and answers the messages
// about them like the product's over real connections, unless a test has it do
// something else.
type streamGateway struct {
	*gateway // the reference's messages
	key      *wallet.Keypair
	plain    bool     // it speaks no streams
	stop     func()   // ends the server
	disk     *os.File // where bytes of one file go, if not into memory

	// What a test has it do instead; nil for nothing.
	putting    func(m *wire.PutSegment, in wire.Body) error
	put        func(m *wire.PutSegment) error // after the segment is there
	committing func(m *wire.CommitObject) error
	giving     func(m *wire.GetObject, out wire.Body) (wire.Body, error)
	opening    func(m *wire.OpenObject)
	renewing   func(m *wire.RenewObject)
	removing   func(remove func()) error

	mu       sync.Mutex // guards what follows
	uploads  map[string]map[int64]kept
	objects  map[string]*object
	acked    map[string]int // by upload and index: how often a segment was acknowledged
	commits  int
	segments int // that were begun
}

type kept struct {
	Index int64  `json:"index"`
	Size  int64  `json:"size"`
	Root  string `json:"root"`
	Data  int    `json:"data"`
	Total int    `json:"total"`
	data  []byte
}

type object struct {
	manifest, signature []byte
	m                   manifest.Manifest
	at                  io.ReaderAt
	placement           manifest.Placement
	expires             int64
}

var testScheme = erasure.Scheme{Data: 2, Total: 4}

// streaming makes n gateways on sockets that speak streams and the reference's way.
func streaming(t testing.TB, n int) (*network, []*streamGateway) {
	t.Helper()
	net := newNetwork(t, n)
	var all []*streamGateway
	for i := range n {
		g := &streamGateway{
			gateway: net.at(i), key: keypair(t, fmt.Sprintf("//gateway%d", i)),
			uploads: map[string]map[int64]kept{}, objects: map[string]*object{}, acked: map[string]int{},
		}
		all = append(all, g)
		g.start(t, net, i, "127.0.0.1:0")
	}
	return net, all
}

// start has a gateway serve, at an address of before too.
func (g *streamGateway) start(t testing.TB, net *network, uid int, listen string) {
	t.Helper()
	door := wire.NewDoor(wire.DoorConfig{AllowUnregistered: true, RequestsPerWindow: -1}, wire.DoorDeps{})
	streams, err := stream.NewServer(stream.ServerConfig{Key: g.key}, stream.ServerDeps{Door: door})
	check(t, err)
	axon, err := synapse.NewServer(synapse.ServerConfig{Key: g.key, Listen: listen, DrainTimeout: time.Millisecond}, synapse.ServerDeps{Door: door})
	check(t, err)
	if !g.plain {
		axon.Mount(wire.StreamPath, streams)
	}
	for _, makeMsg := range []func() wire.Message{
		func() wire.Message { return &wire.StoreUser{} }, func() wire.Message { return &wire.RetrieveUser{} }, func() wire.Message { return &wire.DeleteUser{} },
	} {
		axon.Handle(makeMsg, g.reference, synapse.BodySize(16<<20))
		streams.Handle(makeMsg, g.reference, 16<<20)
	}
	g.register(streams)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- axon.Run(ctx) }()
	g.stop = sync.OnceFunc(func() {
		cancel()
		<-ended // requests that were cut off are what some tests want
	})
	t.Cleanup(g.stop)
	// A gateway that comes back while others are being asked is where it was.
	if record := &net.graph.Neurons[uid].Axon; record.AddrPort() != axon.Addr() {
		record.IP, record.Port = axon.Addr().Addr(), axon.Addr().Port()
	}
}

// reference answers the reference's messages.
func (g *streamGateway) reference(ctx context.Context, from wire.Caller, msg wire.Message) error {
	g.gateway.mu.Lock()
	g.asked[msg.Name()]++
	g.gateway.mu.Unlock()
	if g.instead != nil {
		if done, err := g.instead(ctx, msg); done {
			return err
		}
	}
	return g.answer(ctx, from, msg)
}

func (g *streamGateway) register(s *stream.Server) {
	s.HandleStream(func() wire.Message { return &wire.PutSegment{} }, func(_ context.Context, _ wire.Caller, m wire.Message, in wire.Body) (wire.Body, error) {
		return wire.Body{}, g.putSegment(m.(*wire.PutSegment), in)
	}, manifest.SegmentSize+32)
	s.HandleStream(func() wire.Message { return &wire.GetObject{} }, func(_ context.Context, _ wire.Caller, m wire.Message, _ wire.Body) (wire.Body, error) {
		return g.get(m.(*wire.GetObject))
	}, 0)
	for _, h := range []struct {
		make   func() wire.Message
		answer func(from wallet.Address, m wire.Message) error
	}{
		{func() wire.Message { return &wire.UploadState{} }, g.state},
		{func() wire.Message { return &wire.CommitObject{} }, g.commit},
		{func() wire.Message { return &wire.OpenObject{} }, g.open},
		{func() wire.Message { return &wire.ListObjects{} }, g.list},
		{func() wire.Message { return &wire.RenewObject{} }, g.renew},
		{func() wire.Message { return &wire.DeleteObject{} }, g.remove},
	} {
		s.Handle(h.make, func(_ context.Context, from wire.Caller, m wire.Message) error { return h.answer(from.Hotkey, m) }, 8<<20)
	}
}

func (g *streamGateway) putSegment(m *wire.PutSegment, in wire.Body) error {
	g.mu.Lock()
	g.segments++
	g.mu.Unlock()
	if g.putting != nil {
		if err := g.putting(m, in); err != nil {
			return err
		}
	}
	var data bytes.Buffer
	hash := erasure.NewHasher()
	w := io.MultiWriter(hash, &data)
	if g.disk != nil {
		w = io.MultiWriter(hash, io.NewOffsetWriter(g.disk, m.Index*manifest.SegmentSize))
	}
	if _, err := io.CopyN(w, in.Reader, m.Size); err != nil {
		return err
	}
	root, err := io.ReadAll(in.Reader)
	if err != nil || erasure.Root(root) != hash.Root() {
		return wire.Unparsable("another root: %w", err)
	}
	m.Data, m.Total, m.Held = int64(testScheme.Data), int64(testScheme.Total), int64(testScheme.Total)
	g.mu.Lock()
	id := hex.EncodeToString(m.Upload)
	if g.uploads[id] == nil {
		g.uploads[id] = map[int64]kept{}
	}
	g.uploads[id][m.Index] = kept{m.Index, m.Size, hash.Root().String(), testScheme.Data, testScheme.Total, data.Bytes()}
	g.acked[fmt.Sprint(id, m.Index)]++
	g.mu.Unlock()
	if g.put != nil {
		return g.put(m)
	}
	return nil
}

func (g *streamGateway) state(_ wallet.Address, msg wire.Message) (err error) {
	m := msg.(*wire.UploadState)
	g.mu.Lock()
	defer g.mu.Unlock()
	list := slices.SortedFunc(maps.Values(g.uploads[hex.EncodeToString(m.Upload)]), func(a, b kept) int { return cmp.Compare(a.Index, b.Index) })
	list = slices.DeleteFunc(list, func(k kept) bool { return k.Index < m.From })
	if page := int(min(m.Limit, 3)); len(list) > page { // fewer than it was asked for
		list, m.Next = list[:page], list[page].Index
	}
	m.Segments, err = json.Marshal(append([]kept{}, list...))
	return err
}

func (g *streamGateway) commit(from wallet.Address, msg wire.Message) error {
	m := msg.(*wire.CommitObject)
	if g.committing != nil {
		if err := g.committing(m); err != nil {
			return err
		}
	}
	man, err := manifest.Parse(m.Manifest)
	if err != nil || wallet.AddressOf(man.Owner) != from {
		return wire.BadRequest("manifest of %s: %w", from, err)
	}
	if err := wallet.Verify(from, man.Text(), m.Signature); err != nil {
		return wire.Unauthorized("%w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	data := bytes.Clone(man.Inline)
	id := hex.EncodeToString(man.Upload[:])
	for i, s := range man.Segments {
		k, ok := g.uploads[id][int64(i)]
		if !ok || k.Root != s.Root.String() {
			return wire.Conflict("segment %d is not here", i)
		}
		data = append(data, k.data...)
	}
	delete(g.uploads, id)
	g.commits++
	m.Expires = time.Now().Unix() + m.TTL
	at := io.ReaderAt(bytes.NewReader(data))
	if g.disk != nil {
		at = g.disk
	}
	g.objects[man.CID] = &object{m.Manifest, m.Signature, man, at, manifest.Placement{Segments: make([][]manifest.Place, len(man.Segments))}, m.Expires}
	return nil
}

func (g *streamGateway) object(id string) (*object, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if o := g.objects[id]; o != nil {
		return o, nil
	}
	return nil, wire.NotFound("no such file")
}

func (g *streamGateway) get(m *wire.GetObject) (wire.Body, error) {
	o, err := g.object(m.CID)
	if err != nil {
		return wire.Body{}, err
	}
	m.Size = o.m.Size
	if m.Offset == 0 {
		m.Manifest, m.Signature = o.manifest, o.signature
	}
	length := m.Length
	if length == 0 {
		length = o.m.Size - m.Offset
	}
	out := wire.Body{Size: length, Reader: io.NewSectionReader(o.at, m.Offset, length)}
	if g.giving != nil {
		return g.giving(m, out)
	}
	return out, nil
}

func (g *streamGateway) open(_ wallet.Address, msg wire.Message) error {
	m := msg.(*wire.OpenObject)
	o, err := g.object(m.CID)
	if err != nil {
		return err
	}
	if m.Signature, m.Expires = o.signature, o.expires; m.From == 0 {
		m.Manifest = o.manifest
	}
	if g.opening != nil {
		g.opening(m)
	}
	m.Placement, err = json.Marshal(manifest.Placement{Segments: o.placement.Segments[m.From:][:m.Count]})
	return err
}

func (g *streamGateway) list(_ wallet.Address, msg wire.Message) (err error) {
	m := msg.(*wire.ListObjects)
	g.mu.Lock()
	defer g.mu.Unlock()
	type row struct {
		CID     string `json:"cid"`
		Size    int64  `json:"size"`
		Stored  int64  `json:"stored"`
		Expires int64  `json:"expires"`
	}
	rows := []row{}
	for _, id := range slices.Sorted(maps.Keys(g.objects)) {
		if o := g.objects[id]; id > m.After && int64(len(rows)) < m.Limit {
			rows = append(rows, row{id, o.m.Size, o.m.Created, o.expires})
		}
	}
	m.Objects, err = json.Marshal(rows)
	return err
}

func (g *streamGateway) renew(_ wallet.Address, msg wire.Message) error {
	m := msg.(*wire.RenewObject)
	if g.renewing != nil {
		g.renewing(m)
	}
	o, err := g.object(m.CID)
	if err != nil {
		return err
	}
	o.expires = time.Now().Unix() + m.TTL
	m.Expires = o.expires
	return nil
}

func (g *streamGateway) remove(_ wallet.Address, msg wire.Message) error {
	m := msg.(*wire.DeleteObject)
	remove := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.objects, m.CID)
		m.Deleted = true
	}
	if g.removing != nil {
		if err := g.removing(remove); err != nil {
			return err
		}
	}
	if _, err := g.object(m.CID); err != nil && !m.Deleted {
		return err
	}
	remove()
	return nil
}

// user makes a client of //somebody's, of its own, with little patience.
func (n *network) user(t testing.TB, cfg client.Config) *client.Client {
	t.Helper()
	if cfg.Share == 0 {
		cfg.Share = 1
	}
	if cfg.SegmentSize == 0 {
		cfg.SegmentSize = testSegment
	}
	if cfg.Backoff == 0 {
		cfg.Backoff = time.Millisecond
	}
	hotkey := keypair(t, "//somebody")
	plain := synapse.NewClient(synapse.ClientConfig{Key: hotkey}, synapse.ClientDeps{})
	streams := stream.NewClient(stream.ClientConfig{Key: hotkey}, stream.ClientDeps{})
	t.Cleanup(func() { check(t, streams.Close()); check(t, plain.Close()) })
	both := stream.NewNegotiator(plain, streams)
	return client.New(cfg, client.Deps{Transport: both, Streams: both, Hotkey: hotkey, Metagraph: n.Metagraph})
}

// testSegment is no multiple of anything.
const testSegment = 300_007

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// keys are a user's.
func keys() client.Keys {
	return client.Keys{
		User:      func() (envelope.UserKey, error) { return envelope.UserKeyOf("user"), nil },
		Reference: func() (envelope.Key, error) { return *key(), nil },
	}
}

func ids(uids ...chain.UID) []chain.UID { return uids }
