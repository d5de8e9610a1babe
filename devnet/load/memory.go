package load

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
)

// forgetPeak has the system measure the peak anew from now on, where it can.
func forgetPeak() {
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // elsewhere the peak is since the start
}

// peakMemory is the most of this process that was resident, in bytes; where the
// system does not say it, what Go's runtime has now.
func peakMemory() int64 {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		if n, ok := PeakOf(string(status)); ok {
			return n
		}
	}
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// PeakOf reads the peak of the resident memory, in bytes, out of a process's
// /proc/<pid>/status.
func PeakOf(status string) (bytes int64, ok bool) {
	for line := range strings.Lines(status) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err == nil
		}
	}
	return 0, false
}
