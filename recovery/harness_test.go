package recovery_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/fleet/fleettest"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/recovery"
	"github.com/filetao/filetao/wire"
)

const (
	segmentSize = 100_000
	ttl         = 10 * time.Hour
)

// bench is a network with an index, and a folder of exports.
type bench struct {
	*fleettest.Net
	fleet   *fleet.Fleet
	exports string
	files   int
	began   time.Time
}

func newBench(t testing.TB, miners int) *bench {
	t.Helper()
	net := fleettest.New(t, miners)
	for _, m := range net.Miners {
		m.Behave(fleettest.Honest, "Tags", "Audit")
	}
	b := &bench{Net: net, exports: t.TempDir(), began: time.Now()}
	b.fleet = b.fleetOver(net.Index, net)
	return b
}

func (b *bench) fleetOver(ix *index.Index, transport wire.Transport) *fleet.Fleet {
	return fleet.New(fleet.Config{Start: 1 << 40}, fleet.Deps{
		Transport: transport, Streams: b.Net, Index: ix, Metagraph: b.Metagraph, Key: b.Asker,
	})
}

// file is one that was put.
type file struct {
	manifest manifest.Manifest
	content  []byte
}

func (f file) id(i int) string { return proof.Digest(f.manifest.ID(i)).String() }

// put has miners hold a file of so many bytes, which is committed and exported or
// is not.
func (b *bench) put(t testing.TB, size int, committed bool) file {
	return b.putAs(t, size, committed, erasure.Scheme{Data: 2, Total: 4}, b.fleet)
}

// putAs is put in a scheme, recorded by another fleet.
func (b *bench) putAs(t testing.TB, size int, committed bool, scheme erasure.Scheme, f *fleet.Fleet) file {
	t.Helper()
	b.files++
	owner := fleettest.Key(t, "owner")
	pub, err := owner.Address().PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	content := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(b.files)}).Read(content)
	m := manifest.Manifest{
		Owner: pub, CID: cid.Sum(content), Size: int64(size), Upload: [16]byte{byte(b.files)},
		Secret: envelope.ShardSecret{byte(b.files), 1}, Created: b.began.Unix(),
	}
	var ids []string
	if size <= manifest.MaxInline {
		m.Inline = content
	} else {
		m.SegmentSize = segmentSize
	}
	for at := 0; at < size && m.SegmentSize > 0; at += segmentSize {
		part := content[at:min(size, at+segmentSize)]
		seg, _, err := f.StoreSegment(t.Context(), fleet.SegmentSpec{
			Owner: owner.Address(), Upload: m.Upload, Index: len(ids), Size: int64(len(part)),
			Scheme: scheme, Secret: m.Secret, TTL: ttl,
		}, bytes.NewReader(part), func(erasure.Root) error { return nil }, b.Neurons())
		if err != nil {
			t.Fatal(err)
		}
		root, err := erasure.ParseRoot(seg.Root)
		if err != nil {
			t.Fatal(err)
		}
		m.Segments = append(m.Segments, manifest.Segment{Size: seg.Size, Root: root, Scheme: seg.Scheme})
		ids = append(ids, seg.ID)
	}
	is := file{m, content}
	if committed {
		b.commit(t, is, ids)
	}
	return is
}

func (b *bench) commit(t testing.TB, f file, ids []string) {
	t.Helper()
	owner := fleettest.Key(t, "owner")
	sig, err := owner.Sign(f.manifest.Text())
	if err != nil {
		t.Fatal(err)
	}
	o := index.Object{Owner: owner.Address(), CID: f.manifest.CID, Size: f.manifest.Size, Stored: time.Now(), TTL: ttl, Manifest: f.manifest.Encode(), Signature: sig}
	if len(ids) > 0 {
		o.Upload = hex.EncodeToString(f.manifest.Upload[:])
	}
	if _, err := b.Index.PutObject(t.Context(), o, ids); err != nil {
		t.Fatal(err)
	}
	e := manifest.Export{V: manifest.ExportVersion, Manifest: o.Manifest, Signature: sig, Placement: manifest.Placement{Segments: make([][]manifest.Place, len(ids))}}
	b.export(t, fmt.Sprintf("%d.filetao", b.files), e)
}

