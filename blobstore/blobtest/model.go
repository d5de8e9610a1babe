package blobtest

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// Kind is what an Op does.
type Kind int

// The changes that can be made to a store.
const (
	Put Kind = iota
	SetSeed
	PutTags
	Delete
	PutShard
	Renew
	Scrub
	Expire
)

// Op is one change of a store.
type Op struct {
	Kind  Kind
	Owner wallet.Address
	Data  []byte
	Shard bool          // whether it is about Data as a shard; PutShard always is
	Seed  string        // Put, SetSeed
	Tags  []byte        // PutTags, Renew; one byte at least; PutShard, nil for none
	Find  byte          // PutShard: the tag to be found by, 0 for none
	TTL   time.Duration // Put, PutShard, Renew
	At    time.Time     // Put, PutShard, Renew: time stored; Expire: now
}

// Hash is that of the op's data, in decimal.
func (o Op) Hash() string { return digest(o.Data, o.isShard()).String() }

func (o Op) isShard() bool { return o.Shard || o.Kind == PutShard }

func digest(data []byte, shard bool) proof.Digest {
	if !shard {
		return proof.Sum(data)
	}
	h := erasure.NewHasher()
	_, _ = h.Write(data)
	return proof.Digest(h.Root())
}

// Do makes the change.
func (o Op) Do(ctx context.Context, s *blobstore.Store) error {
	switch o.Kind {
	case Put:
		return s.Put(ctx, blobstore.Record{Owner: o.Owner, Hash: o.Hash(), Seed: o.Seed, Stored: o.At, TTL: o.TTL}, o.Data)
	case SetSeed:
		return s.SetSeed(ctx, o.Owner, o.Hash(), o.Seed)
	case PutTags:
		return s.PutTags(ctx, o.Owner, o.Hash(), o.Tags)
	case Delete:
		return s.Delete(ctx, o.Owner, o.Hash())
	case PutShard:
		rec := blobstore.Record{Owner: o.Owner, Stored: o.At, TTL: o.TTL}
		_, err := s.PutShard(ctx, rec, int64(len(o.Data)), bytes.NewReader(o.Data),
			func(erasure.Root) (blobstore.Beside, error) {
				return blobstore.Beside{Tags: o.Tags, Find: o.find()}, nil
			})
		return err
	case Renew:
		return s.Renew(ctx, o.Owner, o.Hash(), o.At, o.TTL, o.Tags)
	case Scrub:
		var damage error
		_, err := s.Scrub(ctx, 0, func(r blobstore.Record, err error) { damage = errors.Join(damage, err) })
		return errors.Join(damage, err)
	default:
		_, _, err := s.Expire(ctx, o.At)
		return err
	}
}

// Owner makes an address out of a number.
func Owner(n byte) wallet.Address { return wallet.AddressOf([32]byte{n}) }

type key struct {
	owner wallet.Address
	hash  string
}

type claim struct {
	record blobstore.Record
	data   []byte
	tags   string // "" without
	find   byte   // 0 without
}

// same says whether two claims are the same but for their data, which their
// hash names, and for what they are found by, which no op changes alone.
func (c claim) same(d claim) bool { return c.record == d.record && c.tags == d.tags }

// keep leaves a shard its time if that was longer before.
func (c *claim) keep(old blobstore.Record) {
	if r := c.record; r.Shard && r.TTL > 0 && (old.TTL == 0 || old.Stored.Add(old.TTL).After(r.Stored.Add(r.TTL))) {
		c.record.Stored, c.record.TTL = old.Stored, old.TTL
	}
}

// Model is what a store must hold. The zero value is an empty store's.
type Model struct {
	claims map[key]claim
	seen   map[key]bool // ever claimed
}

// Apply changes the model like the op changes a store, and returns the error
// that the op must have: nil, ErrNotFound, or ErrInvalid for the seed of a shard.
func (m *Model) Apply(o Op) error {
	if m.claims == nil {
		m.claims, m.seen = map[key]claim{}, map[key]bool{}
	}
	k := key{o.Owner, o.Hash()}
	c, found := m.claims[k]
	switch {
	case o.Kind == Scrub: // changes nothing
	case o.Kind == Put, o.Kind == PutShard:
		m.seen[k] = true
		old := c.record
		c.data, c.record = o.Data, blobstore.Record{
			Owner: o.Owner, Hash: k.hash, Shard: o.isShard(), Size: int64(len(o.Data)), Stored: o.At, TTL: o.TTL,
		}
		if !o.isShard() {
			c.record.Seed = o.Seed
		} else {
			c.put(o)
		}
		if found {
			c.keep(old)
		}
		m.claims[k] = c
	case o.Kind == Expire:
		maps.DeleteFunc(m.claims, func(_ key, c claim) bool {
			return c.record.TTL > 0 && !c.record.Stored.Add(c.record.TTL).After(o.At)
		})
	case !found:
		return blobstore.ErrNotFound
	case o.Kind == SetSeed && o.Shard:
		return blobstore.ErrInvalid
	case o.Kind == Renew:
		old := c.record
		c.record.Stored, c.record.TTL, c.tags = o.At, o.TTL, string(o.Tags)
		c.keep(old)
		m.claims[k] = c
	case o.Kind == SetSeed:
		c.record.Seed = o.Seed
		m.claims[k] = c
	case o.Kind == PutTags:
		c.tags = string(o.Tags)
		m.claims[k] = c
	case o.Kind == Delete:
		delete(m.claims, k)
	}
	return nil
}

