package devnet_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/devnet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/recovery"
	"github.com/filetao/filetao/wallet"
)

// rebuildIndex builds an index in a folder from what a network's miners keep for
// its first validator, twice.
func rebuildIndex(t *testing.T, d *devnet.Devnet, dir, exports string) recovery.Report {
	t.Helper()
	ix, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	remote, err := devchain.Dial(t.Context(), d.ChainEndpoint())
	if err != nil {
		t.Fatal(err)
	}
	cfg := node.RebuildConfig{Chain: remote, NetUID: devnet.NetUID, Asker: d.ValidatorKey(0), Index: ix, Manifests: recovery.Documents(exports)}
	first, err := node.RebuildIndex(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	second, err := node.RebuildIndex(t.Context(), cfg)
	if err != nil || second.Shards.Added != 0 || second.Objects.Restored != 0 || second.Shards.Known != first.Shards.Added || second.Objects.Known != first.Objects.Restored {
		t.Errorf("the second time %+v after %+v, %v", second, first, err)
	}
	if err := remote.Close(); err != nil {
		t.Error(err)
	}
	if err := ix.Close(); err != nil {
		t.Fatal(err)
	}
	return first
}

func (m *member) export(t *testing.T, cid, path string) {
	t.Helper()
	e, err := m.Export(t.Context(), cid, client.AskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(e)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestALostIndexIsBuiltAnew: over real miners. Files with an export are there
// again; what has none is committed without being sent when it is put again.
func TestALostIndexIsBuiltAnew(t *testing.T) {
	cfg := shards()
	cfg.Links, cfg.Dir = 0, filepath.Join(t.TempDir(), "net")
	random, exports, rebuilt := seeded(t), t.TempDir(), filepath.Join(t.TempDir(), "index")
	d, stop := startStoppable(t, cfg)
	m := connect(t, d)
	files := map[string][]byte{}
	for i, size := range []int{0, 1000, 300_000, 5 << 20} {
		data := randomBytes(random, size)
		cid, err := m.put(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		m.export(t, cid, filepath.Join(exports, strconv.Itoa(i)+recovery.Suffix))
		files[cid] = data
	}
	alone := randomBytes(random, 4<<20)
	lone, err := m.put(t.Context(), alone)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	r := rebuildIndex(t, d, rebuilt, exports)
	t.Logf("twice in %v: %+v", time.Since(start), r)
	if !r.Whole() || r.Miners != cfg.Miners || r.Listed != cfg.Miners || r.Segments != 3 || r.Complete != 3 || r.Objects.Restored != len(files) {
		t.Errorf("%+v", r)
	}
	stop()

	lost := filepath.Join(d.ValidatorDir(), "index")
	if err := os.RemoveAll(lost); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(rebuilt, lost); err != nil {
		t.Fatal(err)
	}
	d, stop = startStoppable(t, cfg)
	defer stop()
	m = connect(t, d)
	for cid, data := range files {
		if got, err := m.get(t.Context(), cid); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, want %d, %v", len(got), len(data), err)
		}
	}
	if got, err := m.get(t.Context(), lone); err == nil {
		t.Errorf("%d bytes of a file that nobody has exported", len(got))
	}
	stored, err := m.PutFile(t.Context(), client.FileSource(bytes.NewReader(alone), int64(len(alone))), client.PutFileOptions{
		Keys: d.UserKeys(), Gateways: []wallet.Address{m.gateway},
	})
	if err != nil || stored.CID != lone || stored.Resumed != stored.Size {
		t.Errorf("put again: %+v, %v", stored, err)
	}
	if got, err := m.get(t.Context(), lone); err != nil || !bytes.Equal(got, alone) {
		t.Errorf("%d bytes, want %d, %v", len(got), len(alone), err)
	}
}

// replaceIndex has the first validator lose its index, and find another one.
func replaceIndex(t *testing.T, d *devnet.Devnet, by string) {
	t.Helper()
	lost := filepath.Join(d.ValidatorDir(), "index")
	err := os.RemoveAll(lost)
	if err == nil && by != "" {
		err = os.Rename(by, lost)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestALostDiskIsReplaced: what was put before the last pass of the backup comes back
// from the miners alone; what was deleted does not, although it was exported.
func TestALostDiskIsReplaced(t *testing.T) {
	cfg := shards()
	cfg.Links, cfg.Dir = 0, filepath.Join(t.TempDir(), "net")
	random, exports, rebuilt := seeded(t), t.TempDir(), filepath.Join(t.TempDir(), "index")
	d, stop := startStoppable(t, cfg)
	defer func() { stop() }() // of the second life
	m := connect(t, d)
	files := map[string][]byte{}
	var gone string
	for i, size := range []int{0, 1000, 4000, 300_000, 5 << 20, 1001} {
		data := randomBytes(random, size)
		cid, err := m.put(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		if files[cid] = data; i == 5 {
			gone = cid
		}
	}
	if err := d.Backup(0).Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.export(t, gone, filepath.Join(exports, "gone"+recovery.Suffix))
	if err := m.Delete(t.Context(), gone, client.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	delete(files, gone)
	if err := d.Backup(0).Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	stop()
	replaceIndex(t, d, "")

	d, stop = startStoppable(t, cfg)
	r := rebuildIndex(t, d, rebuilt, exports)
	if !r.Whole() || r.Packs.Read != 2 || r.Objects.Restored != len(files) || r.Objects.Deleted != 1 {
		t.Errorf("%+v", r)
	}
	stop()
	replaceIndex(t, d, rebuilt)
	d, stop = startStoppable(t, cfg)
	m = connect(t, d)
	for cid, data := range files {
		if got, err := m.get(t.Context(), cid); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, want %d, %v", len(got), len(data), err)
		}
	}
	if got, err := m.get(t.Context(), gone); err == nil {
		t.Errorf("%d bytes of a file that was deleted", len(got))
	}
	if s, err := d.Backup(0).Status(t.Context()); err != nil || s.Waiting != 0 || s.Packs != 2 {
		t.Errorf("the backup is not gone on with: %+v, %v", s, err)
	}
}
