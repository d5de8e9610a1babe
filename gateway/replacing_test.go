package gateway_test

import (
	"testing"
	"time"

	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/wire"
)

// Segments of one byte that are replaced by large ones do not get around the quota.
func TestQuotaByReplacing(t *testing.T) {
	data := noise(80_000)
	n := newNatively(t, 9, gateway.Config{MinSegment: 1, Quota: gateway.Quota{Bytes: 10_000}})
	small := n.uploadMany(t, data[:8], 1)
	for i := range 8 {
		n.putPart(t, &small, data[:8], i)
	}
	big := n.uploadMany(t, data, 10_000) // the last place is only there to count as the upload's
	for i := range 8 {
		if err := n.tryPart(t, &big, data, i); err != nil {
			if wire.StatusOf(err) != wire.StatusFull {
				t.Fatal(err)
			}
			return
		}
	}
	m := n.uploadMany(t, data[:70_000], 10_000)
	for i := range m.Segments {
		m.Segments[i].Scheme = big.Segments[i].Scheme
	}
	_, err := n.commit(t, m, time.Hour)
	used := &wire.Usage{}
	if e := n.ask(t, used, nil); e != nil {
		t.Fatal(e)
	}
	t.Fatalf("commit: %v; used %+v", err, used)
}
