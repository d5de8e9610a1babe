package scale_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/filetao/filetao/scale"
)

type storageRecord struct {
	Pallet, Item string
	Keys         []json.RawMessage
	Hashers      []string
	StorageKey   hexBytes `json:"storage_key"`
	Value        hexBytes
	Modifier     string
	Default      hexBytes
	Decoded      json.RawMessage
}

func TestStorage(t *testing.T) {
	eachRuntime(t, func(t *testing.T, dir string, m *scale.Metadata) {
		var file struct {
			Entries []storageRecord
		}
		vectors(t, filepath.Join(dir, "storage.json"), &file)
		if len(file.Entries) < 100 {
			t.Fatalf("%d entries", len(file.Entries))
		}
		present := 0
		for _, r := range file.Entries {
			if err := checkStorage(m, r); err != nil {
				t.Errorf("%s.%s%s: %v", r.Pallet, r.Item, r.Keys, err)
			}
			if r.Value != nil {
				present++
			}
		}
		if present < 50 {
			t.Errorf("%d values", present)
		}
	})
}

// checkStorage compares key, default, value and what the value means with a
// recorded entry.
func checkStorage(m *scale.Metadata, r storageRecord) error {
	e, err := m.Storage(r.Pallet, r.Item)
	if err != nil {
		return err
	}
	if (e.Modifier == scale.Default) != (r.Modifier == "Default") ||
		e.Modifier == scale.Default && !bytes.Equal(e.Default, r.Default) {
		return fmt.Errorf("modifier %d, default %x", e.Modifier, e.Default)
	}
	if err := checkKey(m, e, r); err != nil {
		return err
	}
	v, present, err := e.Decode(r.Value)
	if err != nil {
		return err
	}
	if want := r.Value != nil || r.Modifier == "Default"; present != want {
		return fmt.Errorf("present %v, want %v", present, want)
	}
	if !present {
		return nil
	}
	want := []byte(r.Value)
	if r.Value == nil {
		want = r.Default
	}
	if b, err := e.Encode(v); err != nil || !bytes.Equal(b, want) {
		return fmt.Errorf("encodes to %x, want %x, %w", b, want, err)
	}
	return sameJSON(m, e.Value, v, r.Decoded)
}

func checkKey(m *scale.Metadata, e scale.Entry, r storageRecord) error {
	args := make([]scale.Value, len(r.Keys))
	for i, text := range r.Keys {
		in, err := parseJSON(text)
		if err != nil {
			return err
		}
		if args[i], err = fromJSON(m, e.Keys[i], in); err != nil {
			return err
		}
		if e.Hashers[i].String() != r.Hashers[i] {
			return fmt.Errorf("hasher %v, want %v", e.Hashers[i], r.Hashers[i])
		}
	}
	key, err := e.Key(args...)
	if err != nil || !bytes.Equal(key, r.StorageKey) {
		return fmt.Errorf("key %x, want %x, %w", key, r.StorageKey, err)
	}
	for n := range args {
		if prefix, err := e.Key(args[:n]...); err != nil || !bytes.HasPrefix(key, prefix) {
			return fmt.Errorf("prefix %x, %w", prefix, err)
		}
	}
	back, err := e.DecodeKey(key)
	if err != nil || !slices.EqualFunc(back, args, scale.Value.Equal) {
		return fmt.Errorf("key decodes to %v, want %v, %w", back, args, err)
	}
	if _, err := e.DecodeKey(append(key, 0)); !errors.Is(err, scale.ErrData) {
		return fmt.Errorf("longer key: %w", err)
	}
	if _, err := e.Key(append(args, scale.Bool(true))...); !errors.Is(err, scale.ErrValue) {
		return fmt.Errorf("one key too many: %w", err)
	}
	return nil
}

// sameJSON compares a value with what polkadot-js showed of it.
func sameJSON(m *scale.Metadata, id scale.TypeID, v scale.Value, text []byte) error {
	in, err := parseJSON(text)
	if err != nil {
		return err
	}
	want, err := fromJSON(m, id, in)
	if err != nil {
		return fmt.Errorf("%v: %w", v, err)
	}
	// Records of JSON have another order of fields, so compare encodings.
	a, errA := m.Encode(id, v)
	b, errB := m.Encode(id, want)
	if err := errors.Join(errA, errB); err != nil || !bytes.Equal(a, b) {
		return fmt.Errorf("%v, want %v, %w", v, want, err)
	}
	return nil
}

// TestKeysPaged sees that the keys that a prefix lists decode.
func TestKeysPaged(t *testing.T) {
	eachRuntime(t, func(t *testing.T, dir string, m *scale.Metadata) {
		var file struct {
			Paged []struct {
				Params []json.RawMessage
				Result []hexBytes
			} `json:"keys_paged"`
		}
		vectors(t, filepath.Join(dir, "storage.json"), &file)
		e, err := m.Storage("SubtensorModule", "Keys")
		if err != nil {
			t.Fatal(err)
		}
		uid := uint64(0)
		for _, page := range file.Paged {
			for _, key := range page.Result {
				args, err := e.DecodeKey(key)
				if err != nil {
					t.Fatal(err)
				}
				prefix, err := e.Key(args[0])
				if err != nil || fmt.Sprintf("%q", "0x"+hex.EncodeToString(prefix)) != string(page.Params[0]) {
					t.Errorf("prefix %x, %v", prefix, err)
				}
				if got, err := args[1].Uint64(); err != nil || got != uid {
					t.Errorf("uid %d, %v, want %d", got, err, uid)
				}
				uid++
			}
		}
		if uid == 0 {
			t.Error("no keys")
		}
	})
}

func TestHashers(t *testing.T) {
	// The recorded keys show what Identity and those with Concat make; none of
	// the recorded runtimes uses the others.
	if got := hex.EncodeToString(scale.Twox128.Hash([]byte("System"))); got != "26aa394eea5630e07c48ae0c9558cef7" {
		t.Errorf("Twox128: %s", got)
	}
	lengths := map[scale.Hasher]int{
		scale.Blake2_128: 16, scale.Blake2_256: 32, scale.Blake2_128Concat: 22,
		scale.Twox128: 16, scale.Twox256: 32, scale.Twox64Concat: 14, scale.Identity: 6,
	}
	for h, want := range lengths {
		if got := len(h.Hash([]byte("System"))); got != want {
			t.Errorf("%v: %d bytes, want %d", h, got, want)
		}
	}
	if !bytes.HasPrefix(scale.Twox256.Hash(nil), scale.Twox128.Hash(nil)) {
		t.Error("Twox256 does not begin with Twox128")
	}
}

func TestOpaqueKey(t *testing.T) {
	m := parse(t, "spec185/metadata.json")
	e, err := m.Storage("SubtensorModule", "Keys")
	if err != nil {
		t.Fatal(err)
	}
	e.Hashers = []scale.Hasher{scale.Twox128, scale.Blake2_256}
	key, err := e.Key(scale.Uint(uint16(1)), scale.Uint(uint16(2)))
	if err != nil || len(key) != 32+16+32 {
		t.Fatalf("%x, %v", key, err)
	}
	if _, err := e.DecodeKey(key); !errors.Is(err, scale.ErrValue) {
		t.Error(err)
	}
	for _, bad := range []string{"Nothing", "System"} {
		if _, err := m.Storage(bad, "Keys"); !errors.Is(err, scale.ErrUnknown) {
			t.Errorf("%s.Keys: %v", bad, err)
		}
	}
}
