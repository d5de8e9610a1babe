package index_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
)

// keeping is random things done to objects, in an index that dies now and then
// between two commits, and a backup of it.
type keeping struct {
	kv   *mortal
	x    *index.Index
	ctx  context.Context
	kept map[index.ObjectName]string // what the backup has
	sure map[index.ObjectName]bool   // whose last change was acknowledged
}

// What was acknowledged is in the next backup that goes by News, and everything in one
// that looks through all, whatever was done and wherever it was cut off.
func TestNewsAreWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kv := &mortal{groups: map[string]map[string][]byte{}, left: -1}
		k := &keeping{kv, index.New(kv), t.Context(), map[index.ObjectName]string{}, map[index.ObjectName]bool{}}
		rt.Repeat(map[string]func(*rapid.T){
			"put": k.put, "put 2": k.put, "renew": k.renew, "remove": k.remove,
			"back up":        func(rt *rapid.T) { k.backUp(rt, false) },
			"back up all":    func(rt *rapid.T) { k.backUp(rt, true) },
			"change as read": k.changeAsRead,
			"all anew":       func(rt *rapid.T) { k.cutOff(rt, func() error { return k.x.ChangeAll(k.ctx) }) },
			"sweep": func(rt *rapid.T) {
				k.cutOff(rt, func() error { _, err := k.x.Sweep(k.ctx, 0); return err })
			},
		})
	})
}

// cutOff does something that may be cut off, and says whether it came to its end.
func (k *keeping) cutOff(rt *rapid.T, do func() error) bool {
	left := -1
	if rapid.Bool().Draw(rt, "dies") {
		left = rapid.IntRange(0, 4).Draw(rt, "after")
	}
	k.kv.revive(left, rapid.Bool().Draw(rt, "last"))
	err := do()
	k.kv.revive(-1, false)
	if err != nil && !errors.Is(err, errKilled) && !errors.Is(err, index.ErrNotFound) {
		rt.Fatal(err)
	}
	return err == nil
}

func (k *keeping) name(rt *rapid.T) index.ObjectName {
	return index.ObjectName{Owner: indextest.Address(draw(rt, "owner", 2)), CID: indextest.CID(draw(rt, "cid", 3))}
}

// change does something to an object.
func (k *keeping) change(rt *rapid.T, name index.ObjectName, do func() error) {
	before := k.is(rt, name)
	if done := k.cutOff(rt, do); k.is(rt, name) != before {
		k.sure[name] = done
	}
}

func (k *keeping) put(rt *rapid.T) { k.putNamed(rt, k.name(rt)) }

func (k *keeping) putNamed(rt *rapid.T, name index.ObjectName) {
	o := index.Object{
		Owner: name.Owner, CID: name.CID, Manifest: fmt.Append(nil, "m", draw(rt, "manifest", 100)), Signature: make([]byte, index.SignatureSize),
		Stored: time.Unix(1e9, 0), TTL: 100 * 365 * 24 * time.Hour,
	}
	k.change(rt, name, func() error { _, err := k.x.PutObject(k.ctx, o, nil); return err })
}

func (k *keeping) renew(rt *rapid.T) {
	name, ttl := k.name(rt), time.Duration(100*365+draw(rt, "ttl", 100))*24*time.Hour
	k.change(rt, name, func() error {
		return k.x.ShortenObject(k.ctx, name.Owner, name.CID, time.Unix(1e9, 0), ttl)
	})
}

func (k *keeping) remove(rt *rapid.T) {
	name := k.name(rt)
	k.change(rt, name, func() error { _, err := k.x.RemoveObject(k.ctx, name.Owner, name.CID); return err })
}

// is how an object stands.
func (k *keeping) is(rt *rapid.T, name index.ObjectName) string {
	known, err := k.x.Known(k.ctx, name)
	if err != nil {
		rt.Fatal(err)
	}
	return state(known)
}

func state(k index.Known) (s string) {
	if k.Gone != nil {
		s = fmt.Sprint(k.Gone.At.UnixNano(), k.Gone.Until)
	}
	if k.Object != nil {
		s += fmt.Sprintf(" %s %v", k.Object.Manifest, k.Object.TTL)
	}
	return s
}

// read has the backup have what has changed.
func (k *keeping) read(changes iter.Seq2[index.Change, error]) (all []index.Change, err error) {
	for c, err := range changes {
		if err != nil {
			return nil, err
		}
		known, err := k.x.Known(k.ctx, c.ObjectName)
		if err != nil {
			return nil, err
		}
		if known.Changed {
			k.kept[c.ObjectName] = state(known)
		}
		all = append(all, c)
	}
	return all, nil
}

// backUp is a backup that may be cut off, after which another one is not.
func (k *keeping) backUp(rt *rapid.T, whole bool) {
	pass := func() error {
		var changes []iter.Seq2[index.Change, error]
		if whole {
			changes = append(changes, k.x.Changes(k.ctx))
		}
		for _, from := range append(changes, k.x.News(k.ctx)) {
			all, err := k.read(from)
			if err == nil {
				err = k.x.BackedUp(k.ctx, all)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	k.cutOff(rt, pass)
	if err := pass(); err != nil {
		rt.Fatal(err)
	}
	k.check(rt, whole)
}

// changeAsRead has objects change between being read and being backed up.
func (k *keeping) changeAsRead(rt *rapid.T) {
	all, err := k.read(k.x.News(k.ctx))
	if err != nil {
		rt.Fatal(err)
	}
	for _, c := range all {
		switch draw(rt, "then", 3) {
		case 0:
			k.putNamed(rt, c.ObjectName)
		case 1:
			k.change(rt, c.ObjectName, func() error { _, err := k.x.RemoveObject(k.ctx, c.Owner, c.CID); return err })
		}
	}
	if err := k.x.BackedUp(k.ctx, all); err != nil {
		rt.Fatal(err)
	}
}

func (k *keeping) check(rt *rapid.T, whole bool) {
	for name, sure := range k.sure {
		is := k.is(rt, name)
		if (sure || whole) && k.kept[name] != is {
			rt.Fatalf("%v is %q, and the backup has %q", name, is, k.kept[name])
		}
	}
	if whole {
		for c, err := range k.x.News(k.ctx) {
			rt.Fatalf("%v is still news, %v", c, err)
		}
		for c, err := range k.x.Changes(k.ctx) {
			rt.Fatalf("%v is still a change, %v", c, err)
		}
	}
}
