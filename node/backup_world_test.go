package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/backup"
	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/recovery"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// world is a validator's index over miners in memory, with a backup, and what its
// users were told of their files.
type world struct {
	*fleettest.Net
	memory *indextest.Memory
	ix     *index.Index
	fleet  *fleet.Fleet
	backup *backup.Backup
	wire   *mortal
	owner  *wallet.Keypair

	puts  int
	files map[string]*told // by CID
}

// told is what an owner knows of a file.
type told struct {
	now     state
	allowed []state // that a rebuild may bring back: what was backed up, and all since
	exports []manifest.Export
}

// state is a file as it was acknowledged; no manifest if there is none.
type state struct {
	manifest string
	end      time.Time
	content  string
}

// mortal is the network of a process that dies.
type mortal struct {
	*fleettest.Net

	mu   sync.Mutex // guards what follows
	left int        // exchanges until it dies; below 0: it does not
	dead func()
}

var errDead = errors.New("the process is dead")

func (m *mortal) one() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 {
		m.dead()
		return errDead
	}
	if m.left > 0 {
		m.left--
	}
	return nil
}

func (m *mortal) Call(ctx context.Context, to wire.Peer, msg wire.Message) (wire.Exchange, error) {
	if err := m.one(); err != nil {
		return wire.Exchange{}, err
	}
	return m.Net.Call(ctx, to, msg)
}

func (m *mortal) Open(ctx context.Context, to wire.Peer, msg wire.Message, in wire.Body) (*wire.Answer, error) {
	if err := m.one(); err != nil {
		return nil, err
	}
	return m.Net.Open(ctx, to, msg, in)
}

func newWorld(t *testing.T, net *fleettest.Net) *world {
	t.Helper()
	w := &world{Net: net, owner: fleettest.Key(t, "owner"), files: map[string]*told{}}
	for _, m := range w.Miners {
		m.Behave(fleettest.Honest, "Tags", "Audit")
	}
	w.restart(indextest.NewMemory())
	return w
}

// restart starts the process over an index.
func (w *world) restart(memory *indextest.Memory) {
	elapse(time.Second) // no process starts in the instant in which one has died
	w.memory, w.ix = memory, index.New(memory)
	memory.Restart()
	w.wire = &mortal{Net: w.Net, left: -1, dead: func() { memory.CrashAt(1, false) }}
	w.fleet = fleet.New(fleet.Config{Start: 1 << 40}, fleet.Deps{Transport: w.wire, Streams: w.wire, Index: w.ix, Metagraph: w.Metagraph, Key: w.Asker})
	w.backup = backup.New(backup.Config{PackSize: 4 << 10, Merge: 3, CheckPeriod: time.Hour}, backup.Deps{Fleet: w.fleet, Index: w.ix, Key: w.Asker})
}

// dies has the process die at the n-th exchange with a miner, or at the n-th commit.
func (w *world) dies(n int, exchange, after bool) {
	if exchange {
		w.wire.left = n
	} else {
		w.memory.CrashAt(n+1, after)
	}
}

// elapse lets time go by.
func elapse(d time.Duration) { <-time.After(d) }

