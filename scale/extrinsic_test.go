package scale_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
	"golang.org/x/crypto/blake2b"

	"github.com/filetao/filetao/scale"
)

type extrinsicRecord struct {
	Label string
	Call  struct {
		Section, Method string
		Args            json.RawMessage
		Hex             hexBytes `json:"call_hex"`
	}
	SignerPublic hexBytes `json:"signer_public"`
	Nonce        uint64
	Era          any
	EraHex       hexBytes `json:"era_hex"`
	EraHash      hexBytes `json:"era_block_hash"`
	Tip          uint64
	Genesis      hexBytes `json:"genesis_hash"`
	Spec         uint32   `json:"spec_version"`
	Tx           uint32   `json:"transaction_version"`
	Extensions   []string `json:"signed_extensions"`
	Payload      hexBytes
	Hashed       bool
	Message      hexBytes `json:"signed_message"`
	Signature    hexBytes
	Valid        bool `json:"signature_valid"`
	Extrinsic    hexBytes
	Hash         hexBytes `json:"extrinsic_hash"`
	Result       struct {
		Block uint64 `json:"block_number"`
		Index int    `json:"extrinsic_index"`
		Error *struct {
			Decoded struct{ Section, Name, Docs string }
		}
	}
}

func extrinsics(t testing.TB, dir string) []extrinsicRecord {
	t.Helper()
	var file struct{ Extrinsics []extrinsicRecord }
	vectors(t, filepath.Join(dir, "extrinsics.json"), &file)
	if len(file.Extrinsics) < 30 {
		t.Fatalf("%d extrinsics", len(file.Extrinsics))
	}
	return file.Extrinsics
}

// params are what a recorded transaction signs besides its call.
func (x extrinsicRecord) params() scale.TxParams {
	p := scale.TxParams{
		Nonce: x.Nonce, Tip: x.Tip, SpecVersion: x.Spec, TransactionVersion: x.Tx,
		Genesis: [32]byte(x.Genesis), Checkpoint: [32]byte(x.EraHash),
	}
	if mortal, ok := x.Era.(map[string]any); ok {
		era := mortal["mortal"].(map[string]any)
		p.Era = scale.MortalEra(uint64(era["period"].(float64)), uint64(era["at_block"].(float64)))
	}
	return p
}

func TestExtrinsics(t *testing.T) {
	eachRuntime(t, func(t *testing.T, dir string, m *scale.Metadata) {
		long, mortal, invalid := 0, 0, 0
		for _, x := range extrinsics(t, dir) {
			if err := errors.Join(checkBuild(m, x), checkDecode(m, x)); err != nil {
				t.Errorf("%s: %v", x.Label, err)
			}
			if x.Hashed {
				long++
			}
			if len(x.EraHex) == 2 {
				mortal++
			}
			if !x.Valid {
				invalid++
			}
		}
		if long == 0 || mortal == 0 || invalid == 0 {
			t.Errorf("%d hashed payloads, %d mortal ones, %d bad signatures", long, mortal, invalid)
		}
	})
}

// checkBuild makes a recorded transaction out of its parts.
func checkBuild(m *scale.Metadata, x extrinsicRecord) error {
	var names []string
	for _, ext := range m.SignedExtensions() {
		names = append(names, ext.Name)
	}
	if !slices.Equal(names, x.Extensions) {
		return fmt.Errorf("extensions %v, want %v", names, x.Extensions)
	}
	in, err := parseJSON(x.Call.Args)
	if err != nil {
		return err
	}
	pallet, name, args, err := callParts(m, x.Call.Section, map[string]any{"method": x.Call.Method, "args": in})
	if err != nil {
		return err
	}
	call, err := m.Call(pallet, name, args)
	if err != nil || !bytes.Equal(call, x.Call.Hex) {
		return fmt.Errorf("call %x, want %x, %w", call, x.Call.Hex, err)
	}
	p := x.params()
	if got := p.Era.Append(nil); !bytes.Equal(got, x.EraHex) {
		return fmt.Errorf("era %x, want %x", got, x.EraHex)
	}
	payload, err := m.Payload(call, p)
	if err != nil || !bytes.Equal(payload, x.Payload) {
		return fmt.Errorf("payload %x, want %x, %w", payload, x.Payload, err)
	}
	message, err := m.SigningPayload(call, p)
	if err != nil || !bytes.Equal(message, x.Message) || (len(payload) > 256) != x.Hashed {
		return fmt.Errorf("message %x, want %x, %w", message, x.Message, err)
	}
	b, err := m.SignedExtrinsic(call, [32]byte(x.SignerPublic), [64]byte(x.Signature), p)
	if err != nil || !bytes.Equal(b, x.Extrinsic) {
		return fmt.Errorf("extrinsic %x, want %x, %w", b, x.Extrinsic, err)
	}
	if sum := blake2b.Sum256(b); !bytes.Equal(sum[:], x.Hash) {
		return fmt.Errorf("hash %x, want %x", sum, x.Hash)
	}
	return nil
}

