package devchain

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/filetao/filetao/chain"
)

const oldHead = "0x257ff168f472d1cbfabcf12f5d5325064f5f9f96c8a57515675b8d8300268c70"

// TestAnOldFolderOpens: testdata/old was written before there were events and
// commitments: 12 blocks of play, a row of weights, and a snapshot of the
// genesis block.
func TestAnOldFolderOpens(t *testing.T) {
	cfg := testConfig()
	cfg.Hyperparameters.MinStake = 1
	cfg.Dir = t.TempDir()
	kept, err := os.ReadFile("testdata/old/chain.log")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(cfg.Dir, journalName), kept, 0o600); err != nil {
		t.Fatal(err)
	}
	d := openTest(t, cfg)
	head, err := d.Head(t.Context())
	if err != nil || head.Number != 15 || head.Hash.String() != oldHead {
		t.Fatalf("the head is %+v, %v, want %s", head, err, oldHead)
	}
	events, err := d.Events(t.Context(), 4)
	if err != nil || len(events) != 1 || events[0].Name != "NeuronRegistered" {
		t.Errorf("the events of block 4 are %v, %v", events, err)
	}
	rows, err := d.Weights(t.Context(), net1)
	if err != nil || len(rows) != 1 || len(rows[3]) != 1 || rows[3][0] != (chain.Weight{UID: 3, Value: 65535}) {
		t.Errorf("the rows are %v, %v", rows, err)
	}
	if b := step(t, d); b.Number != 16 || b.Parent != head.Hash {
		t.Errorf("the next block is %+v", b)
	}
}
