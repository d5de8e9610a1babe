package gateway_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wire"
)

// uploadMany puts the segments of a file in these places and returns its manifest.
func (n *natively) uploadMany(t testing.TB, data []byte, segment int64, places ...int) manifest.Manifest {
	t.Helper()
	m := manifest.Manifest{
		Owner: n.owner.PublicKey(), CID: cid.Sum(data), Size: int64(len(data)), Upload: [16]byte{9}, Secret: envelope.ShardSecret{5},
		Created: 1, SegmentSize: segment,
	}
	for i := 0; int64(i)*segment < m.Size; i++ {
		part := data[int64(i)*segment:]
		part = part[:min(int64(len(part)), segment)]
		h := erasure.NewHasher()
		h.Write(part)
		m.Segments = append(m.Segments, manifest.Segment{Size: int64(len(part)), Root: h.Root()})
	}
	for _, i := range places {
		n.putPart(t, &m, data, i)
	}
	return m
}

// putPart puts one segment of a file.
func (n *natively) putPart(t testing.TB, m *manifest.Manifest, data []byte, i int) {
	t.Helper()
	if err := n.tryPart(t, m, data, i); err != nil {
		t.Fatal(err)
	}
}

func (n *natively) tryPart(t testing.TB, m *manifest.Manifest, data []byte, i int) error {
	t.Helper()
	s := &m.Segments[i]
	put := &wire.PutSegment{Upload: m.Upload[:], Index: int64(i), Size: s.Size, Secret: m.Secret[:], TTL: 3600}
	err := n.ask(t, put, append(bytes.Clone(data[m.Offset(i):m.Offset(i)+s.Size]), s.Root[:]...))
	s.Scheme = erasure.Scheme{Data: int(put.Data), Total: int(put.Total)}
	return err
}

// state is what an upload has, asked for in pages of so many.
func (n *natively) state(t testing.TB, m manifest.Manifest, limit int64) (places []int) {
	t.Helper()
	for msg := (&wire.UploadState{}); ; {
		*msg = wire.UploadState{Upload: m.Upload[:], From: msg.Next, Limit: limit}
		if err := n.ask(t, msg, nil); err != nil {
			t.Fatal(err)
		}
		var list []struct{ Index int }
		if err := json.Unmarshal(msg.Segments, &list); err != nil || int64(len(list)) > limit {
			t.Fatalf("%s: %v", msg.Segments, err)
		}
		for _, s := range list {
			places = append(places, s.Index)
		}
		if msg.Next == 0 {
			return places
		}
	}
}

func same(t testing.TB, got []int, want ...int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("%v, want %v", got, want)
		}
	}
}

