package backup

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

// looked is a store that counts how often all of its groups are looked through, and
// an owner's objects.
type looked struct {
	*indextest.Memory
	groups, objects int
}

func (l *looked) Groups(ctx context.Context, prefix string) iter.Seq2[string, error] {
	l.groups++
	return l.Memory.Groups(ctx, prefix)
}

func (l *looked) Scan(ctx context.Context, group, prefix string) iter.Seq2[index.Entry, error] {
	if strings.HasPrefix(group, "objects:") {
		l.objects++
	}
	return l.Memory.Scan(ctx, group, prefix)
}

// over has the backup start over another store.
func (b *bench) over() *looked {
	l := &looked{Memory: indextest.NewMemory()}
	b.ix = index.New(l)
	b.restart()
	return l
}

// TestAPassCostsWhatHasChanged: between two looks through the index none is made,
// packs that are written and put together included.
func TestAPassCostsWhatHasChanged(t *testing.T) {
	run(t, func(t *testing.T, b *bench) {
		l := b.over()
		for n := range 100 {
			b.put(t, n, 300, time.Hour*1000)
		}
		b.pass(t)
		if l.groups == 0 {
			t.Fatal("the first pass looked at nothing")
		}
		l.groups, l.objects = 0, 0
		for n := range 20 {
			b.put(t, 50+4*n, 400, time.Hour*1000)
			elapse(2 * time.Minute)
			b.pass(t)
		}
		if l.groups+l.objects > 0 {
			t.Errorf("20 passes listed %d times the groups and %d times objects", l.groups, l.objects)
		}
		if kept := b.kept(t); len(kept) != 107 {
			t.Errorf("%d objects are kept", len(kept))
		}
		elapse(time.Hour)
		l.groups = 0
		if b.pass(t); l.groups == 0 {
			t.Error("the index is not looked through any more")
		}
	})
}

// TestAnUnheardChangeIsBackedUp: its writer was killed before it could tell anybody.
func TestAnUnheardChangeIsBackedUp(t *testing.T) {
	for n := range 6 {
		commits, restarts := 1+n/2, n%2 == 0 // the third comes after it was acknowledged
		run(t, func(t *testing.T, b *bench) {
			l := b.over()
			b.put(t, 1, 300, time.Hour*1000)
			b.pass(t)
			o := index.Object{
				Owner: b.owner.Owner, CID: cid.Sum(binary.BigEndian.AppendUint32(nil, 2)), Stored: time.Now(), TTL: 1000 * time.Hour,
				Manifest: make([]byte, 300), Signature: make([]byte, index.SignatureSize),
			}
			l.CrashAt(commits, false)
			_, err := b.ix.PutObject(t.Context(), o, nil)
			if crashed := errors.Is(err, indextest.ErrCrash); crashed != (commits < 3) {
				t.Fatal(err)
			}
			l.Restart()
			b.pass(t)
			if kept := b.kept(t)[o.CID].Object != nil; kept != (commits == 3) {
				t.Errorf("%d commits: kept %t by the next pass", commits, kept)
			}
			if restarts {
				b.restart()
			} else {
				elapse(DefaultConfig().CheckPeriod)
			}
			b.pass(t)
			if kept := b.kept(t)[o.CID].Object != nil; kept != (commits > 1) || b.status(t).Waiting > 0 {
				t.Errorf("%d commits: kept %t in the end", commits, kept)
			}
		})
	}
}
