package events

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestALineThatWasCutOff cuts the last line off after each of its bytes: the
// lines before it stay, and so does the next one.
func TestALineThatWasCutOff(t *testing.T) {
	var whole []byte
	for b := uint64(1); b <= 3; b++ {
		text, err := encode(Line{Event: event(b)})
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, text...)
	}
	last := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	path := filepath.Join(t.TempDir(), FileName)
	for cut := last; cut <= len(whole); cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		want := uint64(2)
		if cut >= len(whole)-1 {
			want = 3 // only its end was missing
		}
		wantBlocks(t, path, 1, want) // before it is mended …
		writeAll(t, New(DefaultConfig(path), Deps{}), want+1, want+1)
		wantBlocks(t, path, 1, want+1) // … and then
	}
}

// TestAFileThatIsNotOurs is not cut.
func TestAFileThatIsNotOurs(t *testing.T) {
	for _, before := range []string{"notes", "{}\nnotes", string(bytes.Repeat([]byte("a"), MaxLine+7)), "\x00\x00\x00", `{"task_name":"a","x":1} `} {
		path := filepath.Join(t.TempDir(), FileName)
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		writeAll(t, New(DefaultConfig(path), Deps{}), 5, 5)
		after, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(after, []byte(before+"\n")) {
			t.Errorf("%.20q became %.20q (%v)", before, after, err)
		}
		if lines, _ := read(t, path); len(lines) == 0 || lines[len(lines)-1].Block != 5 {
			t.Errorf("%.20q: blocks %v", before, blocks(lines))
		}
	}
}

// failing is a file whose step-th call fails; keeps says how much of what was
// written then stays.
type failing struct {
	file
	step  *int
	keeps int
}

func (f failing) fails() bool {
	*f.step--
	return *f.step == 0
}

func (f failing) Write(p []byte) (int, error) {
	if !f.fails() {
		return f.file.Write(p)
	}
	n, err := f.file.Write(p[:min(f.keeps, len(p))])
	if err == nil {
		err = syscall.ENOSPC
	}
	return n, err
}

func (f failing) Sync() error {
	if f.fails() {
		return syscall.EIO
	}
	return f.file.Sync()
}

// TestEveryFailureCostsOneEvent fails each write, sync and open of a log over
// four files in turn, with nothing, a part or all of a line reaching the disk.
func TestEveryFailureCostsOneEvent(t *testing.T) {
	for step := 1; step < 20; step++ {
		for _, keeps := range []int{0, 1, 100, MaxLine} {
			t.Run(fmt.Sprintf("%d/%d", step, keeps), func(t *testing.T) { failOnce(t, step, keeps, 15) })
		}
	}
}

func failOnce(t *testing.T, step, keeps, n int) {
	path := filepath.Join(t.TempDir(), FileName)
	seen := logs{}
	w := New(Config{Path: path, Files: 9}, Deps{Log: slog.New(seen)})
	w.cfg.FileSize = 2000 // three lines
	w.open = func(path string) (file, int64, error) {
		if step--; step == 0 {
			return nil, 0, syscall.EMFILE
		}
		f, size, err := openFile(path)
		return failing{f, &step, keeps}, size, err
	}
	for b := range uint64(n) {
		w.append(Line{Event: event(1000 + b)})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lines, skipped := read(t, path)
	if w.Lost() != 1 || skipped != 0 || len(lines) < n-1 || seen[slog.LevelError] != 1 || seen[slog.LevelInfo] != 1 {
		t.Fatalf("%d of %d lines, %d skipped, %d lost, logged %v", len(lines), n, skipped, w.Lost(), seen)
	}
	for i := 1; i < len(lines); i++ {
		if lines[i].Block <= lines[i-1].Block {
			t.Fatalf("block %d follows %d", lines[i].Block, lines[i-1].Block)
		}
	}
}

// TestAFullDisk has every write fail for a while.
func TestAFullDisk(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	path := filepath.Join(dir, FileName)
	seen := logs{}
	w := New(DefaultConfig(path), Deps{Log: slog.New(seen)})
	for b := range uint64(10) {
		w.append(Line{Event: event(b)})
	}
	if w.Lost() != 10 || seen[slog.LevelError] != 1 {
		t.Fatalf("%d lost, logged %v", w.Lost(), seen)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	writeAll(t, w, 10, 12)
	wantBlocks(t, path, 10, 12)
}
