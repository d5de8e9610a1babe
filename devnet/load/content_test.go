package load

import (
	"bytes"
	"io"
	"testing"
)

// TestContentIsTheSameHoweverItIsRead: in any parts, and each file is another.
func TestContentIsTheSameHoweverItIsRead(t *testing.T) {
	seen := map[string]bool{}
	for _, size := range []int64{1, 16, 4096, 4097, 1 << 20, 1<<20 + 5000} {
		for number := range 2 {
			c := newContent(7, 1, size, number)
			whole := make([]byte, size)
			if n, err := c.ReadAt(whole, 0); int64(n) != size || err != nil {
				t.Fatalf("%d of %d bytes, %v", n, size, err)
			}
			if size >= stampSize && seen[string(whole)] {
				t.Errorf("two files of %d bytes are the same", size)
			}
			seen[string(whole)] = true
			for _, step := range []int64{1, 7, 4095, 4099, 70001} {
				for at := int64(0); at < min(size, 3*step); at += step {
					part := make([]byte, min(step, size-at))
					if _, err := c.ReadAt(part, at); err != nil || !bytes.Equal(part, whole[at:at+int64(len(part))]) {
						t.Fatalf("size %d, %d bytes from %d on differ, %v", size, len(part), at, err)
					}
				}
			}
			if n, err := c.ReadAt(make([]byte, 10), size-1); n != 1 || err != io.EOF {
				t.Errorf("at its end: %d, %v", n, err)
			}
		}
	}
}

func TestPeakOf(t *testing.T) {
	if n, ok := PeakOf("Name:\tx\nVmHWM:\t  123 kB\nVmRSS:\t 5 kB\n"); !ok || n != 123<<10 {
		t.Errorf("%d, %v", n, ok)
	}
	if _, ok := PeakOf("Name:\tx\n"); ok {
		t.Error("a peak where there is none")
	}
}