// checkDecode takes a recorded transaction apart and checks its signature with
// nothing but what is in it and what both sides know.
func checkDecode(m *scale.Metadata, x extrinsicRecord) error {
	got, err := m.DecodeExtrinsic(x.Extrinsic)
	if err != nil {
		return err
	}
	if !got.Signed || plain(got.Call.Pallet) != plain(x.Call.Section) || plain(got.Call.Name) != plain(x.Call.Method) {
		return fmt.Errorf("signed %v, call %s.%s", got.Signed, got.Call.Pallet, got.Call.Name)
	}
	account, errA := got.Account()
	signature, errS := got.Sr25519()
	p, errP := got.Params()
	if err := errors.Join(errA, errS, errP); err != nil {
		return err
	}
	if !bytes.Equal(account[:], x.SignerPublic) || p.Nonce != x.Nonce || p.Tip != x.Tip || p.Era != x.params().Era {
		return fmt.Errorf("account %x, params %+v", account, p)
	}
	p.SpecVersion, p.TransactionVersion = x.Spec, x.Tx
	p.Genesis, p.Checkpoint = [32]byte(x.Genesis), [32]byte(x.EraHash)
	message, err := m.SigningPayload(got.CallBytes, p)
	if err != nil || !bytes.Equal(message, x.Message) {
		return fmt.Errorf("message %x, want %x, %w", message, x.Message, err)
	}
	key, err := sr25519.NewPublicKeyFromBytes(account[:])
	if err != nil {
		return err
	}
	sig, err := sr25519.NewSignatureFromBytes(signature[:])
	valid := err == nil && key.Verify(sr25519.NewSigningContext([]byte("substrate")).NewTranscriptBytes(message), sig)
	if valid != x.Valid {
		return fmt.Errorf("signature valid: %v, want %v", valid, x.Valid)
	}
	return nil
}

// TestBlockExtrinsics decodes whole blocks, inherents included.
func TestBlockExtrinsics(t *testing.T) {
	eachRuntime(t, func(t *testing.T, dir string, m *scale.Metadata) {
		bare, signed := 0, 0
		for _, block := range blocks(t, dir) {
			for i, raw := range block.Extrinsics {
				x, err := m.DecodeExtrinsic(raw)
				if err != nil {
					t.Fatalf("block %d: extrinsic %d: %v", block.Number, i, err)
				}
				if x.Signed {
					signed++
					continue
				}
				bare++
				args := make(map[string]scale.Value)
				for j, name := range x.Call.Args.Names {
					args[name] = x.Call.Args.Values[j]
				}
				call, errC := m.Call(x.Call.Pallet, x.Call.Name, args)
				back, errB := m.BareExtrinsic(call)
				if err := errors.Join(errC, errB); err != nil || !bytes.Equal(back, raw) {
					t.Errorf("%x, want %x, %v", back, raw, err)
				}
			}
		}
		if bare < 30 || signed < 30 {
			t.Errorf("%d bare and %d signed extrinsics", bare, signed)
		}
	})
}

