package load

import (
	"slices"
	"time"
)

// meter measures what happens between its start and its end.
type meter struct {
	start   time.Time
	cpu     time.Duration
	traffic func() int64
	bytes   int64
}

func startMeter(traffic func() int64) *meter {
	m := &meter{traffic: traffic}
	if traffic != nil {
		m.bytes = traffic()
	}
	forgetPeak()
	m.cpu, m.start = processorTime(), time.Now()
	return m
}

// stop writes down what it was.
func (m *meter) stop(r *Result) {
	r.Seconds = time.Since(m.start).Seconds()
	r.CPUSeconds = (processorTime() - m.cpu).Seconds()
	r.Memory = peakMemory()
	bytes := float64(r.Size) * float64(r.Count)
	r.PerSecond, r.CPUEach = float64(r.Count)/r.Seconds, r.CPUSeconds/float64(r.Count)*1e3
	if bytes == 0 || r.Op != Put && r.Op != Get && r.Op != Tag {
		return
	}
	r.MBPerSecond, r.CPUPerGB = bytes/r.Seconds/1e6, r.CPUSeconds/bytes*1e9
	if m.traffic != nil {
		r.PerUserByte = float64(m.traffic()-m.bytes) / bytes
	}
}

// milliseconds is a quantile of some times.
func milliseconds(times []time.Duration, q float64) float64 {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[int(q*float64(len(sorted)-1)+0.5)].Seconds() * 1e3
}
