package index_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/index/indextest"
	"github.com/filetao/filetao/wallet"
)

// counting is random things done to what an owner has, in an index that dies now and
// then between two commits.
type counting struct {
	kv  *mortal
	x   *index.Index
	ctx context.Context
}

// What Usage says is what there is, whatever was done and wherever it was cut off.
func TestUsageIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		kv := &mortal{groups: map[string]map[string][]byte{}, left: -1}
		c := &counting{kv, index.New(kv), t.Context()}
		rt.Repeat(map[string]func(*rapid.T){
			"put": c.put, "put 2": c.put, "commit": c.commit, "commit 2": c.commit, "remove": c.remove, "drop": c.drop,
			"sweep": func(rt *rapid.T) {
				c.try(rt, func() error { _, err := c.x.Sweep(c.ctx, 0); return err })
			},
			"": c.check,
		})
	})
}

// try does something that may be cut off.
func (c *counting) try(rt *rapid.T, do func() error) {
	left := -1
	if rapid.Bool().Draw(rt, "dies") {
		left = rapid.IntRange(0, 8).Draw(rt, "after")
	}
	c.kv.revive(left, rapid.Bool().Draw(rt, "last"))
	if err := do(); err != nil && !errors.Is(err, errKilled) && !errors.Is(err, index.ErrNotFound) {
		rt.Fatal(err)
	}
	c.kv.revive(-1, false)
}

func (c *counting) put(rt *rapid.T) {
	s := indextest.Segment(draw(rt, "owner", 2), draw(rt, "upload", 2), draw(rt, "segment", 4))
	s.Index %= 3
	c.try(rt, func() error { return c.x.PutSegment(c.ctx, s, time.Unix(1, 0)) })
}

func (c *counting) commit(rt *rapid.T) {
	owner, upload := indextest.Address(draw(rt, "owner", 2)), indextest.UploadID(draw(rt, "upload", 2))
	parts, err := c.x.UploadParts(c.ctx, owner, upload, 0, 10)
	if err != nil {
		rt.Fatal(err)
	}
	o := index.Object{
		Owner: owner, CID: indextest.CID(draw(rt, "cid", 3)), Size: 10, Takes: int64(draw(rt, "takes", 3)) * 9, Manifest: []byte("m"),
		Signature: make([]byte, index.SignatureSize),
	}
	var segments []string
	if draw(rt, "inline", 3) > 0 {
		o.Upload = upload
		for _, p := range parts {
			segments = append(segments, p.ID)
		}
	}
	c.try(rt, func() error { _, err := c.x.PutObject(c.ctx, o, segments); return err })
}

func (c *counting) remove(rt *rapid.T) {
	owner, cid := indextest.Address(draw(rt, "owner", 2)), indextest.CID(draw(rt, "cid", 3))
	c.try(rt, func() error { _, err := c.x.RemoveObject(c.ctx, owner, cid); return err })
}

func (c *counting) drop(rt *rapid.T) {
	owner, upload := indextest.Address(draw(rt, "owner", 2)), indextest.UploadID(draw(rt, "upload", 2))
	c.try(rt, func() error { _, err := c.x.DropUpload(c.ctx, owner, upload); return err })
}

func (c *counting) check(rt *rapid.T) {
	for n := range uint32(2) {
		owner := indextest.Address(n)
		got, err := c.x.Usage(c.ctx, owner)
		if err != nil {
			rt.Fatal(err)
		}
		if want := c.recount(rt, owner); got != want {
			rt.Fatalf("%s takes %+v, and Usage says %+v", owner, want, got)
		}
	}
}

// recount looks at all there is. An upload that was committed is not counted, though
// what is left of it may be there still.
func (c *counting) recount(rt *rapid.T, owner wallet.Address) (sum index.Usage) {
	all, err := c.x.Objects(c.ctx, owner, "", 10)
	if err != nil {
		rt.Fatal(err)
	}
	for _, o := range all {
		whole, err := c.x.Object(c.ctx, owner, o.CID)
		if err != nil {
			rt.Fatal(err)
		}
		sum = sum.Add(index.Usage{Bytes: max(o.Size, o.Takes), Objects: 1, Segments: int64(len(whole.Segments))})
	}
	for u, err := range c.x.Uploads(c.ctx) {
		if err != nil {
			rt.Fatal(err)
		}
		if u.Owner != owner || !c.open(u) {
			continue
		}
		parts, err := c.x.UploadParts(c.ctx, owner, u.ID, 0, 10)
		if err != nil {
			rt.Fatal(err)
		}
		sum.Uploads++
		for _, p := range parts {
			sum = sum.Add(index.Usage{Bytes: p.Scheme.ShardSize(p.Size) * int64(p.Scheme.Total), Segments: 1})
		}
	}
	return sum
}

// open says whether an upload is led to as the very one that it is.
func (c *counting) open(u index.Upload) bool {
	touched := string(c.kv.groups[fmt.Sprintf("upload:{%s/%s}", u.Owner, u.ID)]["touched"])
	for field := range c.kv.groups[fmt.Sprintf("objects:{%s}", u.Owner)] {
		var id, token string
		if n, _ := fmt.Sscanf(field, "upload:%32s", &id); n == 1 && id == u.ID {
			token = field[len("upload:")+33:]
			if len(token) == 16 && strings.Contains(touched, `"lead":"`+token+`"`) {
				return true
			}
		}
	}
	return false
}
