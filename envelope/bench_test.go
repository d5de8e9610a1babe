package envelope_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/filetao/filetao/envelope"
)

// Readers are drained as io.Copy's user would, through a buffer of some pieces.
func BenchmarkSealer(b *testing.B) {
	plain, buf := make([]byte, 64<<20), make([]byte, 256<<10)
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		drain(b, envelope.NewSealer(envelope.FileKey{1}, bytes.NewReader(plain), int64(len(plain))), buf)
	}
}

func BenchmarkOpener(b *testing.B) {
	plain, buf := make([]byte, 64<<20), make([]byte, 256<<10)
	sealed, err := io.ReadAll(envelope.NewSealer(envelope.FileKey{1}, bytes.NewReader(plain), -1))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		drain(b, envelope.NewOpener(envelope.FileKey{1}, int64(len(sealed)), bytes.NewReader(sealed), 0), buf)
	}
}

func drain(b *testing.B, r io.Reader, buf []byte) {
	for {
		if _, err := r.Read(buf); err == io.EOF {
			return
		} else if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkShardMask(b *testing.B) {
	m, block := envelope.ShardSecret{1}.Mask([32]byte{2}, 3, [32]byte{4}), make([]byte, envelope.PieceSize)
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		m.XOR(block, 5<<20)
	}
}

func BenchmarkUserKey(b *testing.B) {
	for b.Loop() {
		k := envelope.UserKeyOf("secret")
		k.FileKey(k.Salt([32]byte{1}))
	}
}
