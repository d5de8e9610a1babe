package envelope_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/filetao/filetao/envelope"
)

// FuzzOpener: of a changed text nothing is given out but its true beginning.
func FuzzOpener(f *testing.F) {
	plain := text(piece + 100)
	good := sealAll(f, plain)
	f.Add(uint32(0), byte(1), int32(0), int64(0))
	f.Add(uint32(sealed), byte(0x80), int32(0), int64(0))
	f.Add(uint32(7), byte(0), int32(-1), int64(0))
	f.Add(uint32(7), byte(0), int32(-100), int64(0))
	f.Add(uint32(7), byte(0), int32(-116), int64(0))
	f.Add(uint32(7), byte(0), int32(5), int64(0))
	f.Add(uint32(7), byte(0), int32(0), int64(-116))
	f.Add(uint32(7), byte(0), int32(0), int64(-1)<<63)
	f.Fuzz(func(t *testing.T, at uint32, change byte, cut int32, lie int64) {
		bad := bytes.Clone(good)
		bad[int(at)%len(bad)] ^= change
		if cut < 0 {
			bad = bad[:max(0, len(bad)+int(cut))]
		} else {
			bad = append(bad, make([]byte, cut%(2*piece))...)
		}
		got, err := io.ReadAll(envelope.NewOpener(fileKey(), int64(len(bad))+lie, bytes.NewReader(bad), 0))
		if err == nil && (lie != 0 || !bytes.Equal(bad, good)) || err != nil && !errors.Is(err, envelope.ErrOpen) {
			t.Fatalf("%d bytes opened, %v", len(got), err)
		}
		if !bytes.HasPrefix(plain, got) {
			t.Fatal("something else was given out")
		}
	})
}

// FuzzPayload: whatever is a payload of format 2 is written in one way only.
func FuzzPayload(f *testing.F) {
	good := envelope.Payload2([32]byte{1})
	for _, s := range []string{good, good[1:], good + " ", envelope.NoPayload, "", `{"v":2}`, `{"v":3}`, `{"nonce":"00","ciphertext":""}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		salt, ok, err := envelope.ParsePayload2(s)
		if ok != (err == nil && s == envelope.Payload2(salt)) || err != nil && !errors.Is(err, envelope.ErrPayload) {
			t.Fatalf("%q: %v, %v", s, ok, err)
		}
	})
}