// What an upload has is told page by page. What of it turns out to be lost when the
// file is committed is to be sent again, all of it, and then the file is there.
func TestWhatIsLostIsSentAgain(t *testing.T) {
	n := newNatively(t, 9, gateway.Config{MinSegment: 1})
	data := noise(70_000)
	m := n.uploadMany(t, data, 10_000, 0, 2, 3, 5, 6)
	for _, limit := range []int64{1, 2, 5, 4096} {
		same(t, n.state(t, m, limit), 0, 2, 3, 5, 6)
	}
	n.putPart(t, &m, data, 1)
	n.putPart(t, &m, data, 4)
	for _, i := range []int{2, 5} {
		id := proof.Digest(m.ID(i)).String()
		held, err := n.Index.Shards(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range held[1:] {
			if err := n.Index.DropShard(t.Context(), h.Holder, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := n.commit(t, m, time.Hour); wire.StatusOf(err) != wire.StatusConflict {
		t.Fatal(err)
	}
	same(t, n.state(t, m, 3), 0, 1, 3, 4, 6)
	n.putPart(t, &m, data, 2)
	n.putPart(t, &m, data, 5)
	same(t, n.state(t, m, 3), 0, 1, 2, 3, 4, 5, 6)
	if _, err := n.commit(t, m, time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []wire.UploadState{{Limit: 0}, {Limit: 4097}, {From: -1, Limit: 1}, {From: manifest.MaxSegments, Limit: 1}} {
		bad.Upload = m.Upload[:]
		if err := n.ask(t, &bad, nil); wire.StatusOf(err) != wire.StatusBadRequest {
			t.Errorf("from %d, %d: %v", bad.From, bad.Limit, err)
		}
	}
}

// Where a file's shards are is told page by page, or not at all.
func TestPlacesComeInPages(t *testing.T) {
	n := newNatively(t, 5, gateway.Config{MinSegment: 1})
	data := noise(70_000)
	m := n.uploadMany(t, data, 10_000, 0, 1, 2, 3, 4, 5, 6)
	if _, err := n.commit(t, m, time.Hour); err != nil {
		t.Fatal(err)
	}
	for from := range int64(8) {
		for _, count := range []int64{0, 1, 3, 256} {
			msg := &wire.OpenObject{CID: m.CID, From: from, Count: count}
			if err := n.ask(t, msg, nil); err != nil {
				t.Fatal(err)
			}
			where, err := manifest.ParsePlacement(msg.Placement)
			if err != nil || int64(len(where.Segments)) != min(count, 7-from) || (from == 0) != bytes.Equal(msg.Manifest, m.Encode()) || len(msg.Signature) != 64 {
				t.Fatalf("%d from %d: %d, a manifest of %d: %v", count, from, len(where.Segments), len(msg.Manifest), err)
			}
			for i, places := range where.Segments {
				held, err := n.Index.Shards(t.Context(), proof.Digest(m.ID(int(from)+i)).String())
				if err != nil || len(places) != len(held) || places[0].Root != held[0].Replica {
					t.Fatalf("%+v, want %+v: %v", places, held, err)
				}
			}
		}
	}
	for _, bad := range []wire.OpenObject{{From: -1}, {From: 8}, {Count: -1}, {Count: 257}} {
		bad.CID = m.CID
		if err := n.ask(t, &bad, nil); wire.StatusOf(err) != wire.StatusBadRequest {
			t.Errorf("%d from %d: %v", bad.Count, bad.From, err)
		}
	}
}

// A hotkey gets what its quota says and no more, however much at once; what it gives
// back it may have again.
func TestQuotas(t *testing.T) {
	data := noise(70_000)
	for name, c := range map[string]struct {
		quota gateway.Quota
		want  int
		says  string
	}{
		"bytes":    {gateway.Quota{Bytes: 100_000}, wire.StatusFull, "KiB of the 97.7 KiB that this gateway gives a hotkey"},
		"segments": {gateway.Quota{Segments: 6}, wire.StatusFull, "6 of the 6 segments"},
	} {
		n := newNatively(t, 9, gateway.Config{MinSegment: 1, Quota: c.quota}) // 4-of-8 or so
		m := n.uploadMany(t, data, 10_000)
		var err error
		put := 0
		for ; put < 7 && err == nil; put++ {
			err = n.tryPart(t, &m, data, put)
		}
		if wire.StatusOf(err) != c.want || !strings.Contains(err.Error(), c.says) {
			t.Fatalf("%s: segment %d: %v", name, put, err)
		}
		if err := n.ask(t, &wire.DropUpload{Upload: m.Upload[:]}, nil); err != nil {
			t.Fatal(err)
		}
		if err := n.tryPart(t, &m, data, 0); err != nil {
			t.Fatalf("%s: after the drop: %v", name, err)
		}
	}
}

// Files and uploads are counted, a file that is there only once, and told of.
func TestQuotasOfFiles(t *testing.T) {
	data := noise(70_000)
	n := newNatively(t, 9, gateway.Config{Quota: gateway.Quota{Uploads: 1, Objects: 1}})
	one := n.uploadMany(t, data, 70_000, 0)
	two := n.uploadMany(t, data[1:], 70_000)
	two.Upload[0]++
	if err := n.tryPart(t, &two, data[1:], 0); wire.StatusOf(err) != wire.StatusTooMany {
		t.Fatal(err)
	}
	if _, err := n.commit(t, one, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := n.tryPart(t, &two, data[1:], 0); err != nil {
		t.Fatal(err)
	}
	if _, err := n.commit(t, two, time.Hour); wire.StatusOf(err) != wire.StatusFull {
		t.Fatal(err)
	}
	if _, err := n.commit(t, one, 2*time.Hour); err != nil { // it is there
		t.Fatal(err)
	}
	if err := n.ask(t, &wire.DeleteObject{CID: one.CID}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := n.commit(t, two, time.Hour); err != nil {
		t.Fatal(err)
	}
	used := &wire.Usage{}
	if err := n.ask(t, used, nil); err != nil || used.Objects != 1 || used.MaxObjects != 1 || used.Bytes != two.Takes() || used.Segments != 1 || used.Uploads != 0 || used.MaxBytes != 0 {
		t.Fatalf("%+v, want %d bytes: %v", used, two.Takes(), err)
	}
	small := n.uploadMany(t, data, 10_000)
	for i := range small.Segments {
		small.Segments[i].Scheme = two.Segments[0].Scheme
	}
	if _, err := n.commit(t, small, time.Hour); wire.StatusOf(err) != wire.StatusBadRequest {
		t.Fatal(err)
	}
}