// put puts a file that is whole in its manifest, or in a segment.
func (w *world) put(t *testing.T, n int, inline bool, ttl time.Duration) {
	t.Helper()
	w.puts++
	content := bytes.Repeat(binary.BigEndian.AppendUint32(nil, uint32(n)), 100)
	ttl = w.longer(cid.Sum(content), ttl)
	pub, err := w.owner.Address().PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	m := manifest.Manifest{Owner: pub, CID: cid.Sum(content), Size: int64(len(content)), Upload: [16]byte{byte(w.puts >> 8), byte(w.puts)}, Secret: envelope.ShardSecret{1}, Created: time.Now().Unix()}
	o := index.Object{Owner: w.owner.Address(), CID: m.CID, Size: m.Size, Stored: time.Now(), TTL: ttl}
	var ids []string
	if inline {
		m.Inline = content
	} else {
		seg, _, err := w.fleet.StoreSegment(t.Context(), fleet.SegmentSpec{
			Owner: o.Owner, Upload: m.Upload, Size: m.Size, Scheme: erasure.Scheme{Data: 2, Total: 3}, Secret: m.Secret, TTL: ttl + 24*time.Hour,
		}, bytes.NewReader(content), func(erasure.Root) error { return nil }, w.Neurons())
		if err != nil {
			t.Fatal(err)
		}
		root, err := erasure.ParseRoot(seg.Root)
		if err != nil {
			t.Fatal(err)
		}
		m.SegmentSize, m.Segments = seg.Size, []manifest.Segment{{Size: seg.Size, Root: root, Scheme: seg.Scheme}}
		ids, o.Upload = []string{seg.ID}, hex.EncodeToString(m.Upload[:])
	}
	o.Manifest = m.Encode()
	if o.Signature, err = w.owner.Sign(m.Text()); err != nil {
		t.Fatal(err)
	}
	gone, err := w.ix.PutObject(t.Context(), o, ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range gone {
		if _, err := w.ix.EndSegment(t.Context(), id, 0); err != nil {
			t.Fatal(err)
		}
	}
	w.tell(m.CID, state{string(o.Manifest), o.Stored.Add(ttl), string(content)})
	f := w.files[m.CID]
	if !inline { // the segment in whose place this one is may be gone before that is backed up
		f.allowed = append(f.allowed, state{})
	}
	f.exports = append(f.exports, manifest.Export{V: manifest.ExportVersion, Manifest: o.Manifest, Signature: o.Signature, Placement: manifest.Placement{Segments: make([][]manifest.Place, len(ids))}})
}

// longer is a ttl by which a file does not end before it would have.
func (w *world) longer(cid string, ttl time.Duration) time.Duration {
	if f := w.files[cid]; f != nil {
		return max(ttl, time.Until(f.now.end))
	}
	return ttl
}

// tell is what an owner is told of a file.
func (w *world) tell(cid string, s state) {
	f := w.files[cid]
	if f == nil {
		f = &told{allowed: []state{{}}}
		w.files[cid] = f
	}
	f.now, f.allowed = s, append(f.allowed, s)
}

// there are the CIDs of the files that are there, in order.
func (w *world) there() (all []string) {
	for cid, f := range w.files {
		if f.now.manifest != "" {
			all = append(all, cid)
		}
	}
	slices.Sort(all)
	return all
}

func (w *world) remove(t *testing.T, cid string) {
	t.Helper()
	gone, err := w.ix.RemoveObject(t.Context(), w.owner.Address(), cid)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range gone.Segments {
		if _, err := w.ix.EndSegment(t.Context(), id, 0); err != nil {
			t.Fatal(err)
		}
	}
	w.tell(cid, state{})
}

// renew has a file end at another time, if need be earlier.
func (w *world) renew(t *testing.T, cid string, ttl time.Duration, shorten bool) {
	t.Helper()
	o, err := w.ix.Object(t.Context(), w.owner.Address(), cid)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range o.Segments {
		if _, err := w.fleet.RenewSegment(t.Context(), id, ttl+24*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	now, renew := time.Now(), w.ix.RenewObject
	if shorten {
		renew = w.ix.ShortenObject
	} else {
		ttl = w.longer(cid, ttl)
	}
	if err := renew(t.Context(), w.owner.Address(), cid, now, ttl); err != nil {
		t.Fatal(err)
	}
	s := w.files[cid].now
	s.end = now.Add(ttl)
	w.tell(cid, s)
}

// upkeep ends what has expired, sweeps, and tells some miners what to drop.
func (w *world) upkeep(t *testing.T, tells bool) {
	t.Helper()
	for _, cid := range w.there() {
		if f := w.files[cid]; !time.Now().Before(f.now.end) {
			if _, err := w.ix.ExpireObject(t.Context(), w.owner.Address(), cid, time.Now()); err != nil {
				t.Fatal(err)
			}
			w.tell(cid, state{})
		}
	}
	if _, err := w.ix.Sweep(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, m := range w.Miners {
		for d, err := range w.ix.Drops(t.Context(), m.Hotkey()) {
			if err == nil && tells {
				err = w.fleet.Drop(t.Context(), d)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// pass makes a backup. If the process did not die everything is in it.
func (w *world) pass(t *testing.T) (died bool) {
	t.Helper()
	err := w.backup.Pass(t.Context())
	if died = w.memory.HasCrashed(); err != nil && !died && w.wire.left != 0 {
		t.Fatal(err)
	}
	if err != nil {
		return true
	}
	for _, f := range w.files {
		f.allowed = []state{f.now}
	}
	return died
}

// rebuild builds an index anew, or goes on with one, with all exports there ever
// were if asked to.
func (w *world) rebuild(t *testing.T, memory *indextest.Memory, exports bool) (*index.Index, recovery.Report) {
	t.Helper()
	ix := index.New(memory)
	d := recovery.Deps{
		Fleet: fleet.New(fleet.Config{Start: 1 << 40}, fleet.Deps{Transport: w.Net, Streams: w.Net, Index: ix, Metagraph: w.Metagraph, Key: w.Asker}),
		Index: ix, Key: w.Asker,
	}
	if exports {
		d.Manifests = w.exported()
	}
	r, err := recovery.Rebuild(t.Context(), d)
	if err != nil {
		t.Fatalf("%+v, %v", r, err)
	}
	return ix, r
}

func (w *world) exported() iter.Seq[recovery.Document] {
	return func(yield func(recovery.Document) bool) {
		for _, cid := range slices.Sorted(maps.Keys(w.files)) {
			f := w.files[cid]
			for i, e := range f.exports {
				if !yield(recovery.Document{Name: fmt.Sprint(cid, i), Export: e}) {
					return
				}
			}
		}
	}
}

// state is a file as an index has it.
func (w *world) state(t *testing.T, ix *index.Index, cid string) state {
	t.Helper()
	o, err := ix.Object(t.Context(), w.owner.Address(), cid)
	if errors.Is(err, index.ErrNotFound) || err == nil && o.Expired(time.Now()) {
		return state{}
	} else if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(o.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	got.Write(m.Inline)
	for _, id := range o.Segments {
		seg, err := ix.Segment(t.Context(), id)
		if err == nil {
			f := fleet.New(fleet.Config{}, fleet.Deps{Transport: w.Net, Streams: w.Net, Index: ix, Metagraph: w.Metagraph, Key: w.Asker})
			_, err = f.FetchSegment(t.Context(), seg, 0, seg.Size, &got)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return state{string(o.Manifest), o.Stored.Add(o.TTL), got.String()}
}

// verify says whether an index has of every file what it may, without exports
// exactly. It becomes what the owners find.
func (w *world) verify(t *testing.T, ix *index.Index, adopt bool) {
	t.Helper()
	for cid, f := range w.files {
		is := w.state(t, ix, cid)
		ok := slices.ContainsFunc(f.allowed, func(s state) bool {
			if !s.end.After(time.Now()) {
				s = state{}
			}
			return s.manifest == is.manifest && s.end.Equal(is.end) && s.content == is.content
		})
		if !ok {
			t.Fatalf("%s comes back until %v (%d bytes), one of these was right: %v", cid, is.end, len(is.content), endsOf(f.allowed))
		}
		if adopt {
			if len(f.allowed) > 1 { // what happened since is lost too, and exports are in their right
				f.exports = nil
			}
			f.now, f.allowed = is, []state{is}
		}
	}
}

func endsOf(states []state) (all []string) {
	for _, s := range states {
		all = append(all, s.end.String())
	}
	return all
}
