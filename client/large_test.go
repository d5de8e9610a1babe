package client_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// large is a plain file of so many segments, each of which has many shards.
func large(t *testing.T, segments int) (*object, []byte) {
	t.Helper()
	const size = 1 << 10
	owner, data := keypair(t, "//somebody"), make([]byte, size*segments)
	for i := range data {
		data[i] = byte(i / 7)
	}
	m := manifest.Manifest{
		Owner: owner.PublicKey(), CID: cid.Sum(data), Size: int64(len(data)), Payload: envelope.NoPayload,
		Upload: [16]byte{1}, Secret: envelope.ShardSecret{2}, Created: time.Now().Unix(), SegmentSize: size,
	}
	var where manifest.Placement
	for i := range segments {
		h := erasure.NewHasher()
		_, _ = h.Write(data[i*size : (i+1)*size])
		m.Segments = append(m.Segments, manifest.Segment{Size: size, Root: h.Root(), Scheme: erasure.Scheme{Data: 4, Total: 8}})
		places := make([]manifest.Place, 8)
		for n := range places {
			places[n] = manifest.Place{
				Number: n, Miner: string(owner.Address()), Root: erasure.Root{9, byte(n), byte(i), byte(i >> 8)}.String(),
				Addr: fmt.Sprintf("10.0.0.%d:8091", n),
			}
		}
		where.Segments = append(where.Segments, places)
	}
	check(t, m.Check())
	signature, err := owner.Sign(m.Text())
	check(t, err)
	return &object{m.Encode(), signature, m, bytes.NewReader(data), where, 0}, data
}

// TestLargeFilesAreRangedAndExported: of a file of 12,000 segments a few bytes are
// got for the price of its manifest, and an export of it is written and read in
// memory of about what it has to say.
func TestLargeFilesAreRangedAndExported(t *testing.T) {
	n, all := streaming(t, 1)
	o, data := large(t, 12_000)
	all[0].objects[o.m.CID] = o
	c := n.user(t, client.Config{})
	asked := 0
	all[0].opening = func(m *wire.OpenObject) { asked += int(m.Count) }
	var part bytes.Buffer
	_, err := c.GetTo(t.Context(), o.m.CID, &part, client.GetFileOptions{Plain: true, Range: &client.Range{Offset: 5_000_000, Length: 3000}})
	if err != nil || !bytes.Equal(part.Bytes(), data[5_000_000:][:3000]) || asked > 0 {
		t.Fatalf("%d bytes, the places of %d segments were asked for: %v", part.Len(), asked, err)
	}
	before := heapInUse()
	e, err := c.Export(t.Context(), o.m.CID, client.AskOptions{})
	check(t, err)
	var document bytes.Buffer
	check(t, e.Write(&document))
	e, err = manifest.ReadExport(&document)
	check(t, err)
	if _, err := e.Verify(func([32]byte, []byte, []byte) error { return nil }); err != nil || len(e.Placement.Segments[11_999]) != 8 {
		t.Fatal(err)
	}
	used := heapInUse() - before - int64(document.Cap())
	t.Logf("an export of %d segments takes %d MiB", len(e.Placement.Segments), used>>20)
	if used > 48<<20 {
		t.Errorf("an export takes %d MiB", used>>20)
	}
	runtime.KeepAlive(e)
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