func TestCallRefusals(t *testing.T) {
	m := parse(t, "spec300/metadata.json")
	good := func() map[string]scale.Value {
		return map[string]scale.Value{"netuid": scale.Uint(uint16(2)), "hotkey": scale.Bytes(make([]byte, 32))}
	}
	if _, err := m.Call("SubtensorModule", "burned_register", good()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		pallet, call string
		change       func(map[string]scale.Value)
		want         error
		says         string
	}{
		"pallet":   {"Nothing", "burned_register", func(map[string]scale.Value) {}, scale.ErrUnknown, "Nothing"},
		"call":     {"SubtensorModule", "burn", func(map[string]scale.Value) {}, scale.ErrUnknown, "burn"},
		"missing":  {"SubtensorModule", "burned_register", func(a map[string]scale.Value) { delete(a, "hotkey") }, scale.ErrValue, "hotkey"},
		"too many": {"SubtensorModule", "burned_register", func(a map[string]scale.Value) { a["tip"] = scale.None() }, scale.ErrValue, "2 arguments"},
		"range":    {"SubtensorModule", "burned_register", func(a map[string]scale.Value) { a["netuid"] = scale.Uint(uint32(1 << 16)) }, scale.ErrValue, "netuid"},
		"length":   {"SubtensorModule", "burned_register", func(a map[string]scale.Value) { a["hotkey"] = scale.Bytes(nil) }, scale.ErrValue, "hotkey"},
		"kind":     {"SubtensorModule", "burned_register", func(a map[string]scale.Value) { a["netuid"] = scale.Text("2") }, scale.ErrValue, "text where integer"},
	} {
		args := good()
		c.change(args)
		if _, err := m.Call(c.pallet, c.call, args); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestExtrinsicRefusals(t *testing.T) {
	m := parse(t, "spec300/metadata.json")
	whole := extrinsics(t, "spec300")[0].Extrinsic
	for n := range whole {
		if _, err := m.DecodeExtrinsic(whole[:n]); !errors.Is(err, scale.ErrData) {
			t.Fatalf("cut after %d bytes: %v", n, err)
		}
	}
	for _, b := range [][]byte{nil, {0}, append(slices.Clone(whole), 0), {8, 5, 0}, {8, 0x85, 0}} {
		if _, err := m.DecodeExtrinsic(b); !errors.Is(err, scale.ErrData) {
			t.Errorf("%x: %v", b, err)
		}
	}
}

// TestUnknownExtension changes the name of an extension in real metadata: one
// that carries nothing may be called anything, any other is refused by name.
func TestUnknownExtension(t *testing.T) {
	raw := rawMetadata(t, "spec300/metadata.json")
	renamed := func(from, to string) *scale.Metadata {
		at := bytes.LastIndex(raw, []byte(from))
		changed := slices.Concat(raw[:at], []byte(to), raw[at+len(from):])
		m, err := scale.ParseMetadata(changed)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	x := extrinsics(t, "spec300")[0]
	m := renamed("SubtensorTransactionExtension", "SomethingTransactionExtension")
	if got, err := m.Payload(x.Call.Hex, x.params()); err != nil || !bytes.Equal(got, x.Payload) {
		t.Errorf("%x, %v", got, err)
	}
	for from, to := range map[string]string{"CheckMetadataHash": "CheckSomethingOdd", "CheckNonce": "CheckOther", "CheckGenesis": "CheckNonsens"} {
		m := renamed(from, to)
		if _, err := m.SigningPayload(x.Call.Hex, x.params()); !errors.Is(err, scale.ErrExtension) || !strings.Contains(err.Error(), to) {
			t.Errorf("%s: %v", to, err)
		}
		if _, err := m.SignedExtrinsic(x.Call.Hex, [32]byte{}, [64]byte{}, x.params()); !errors.Is(err, scale.ErrExtension) {
			t.Errorf("%s: %v", to, err)
		}
	}
	m = renamed("CheckMortality", "CheckTxVersion") // known, but of another type
	if _, err := m.Payload(x.Call.Hex, x.params()); !errors.Is(err, scale.ErrExtension) {
		t.Error(err)
	}
}

func TestEra(t *testing.T) {
	for _, c := range []struct {
		period, current uint64
		want            scale.Era
		birth, death    uint64
	}{
		{64, 42, scale.Era{Period: 64, Phase: 42}, 42, 106},
		{5, 1001, scale.Era{Period: 8, Phase: 1}, 1001, 1009},
		{0, 7, scale.Era{Period: 4, Phase: 3}, 7, 11},
		{1 << 20, 100003, scale.Era{Period: 1 << 16, Phase: 34464}, 100000, 165536},
		{32768, 20001, scale.Era{Period: 32768, Phase: 20000}, 20000, 52768},
	} {
		e := scale.MortalEra(c.period, c.current)
		if e != c.want || e.Birth(c.current) != c.birth || e.Death(c.current) != c.death || e.Immortal() {
			t.Errorf("%d at %d: %+v, born %d, dies %d", c.period, c.current, e, e.Birth(c.current), e.Death(c.current))
		}
		back, rest, err := scale.DecodeEra(append(e.Append(nil), 9))
		if err != nil || back != e || len(rest) != 1 {
			t.Errorf("%+v: %+v, %x, %v", e, back, rest, err)
		}
	}
	e, rest, err := scale.DecodeEra([]byte{0, 9})
	if err != nil || !e.Immortal() || len(rest) != 1 || e.Birth(77) != 0 || e.Death(77) != 1<<64-1 {
		t.Errorf("immortal: %+v, %x, %v", e, rest, err)
	}
	for _, bad := range [][]byte{nil, {1}, {0x10, 0}, {0xf1, 0xff}} {
		if _, _, err := scale.DecodeEra(bad); !errors.Is(err, scale.ErrData) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}
