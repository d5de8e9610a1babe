package client_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/manifest"
)

// pattern is a file of any size that takes no room: the same bytes over and over,
// of a length that no block has.
type pattern struct {
	period []byte
	size   int64
}

func newPattern(size int64) pattern { return pattern{text(1_000_003), size} }

func (p pattern) ReadAt(b []byte, off int64) (n int, err error) {
	if left := p.size - off; int64(len(b)) > left {
		b, err = b[:max(0, left)], io.EOF
	}
	for n < len(b) {
		n += copy(b[n:], p.period[(off+int64(n))%int64(len(p.period)):])
	}
	return n, err
}

// resident is the most memory in bytes that this process has had at a time since
// the last call.
func resident(t *testing.T) int64 {
	t.Helper()
	status, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skip("needs Linux's /proc")
	}
	defer status.Close()
	for s := bufio.NewScanner(status); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			check(t, err)
			check(t, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0))
			return kib << 10
		}
	}
	t.Fatal("the system does not say")
	return 0
}

// maxResident is what the client and the gateway of a test may have in memory
// together: less than one segment more than everything else needs.
const maxResident = 96 << 20

// TestMemoryIsFlat: a file of more segments than are on their way at a time goes
// out and comes back in little memory. FILETAO_TEST_GIB has it be larger.
func TestMemoryIsFlat(t *testing.T) {
	size := int64(300 << 20)
	if text := os.Getenv("FILETAO_TEST_GIB"); text != "" {
		gib, err := strconv.ParseInt(text, 10, 64)
		check(t, err)
		size = gib << 30
	}
	n, all := streaming(t, 1)
	var err error
	all[0].disk, err = os.Create(filepath.Join(t.TempDir(), "sealed"))
	check(t, err)
	t.Cleanup(func() { check(t, all[0].disk.Close()) })
	c := n.user(t, client.Config{SegmentSize: manifest.SegmentSize})
	within := func(what string, size int64, do func(pattern)) {
		t.Helper()
		debug.FreeOSMemory() // what earlier tests had
		_ = resident(t)
		start := time.Now()
		do(newPattern(size))
		peak, took := resident(t), time.Since(start)
		t.Logf("%s: %d MiB at %.0f MB/s, at most %d MiB resident", what, size>>20, float64(size)/1e6/took.Seconds(), peak>>20)
		if peak > maxResident && !raceEnabled {
			t.Fatalf("%s took %d MiB of memory", what, peak>>20)
		}
	}
	within("put of a stream", 200<<20, func(p pattern) {
		_, err := c.PutFile(t.Context(), client.StreamSource(io.NewSectionReader(p, 0, p.size)), client.PutFileOptions{Keys: keys()})
		check(t, err)
	})
	var stored client.Stored
	within("put of a file", size, func(p pattern) {
		stored, err = c.PutFile(t.Context(), client.FileSource(p, p.size), client.PutFileOptions{Keys: keys()})
		check(t, err)
	})
	within("get", size, func(pattern) {
		_, err := c.GetTo(t.Context(), stored.CID, io.Discard, client.GetFileOptions{Keys: keys()})
		check(t, err)
	})
}

// BenchmarkSealing is what a client computes for each byte that it puts.
func BenchmarkSealing(b *testing.B) {
	const size = 64 << 20
	data := text(size)
	for name, w := range map[string]io.Writer{"cid": cid.NewHasher(), "root": erasure.NewHasher(), "nothing": io.Discard} {
		b.Run(fmt.Sprint("seal and ", name), func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				_, err := io.Copy(w, envelope.NewSealer(envelope.FileKey{1}, bytes.NewReader(data), size))
				check(b, err)
			}
		})
	}
}
