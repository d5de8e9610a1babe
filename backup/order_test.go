package backup

import (
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest/pack"
)

// What the index does not know is in two packs: the later one stays right when the
// earlier one is put together with others.
func TestUnknownKeepsItsOrder(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		owner, err := b.owner.Owner.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.shelf(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		id := cid.Sum([]byte("unknown"))
		now := time.Now()
		v := func(ttl time.Duration, size int) pack.Record {
			return pack.Record{Owner: owner, CID: id, Object: &pack.Object{Stored: now, TTL: ttl, Manifest: make([]byte, size)}}
		}
		for _, r := range []pack.Record{v(100*time.Hour, 100), v(10000*time.Hour, 6000)} { // put, then overwritten and kept longer
			var u batch
			u.add(index.ObjectName{Owner: b.owner.Owner, CID: id}, r)
			if err := b.store(t.Context(), s, &u); err != nil {
				t.Fatal(err)
			}
			elapse(time.Minute)
		}
		if got := b.kept(t)[id]; got.Object.TTL != 10000*time.Hour {
			t.Fatal("at first", got.Object.TTL)
		}
		for n := range 20 {
			b.put(t, 10+n, 300, time.Hour*1000)
			elapse(time.Minute)
			b.pass(t)
		}
		if got := b.kept(t)[id]; got.Object.TTL != 10000*time.Hour {
			t.Fatalf("the older record decides now: %v", got.Object.TTL)
		}
	})
}
