package events

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTail reads the last bytes of a log over two files, whatever their number:
// whole lines, the last ones, as many as begin there.
func TestTail(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	var starts []int64 // of the lines
	var size int64
	for n, name := range []string{full(path, 3), full(path, 4), path} {
		var text []byte
		for b := range uint64(3) {
			line, err := encode(Line{Event: event(uint64(3*n) + b)})
			if err != nil {
				t.Fatal(err)
			}
			starts = append(starts, size)
			size += int64(len(line))
			text = append(text, line...)
		}
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for bytes := int64(-1); bytes <= size+1; bytes++ {
		l, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Tail(bytes); err != nil {
			t.Fatal(err)
		}
		next := uint64(0)
		for next < uint64(len(starts)) && starts[next] < size-bytes {
			next++
		}
		for line, err := range l.Lines() {
			if err != nil || line.Block != next {
				t.Fatalf("the last %d bytes: block %d, want %d, %v", bytes, line.Block, next, err)
			}
			next++
		}
		if next != uint64(len(starts)) || l.Skipped() != 0 || l.Read() != l.Size() {
			t.Fatalf("the last %d bytes end at block %d, %d skipped, %d of %d read", bytes, next, l.Skipped(), l.Read(), l.Size())
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