func (b *bench) export(t testing.TB, name string, e manifest.Export) {
	t.Helper()
	text, err := json.Marshal(e)
	if err == nil {
		err = os.WriteFile(filepath.Join(b.exports, name), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// lost is an index as it is after it was lost.
func lost(t *testing.T) *index.Index {
	t.Helper()
	ix, err := index.Open(t.TempDir(), index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	})
	return ix
}

// rebuild builds an index with the exports that there are, or without.
func (b *bench) rebuild(t *testing.T, ix *index.Index, exports bool) recovery.Report {
	t.Helper()
	return b.rebuildOver(t, ix, exports, b.Net)
}

func (b *bench) rebuildOver(t *testing.T, ix *index.Index, exports bool, transport wire.Transport) recovery.Report {
	t.Helper()
	var mu sync.Mutex
	told := 0
	d := recovery.Deps{Fleet: b.fleetOver(ix, transport), Index: ix, Progress: func(recovery.Report) {
		if !mu.TryLock() {
			t.Error("progress is told twice at a time")
			return
		}
		told++
		mu.Unlock()
	}}
	if exports {
		d.Manifests = recovery.Documents(b.exports)
	}
	r, err := recovery.Rebuild(t.Context(), d)
	if err != nil || told == 0 {
		t.Fatalf("%+v, %v, progress was told %d times", r, err, told)
	}
	return r
}

// read gets a file as the index knows it.
func (b *bench) read(ctx context.Context, ix *index.Index, f file) error {
	o, err := ix.Object(ctx, fleetOwner(f), f.manifest.CID)
	if err != nil {
		return err
	}
	var got bytes.Buffer
	got.Write(f.manifest.Inline)
	for _, id := range o.Segments {
		seg, err := ix.Segment(ctx, id)
		if err != nil {
			return err
		}
		if _, err := b.fleetOver(ix, b.Net).FetchSegment(ctx, seg, 0, seg.Size, &got); err != nil {
			return err
		}
	}
	if !bytes.Equal(got.Bytes(), f.content) || !bytes.Equal(o.Manifest, f.manifest.Encode()) {
		return errors.New("another file came back")
	}
	return nil
}

// holdings are all of an index, by holder and hash, without what only the index
// was there for.
func holdings(t *testing.T, ix *index.Index) map[string]index.Holding {
	t.Helper()
	all := map[string]index.Holding{}
	for a, err := range ix.AllHolders(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for h, err := range ix.Holdings(t.Context(), a) {
			if err != nil {
				t.Fatal(err)
			}
			h.Stored, h.TTL = time.Time{}, h.TTL.Round(time.Minute)
			all[string(h.Holder)+" "+h.Hash] = h
		}
	}
	return all
}

// state is all of an index that a rebuild writes, in an order of its own.
func state(t *testing.T, ix *index.Index) (all []any) {
	t.Helper()
	var uploads, segments, objects []string
	for u, err := range ix.Uploads(t.Context()) {
		_, of, err2 := ix.Upload(t.Context(), u.Owner, u.ID)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		uploads = append(uploads, fmt.Sprint(u, of))
	}
	for s, err := range ix.AllSegments(t.Context()) {
		of, err2 := ix.SegmentObjects(t.Context(), s.ID)
		held, err3 := ix.Shards(t.Context(), s.ID)
		if err := errors.Join(err, err2, err3); err != nil {
			t.Fatal(err)
		}
		segments = append(segments, fmt.Sprint(s, of, len(held)))
	}
	for o, err := range ix.AllObjects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, fmt.Sprint(o))
	}
	for _, list := range [][]string{uploads, segments, objects} {
		slices.Sort(list)
	}
	return []any{uploads, segments, objects, holdings(t, ix)}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n%v\nwant\n%v", what, got, want)
	}
}
