package substrate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// recording is one folder of testdata/vectors/chain: what a real runtime said.
type recording struct {
	dir     string
	net     chain.NetUID
	version version
	genesis chain.Hash
	// metadata14 is always there, metadata15 of runtime 300 only.
	metadata14, metadata15 hexBytes
	types                  *scale.Metadata
	storage                recordedStorage
	blocks                 []recordedBlock
	calls                  []recordedCall
	extrinsics             []recordedExtrinsic
}

type recordedStorage struct {
	Number  uint64     `json:"block_number"`
	Hash    chain.Hash `json:"block_hash"`
	NetUID  chain.NetUID
	Entries []struct {
		Pallet, Item string
		Keys         []any
		Key          hexBytes  `json:"storage_key"`
		Value        *hexBytes `json:"value"`
		Decoded      json.RawMessage
	}
	Paged []struct {
		Params []json.RawMessage
		Result []hexBytes
	} `json:"keys_paged"`
}

type recordedBlock struct {
	Number     uint64     `json:"block_number"`
	Hash       chain.Hash `json:"block_hash"`
	Header     json.RawMessage
	Extrinsics []hexBytes
	EventsRaw  hexBytes `json:"events_raw"`
	Events     []struct {
		Section, Method string
		Data            []any
	}
}

type recordedCall struct {
	Method  string
	Args    []any
	Params  []json.RawMessage
	Result  *hexBytes
	Error   *rpcError
	Decoded json.RawMessage
}

type recordedExtrinsic struct {
	Label string
	Call  struct {
		Section, Method string
		Hex             hexBytes `json:"call_hex"`
	}
	Signer    string
	Nonce     uint64
	Tip       uint64
	EraHex    hexBytes   `json:"era_hex"`
	EraHash   chain.Hash `json:"era_block_hash"`
	Message   hexBytes   `json:"signed_message"`
	Signature hexBytes
	Extrinsic hexBytes
	Result    struct {
		Pool struct {
			Error *rpcError
		}
		Included bool
		Hash     chain.Hash `json:"block_hash"`
		Index    int        `json:"extrinsic_index"`
		Success  bool
	}
}

func load(t testing.TB, dir, file string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../testdata/vectors/chain", dir, file))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s/%s: %v", dir, file, err)
	}
}

func loadRecording(t testing.TB, dir string) *recording {
	t.Helper()
	r := &recording{dir: dir}
	var metadata struct{ Metadata hexBytes }
	load(t, dir, "metadata.json", &metadata)
	r.metadata14 = metadata.Metadata
	if dir == "spec300" {
		load(t, dir, "metadata_v15.json", &metadata)
		r.metadata15 = metadata.Metadata
	}
	var err error
	if r.types, err = scale.ParseMetadata(metadata.Metadata); err != nil {
		t.Fatal(err)
	}
	var events struct{ Blocks []recordedBlock }
	var calls struct{ Calls []recordedCall }
	var extrinsics struct{ Extrinsics []recordedExtrinsic }
	load(t, dir, "storage.json", &r.storage)
	load(t, dir, "events.json", &events)
	load(t, dir, "runtime_api.json", &calls)
	load(t, dir, "extrinsics.json", &extrinsics)
	var texts map[string]json.RawMessage
	load(t, dir, "runtime.json", &texts)
	r.net, r.blocks, r.calls, r.extrinsics = r.storage.NetUID, events.Blocks, calls.Calls, extrinsics.Extrinsics
	answer := func(method string, into any) {
		var a struct{ Result json.RawMessage }
		if json.Unmarshal(texts[method], &a) != nil || json.Unmarshal(a.Result, into) != nil {
			t.Fatalf("%s: no answer to %s", dir, method)
		}
	}
	answer("state_getRuntimeVersion", &r.version)
	answer("chain_getBlockHash", &r.genesis)
	if len(r.storage.Entries) < 100 || len(r.blocks) < 30 || len(r.calls) < 10 || len(r.extrinsics) < 30 {
		t.Fatalf("%s: %d entries, %d blocks, %d calls, %d extrinsics", dir, len(r.storage.Entries), len(r.blocks), len(r.calls), len(r.extrinsics))
	}
	return r
}

// eachRecording runs a test with each recorded runtime.
func eachRecording(t *testing.T, test func(t *testing.T, r *recording)) {
	for _, dir := range []string{"spec185", "spec218", "spec300"} {
		t.Run(dir, func(t *testing.T) { test(t, loadRecording(t, dir)) })
	}
}

// decoded is the recorded meaning of a storage item under the subnet, or under
// other keys.
func (r *recording) decoded(t testing.TB, item string, into any, keys ...any) {
	t.Helper()
	want, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range r.storage.Entries {
		have, err := json.Marshal(e.Keys)
		if err != nil {
			t.Fatal(err)
		}
		if e.Item == item && (string(have) == string(want) || len(keys) == 0 && len(e.Keys) == 0) {
			if err := json.Unmarshal(e.Decoded, into); err != nil {
				t.Fatalf("%s %s: %v", item, want, err)
			}
			return
		}
	}
	t.Fatalf("%s: no %s of %s was recorded", r.dir, item, want)
}
