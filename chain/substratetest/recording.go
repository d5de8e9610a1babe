package substratetest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/filetao/filetao/chain"
)

// recording is one folder of testdata/vectors/chain: what a real runtime said.
type recording struct {
	spec    uint32
	net     chain.NetUID
	genesis chain.Hash
	hash    chain.Hash // of the block whose state was recorded
	version json.RawMessage
	metadata,
	metadata15 hexBytes // 15 may be missing
	answers map[string]json.RawMessage // by method, of those that never change
	storage []storedValue
	blocks  []recordedBlock
	calls   []recordedCall
}

type storedValue struct {
	Key   hexBytes  `json:"storage_key"`
	Value *hexBytes `json:"value"`
}

type recordedBlock struct {
	Number     uint64          `json:"block_number"`
	Hash       chain.Hash      `json:"block_hash"`
	Header     json.RawMessage `json:"header"`
	Extrinsics []hexBytes      `json:"extrinsics"`
	Events     hexBytes        `json:"events_raw"`
}

type recordedCall struct {
	Method string            `json:"method"`
	Params []json.RawMessage `json:"params"`
	Result json.RawMessage   `json:"result"`
	Error  *rpcError         `json:"error"`
}

// vectors is the folder of the recordings, found from a test's working folder.
func vectors(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "testdata", "vectors", "chain")
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working folder")
		}
		dir = parent
	}
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func loadRecording(t testing.TB, spec uint32) *recording {
	t.Helper()
	dir := filepath.Join(vectors(t), fmt.Sprintf("spec%d", spec))
	r := &recording{spec: spec, answers: map[string]json.RawMessage{}}
	var metadata struct{ Metadata hexBytes }
	readJSON(t, filepath.Join(dir, "metadata.json"), &metadata)
	r.metadata = metadata.Metadata
	if path := filepath.Join(dir, "metadata_v15.json"); exists(path) {
		metadata.Metadata = nil
		readJSON(t, path, &metadata)
		r.metadata15 = metadata.Metadata
	}
	var storage struct {
		Hash    chain.Hash    `json:"block_hash"`
		NetUID  chain.NetUID  `json:"netuid"`
		Entries []storedValue `json:"entries"`
	}
	readJSON(t, filepath.Join(dir, "storage.json"), &storage)
	r.hash, r.net, r.storage = storage.Hash, storage.NetUID, storage.Entries
	var events struct{ Blocks []recordedBlock }
	readJSON(t, filepath.Join(dir, "events.json"), &events)
	r.blocks = events.Blocks
	var calls struct{ Calls []recordedCall }
	readJSON(t, filepath.Join(dir, "runtime_api.json"), &calls)
	r.calls = calls.Calls
	r.loadAnswers(t, filepath.Join(dir, "runtime.json"))
	if len(r.storage) < 100 || len(r.blocks) < 30 || len(r.calls) < 10 {
		t.Fatalf("%s: %d values, %d blocks, %d calls", dir, len(r.storage), len(r.blocks), len(r.calls))
	}
	return r
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// loadAnswers takes over the answers that are the same at every block.
func (r *recording) loadAnswers(t testing.TB, path string) {
	t.Helper()
	var texts map[string]json.RawMessage
	readJSON(t, path, &texts)
	for method, text := range texts {
		var a struct{ Result json.RawMessage }
		if json.Unmarshal(text, &a) == nil && a.Result != nil {
			r.answers[method] = a.Result
		}
	}
	r.version = r.answers["state_getRuntimeVersion"]
	if err := json.Unmarshal(r.answers["chain_getBlockHash"], &r.genesis); err != nil || r.version == nil {
		t.Fatalf("%s: no version or genesis: %v", path, err)
	}
	delete(r.answers, "state_getRuntimeVersion")
	delete(r.answers, "chain_getBlockHash")
}
