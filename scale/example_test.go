package scale_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"

	"github.com/filetao/filetao/scale"
)

// recorded is a recorded runtime's metadata; a node gives it as
// state_getMetadata.
func recorded() (*scale.Metadata, error) {
	text, err := os.ReadFile("../testdata/vectors/chain/spec300/metadata.json")
	if err != nil {
		return nil, err
	}
	var file struct{ Metadata hexBytes }
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	return scale.ParseMetadata(file.Metadata)
}

// Reading an axon: the key to ask a node for, and what its answer means.
func ExampleEntry() {
	m, err := recorded()
	if err != nil {
		panic(err)
	}
	axons, err := m.Storage("SubtensorModule", "Axons")
	if err != nil {
		panic(err)
	}
	hotkey, err := hex.DecodeString(devKeys["Bob"])
	if err != nil {
		panic(err)
	}
	key, err := axons.Key(scale.Uint(uint16(1)), scale.Bytes(hotkey))
	if err != nil {
		panic(err)
	}
	fmt.Printf("%x...\n", key[:34])

	raw, err := hex.DecodeString("040000000000000062bc5b00076433c60000000000000000000000009b1f04040000")
	if err != nil {
		panic(err)
	}
	axon, present, err := axons.Decode(raw)
	if err != nil {
		panic(err)
	}
	r := scale.NewReader(axon)
	ip, port := r.Big("ip"), r.Uint64("port")
	if r.Err() != nil {
		panic(r.Err())
	}
	fmt.Printf("%v, %x, %d\n", present, ip, port)
	// Output:
	// 658faa385070e074c85bf6b568cf0555b4e0c7b1d5f74994fcd58c28ab601fec0100...
	// true, c6336407, 8091
}

// Making a transaction: call, message to sign, and the bytes to submit.
func ExampleMetadata_SignedExtrinsic() {
	m, err := recorded()
	if err != nil {
		panic(err)
	}
	call, err := m.Call("SubtensorModule", "set_weights", map[string]scale.Value{
		"netuid":      scale.Uint(uint16(2)),
		"dests":       scale.Uints([]uint16{3, 4}),
		"weights":     scale.Uints([]uint16{30000, 60000}),
		"version_key": scale.Uint(uint64(302)),
	})
	if err != nil {
		panic(err)
	}
	p := scale.TxParams{Era: scale.MortalEra(32, 40), Nonce: 2, SpecVersion: 300, TransactionVersion: 1}
	message, err := m.SigningPayload(call, p)
	if err != nil {
		panic(err)
	}
	var signer [32]byte
	var signature [64]byte // of message, by signer
	tx, err := m.SignedExtrinsic(call, signer, signature, p)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%x\n%d bytes to sign, %d to submit\n", call, len(message), len(tx))
	// Output:
	// 07000200080300040008307560ea2e01000000000000
	// 100 bytes to sign, 128 to submit
}