// Settle is for an op that failed or was cut off by a crash: each claim it
// concerns may be as before or as after it. The model takes over what it finds
// and returns an error if that is neither.
func (m *Model) Settle(ctx context.Context, s *blobstore.Store, o Op) error {
	after := Model{maps.Clone(m.claims), maps.Clone(m.seen)}
	_ = after.Apply(o)
	m.seen = after.seen
	for k := range after.seen {
		old, had := m.claims[k]
		now, has := after.claims[k]
		if had == has && old.same(now) {
			continue
		}
		found, err := look(ctx, s, k)
		switch {
		case err == nil && has && found.same(now):
			if m.claims == nil {
				m.claims = map[key]claim{}
			}
			m.claims[k] = now
		case err == nil && had && found.same(old):
		case errors.Is(err, blobstore.ErrNotFound) && (!has || !had):
			delete(m.claims, k)
		default:
			return fmt.Errorf("after an interrupted change of %v: found %+v, %v; before %+v, after %+v", k, found.record, err, old.record, now.record)
		}
	}
	return nil
}

// look is a claim as the store has it, without its data.
func look(ctx context.Context, s *blobstore.Store, k key) (c claim, err error) {
	if c.record, err = s.Stat(ctx, k.owner, k.hash); err != nil {
		return c, err
	}
	tags, err := s.Tags(ctx, k.owner, k.hash)
	if errors.Is(err, blobstore.ErrNotFound) {
		err = nil
	}
	c.tags = string(tags)
	return c, err
}

// Usage is what the store must say of itself, apart from room.
func (m *Model) Usage() (u blobstore.Usage) {
	u.Records = int64(len(m.claims))
	for _, size := range m.contents() {
		u.Objects++
		u.Bytes += size
	}
	return u
}

// contents are the names and sizes of content.
func (m *Model) contents() map[string]int64 {
	all := map[string]int64{}
	for k, c := range m.claims {
		h, _ := proof.ParseDigest(k.hash) // it is a digest's text
		all[hex.EncodeToString(h[:])] = int64(len(c.data))
	}
	return all
}

// Check returns what the store holds too much, too little or wrong: claims,
// data, tags, usage.
func (m *Model) Check(ctx context.Context, s *blobstore.Store) error {
	u, want := s.Usage(), m.Usage()
	if u.Bytes != want.Bytes || u.Objects != want.Objects || u.Records != want.Records {
		return fmt.Errorf("usage %+v, want %+v", u, want)
	}
	return m.CheckClaims(ctx, s)
}

// CheckClaims is Check without the usage, for a store that holds more than the
// model knows of.
func (m *Model) CheckClaims(ctx context.Context, s *blobstore.Store) error {
	for k := range m.seen {
		want, has := m.claims[k]
		data, r, err := s.Read(ctx, k.owner, k.hash)
		switch {
		case !has && !errors.Is(err, blobstore.ErrNotFound):
			return fmt.Errorf("%v should be gone: %+v, %v", k, r, err)
		case has && (err != nil || r != want.record || !bytes.Equal(data, want.data)):
			return fmt.Errorf("%v: %d bytes, %+v, %v; want %d bytes, %+v", k, len(data), r, err, len(want.data), want.record)
		}
		if has && want.record.Shard {
			if err := checkShard(ctx, s, want); err != nil {
				return fmt.Errorf("%v: %w", k, err)
			}
		}
		if err := m.checkFound(ctx, s, k); err != nil {
			return err
		}
		tags, err := s.Tags(ctx, k.owner, k.hash)
		if none := want.tags == ""; none != errors.Is(err, blobstore.ErrNotFound) || !none && err != nil || string(tags) != want.tags {
			return fmt.Errorf("%v: tags %.20q, %v; want %.20q", k, tags, err, want.tags)
		}
	}
	return nil
}

// checkShard reads a shard by its name alone, and checks its blocks by its leaves.
func checkShard(ctx context.Context, s *blobstore.Store, want claim) error {
	shard, err := s.AnyShard(ctx, want.record.Hash)
	if err != nil {
		return err
	}
	section, err := shard.Section(0, want.record.Size)
	if err != nil {
		return errors.Join(err, shard.Close())
	}
	data, err := io.ReadAll(section)
	if !bytes.Equal(data, want.data) {
		err = errors.Join(err, fmt.Errorf("%d bytes of %d, or others", len(data), len(want.data)))
	}
	for i := 0; i*erasure.Block < len(data); i++ {
		block := data[i*erasure.Block : min((i+1)*erasure.Block, len(data))]
		err = errors.Join(err, shard.Leaves().Check(int64(i), block))
	}
	return errors.Join(err, section.Close(), shard.Close())
}

// CheckFiles returns which files in a store's folder are missing or too many.
// Nothing may be going on in the store.
func (m *Model) CheckFiles(fs vfs.FS, dir string) error {
	if temps, err := fs.List(fs.PathJoin(dir, "tmp")); err != nil || len(temps) > 0 {
		return fmt.Errorf("temporary files %q, %v", temps, err)
	}
	want := m.contents()
	maps.DeleteFunc(want, func(_ string, size int64) bool { return size <= blobstore.MaxInline }) // no files
	dirs, err := fs.List(fs.PathJoin(dir, "content"))
	if err != nil {
		return err
	}
	for _, d := range dirs {
		names, err := fs.List(fs.PathJoin(dir, "content", d))
		if err != nil {
			return err
		}
		for _, name := range names {
			info, err := fs.Stat(fs.PathJoin(dir, "content", d, name))
			if size, ok := want[name]; err != nil || !ok || info.Size() != size {
				return fmt.Errorf("content file %s of no use: wanted %t, %v", name, ok, err)
			}
			delete(want, name)
		}
	}
	if len(want) > 0 {
		return fmt.Errorf("no content files %q", slices.Collect(maps.Keys(want)))
	}
	return nil
}
