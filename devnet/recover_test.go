package devnet_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/manifest"
)

// TestTheFirstExportStaysGood: all that it names die one after the other, with repair
// between, and after every death the owner has the file from the miners alone; in the
// end also with an export that names nobody.
func TestTheFirstExportStaysGood(t *testing.T) {
	cfg := shards()
	cfg.Miners, cfg.Links = 16, 16
	d := start(t, cfg)
	m, r, engine := connect(t, d), seeded(t), keeper(t, d)
	data := randomBytes(r, 300_000)
	cid, err := m.put(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	first, err := m.Export(t.Context(), cid, client.AskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	who := map[string]int{}
	for i := range cfg.Miners {
		who[string(d.MinerHotkey(i))] = i
	}
	recovers := func(name string, e manifest.Export) {
		t.Helper()
		var b bytes.Buffer
		began := time.Now()
		if _, err := m.Recover(t.Context(), e, &b, client.GetFileOptions{Keys: d.UserKeys()}); err != nil || !bytes.Equal(b.Bytes(), data) {
			t.Fatalf("%s: %d bytes of %d, %v", name, b.Len(), len(data), err)
		}
		t.Logf("%s: %v", name, time.Since(began))
	}
	for _, place := range first.Placement.Segments[0] {
		if err := d.StopMiner(who[place.Miner]); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the first look sees that it is silent, the second for how long
			if err := engine.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := engine.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		recovers("the first export", first)
	}
	none := first
	none.Placement = manifest.Placement{}
	recovers("an export that names nobody", none)
}
