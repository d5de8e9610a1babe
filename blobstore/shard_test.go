package blobstore_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/wallet"
)

// shardSizes are those around what is a value and what is a file.
var shardSizes = []int{1, 1000, blobstore.MaxInline - 1, blobstore.MaxInline, blobstore.MaxInline + 1, 5*erasure.Block + 7, 1 << 20}

func bytesOf(size int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i*i>>7 + size)
	}
	return b
}

func rootOf(data []byte) erasure.Root {
	h := erasure.NewHasher()
	_, _ = h.Write(data)
	return h.Root()
}

// shardFile is where a shard is in a store's folder.
func shardFile(dir string, data []byte) string {
	h := rootOf(data)
	return filepath.Join(dir, "content", hex.EncodeToString(h[:1]), hex.EncodeToString(h[:]))
}

// tagged finishes a shard with tags.
func tagged(tags string) func(erasure.Root) (blobstore.Beside, error) {
	return func(erasure.Root) (blobstore.Beside, error) { return blobstore.Beside{Tags: []byte(tags)}, nil }
}

func putShard(t *testing.T, s *blobstore.Store, owner wallet.Address, data []byte, tags string, ttl time.Duration) string {
	t.Helper()
	rec := blobstore.Record{Owner: owner, Stored: noon, TTL: ttl}
	root, err := s.PutShard(t.Context(), rec, int64(len(data)), bytes.NewReader(data), tagged(tags))
	if err != nil || root != rootOf(data) {
		t.Fatalf("%d bytes: %s, %v", len(data), root, err)
	}
	return root.String()
}

// readShard reads a part of a shard in all ways there are.
func readShard(t *testing.T, s *blobstore.Store, hash string, data []byte, off, n int) {
	t.Helper()
	shard, err := s.AnyShard(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	defer shard.Close()
	if root, err := shard.Leaves().Root(int64(len(data))); err != nil || root.String() != hash {
		t.Fatalf("leaves of %s, %v", root, err)
	}
	want := data[off : off+n]
	got := make([]byte, n)
	if k, err := shard.ReadAt(got, int64(off)); k != n || err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes at %d: %d, %v", n, off, k, err)
	}
	for name, read := range map[string]func(*blobstore.Section) ([]byte, error){
		"read": func(s *blobstore.Section) ([]byte, error) { return io.ReadAll(struct{ io.Reader }{s}) },
		"write": func(s *blobstore.Section) ([]byte, error) {
			var b bytes.Buffer
			_, err := io.Copy(&b, s)
			return b.Bytes(), err
		},
	} {
		section, err := shard.Section(int64(off), int64(n))
		if err != nil {
			t.Fatal(err)
		}
		if section.Size() != int64(n) {
			t.Errorf("a section of %d bytes, want %d", section.Size(), n)
		}
		got, err := read(section)
		if err := errors.Join(err, section.Close()); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s: %d bytes of %d at %d, %v", name, len(got), n, off, err)
		}
	}
}

func TestShardsAcrossARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	for _, size := range shardSizes {
		putShard(t, s, alice, bytesOf(size), "tags", time.Hour)
	}
	check := func(size int) {
		t.Helper()
		data := bytesOf(size)
		hash := rootOf(data).String()
		want := blobstore.Record{Owner: alice, Hash: hash, Shard: true, Size: int64(size), Stored: noon, TTL: time.Hour}
		if rec, err := s.Stat(t.Context(), alice, hash); err != nil || rec != want {
			t.Fatalf("%+v, %v; want %+v", rec, err, want)
		}
		if got, rec, err := s.Read(t.Context(), alice, hash); err != nil || rec != want || !bytes.Equal(got, data) {
			t.Fatalf("%d bytes, %+v, %v", len(got), rec, err)
		}
		if tags, err := s.Tags(t.Context(), alice, hash); err != nil || string(tags) != "tags" {
			t.Fatalf("%q, %v", tags, err)
		}
		for _, part := range [][2]int{{0, size}, {size / 2, size - size/2}, {size - 1, 1}, {0, 0}} {
			readShard(t, s, hash, data, part[0], part[1])
		}
		if _, err := os.Stat(shardFile(dir, data)); (err == nil) != (size > blobstore.MaxInline) {
			t.Errorf("%d bytes: a file: %v", size, err)
		}
	}
	for range 2 {
		for _, size := range shardSizes {
			check(size)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	}
	if u := s.Usage(); u.Objects != int64(len(shardSizes)) || u.Records != u.Objects {
		t.Errorf("usage %+v", u)
	}
	if n, _, err := s.Expire(t.Context(), noon.Add(time.Hour)); n != len(shardSizes) || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
	empty(t, s, dir)
}

// empty says whether a store holds nothing at all.
func empty(t *testing.T, s *blobstore.Store, dir string) {
	t.Helper()
	if u := s.Usage(); u.Bytes != 0 || u.Objects != 0 || u.Records != 0 || u.Free != u.Capacity {
		t.Errorf("usage %+v", u)
	}
	for _, pattern := range []string{"tmp/*", "content/*/*"} {
		if files, err := filepath.Glob(filepath.Join(dir, pattern)); err != nil || len(files) > 0 {
			t.Errorf("files %q, %v", files, err)
		}
	}
}

func TestAShardIsReadByWhoeverKnowsItsRoot(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	data := bytesOf(100_000)
	hash := putShard(t, s, alice, data, "a's", time.Minute)
	putShard(t, s, bob, data, "b's", time.Hour)
	if u := s.Usage(); u.Objects != 1 || u.Records != 2 || u.Bytes != 100_000 {
		t.Fatalf("usage %+v", u)
	}
	if n, _, err := s.Expire(t.Context(), noon.Add(time.Minute)); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	readShard(t, s, hash, data, 0, len(data))
	if _, err := s.Shard(t.Context(), alice, hash); !errors.Is(err, blobstore.ErrNotFound) {
		t.Errorf("of who has no claim any more: %v", err)
	}
	shard, err := s.Shard(t.Context(), bob, hash)
	if err != nil || shard.Record().Owner != bob {
		t.Fatal(shard, err)
	}
	defer shard.Close()
	for _, part := range [][2]int64{{-1, 5}, {0, -1}, {0, 100_001}, {100_000, 1}, {1 << 62, 1 << 62}} {
		if _, err := shard.Section(part[0], part[1]); !errors.Is(err, blobstore.ErrInvalid) {
			t.Errorf("%d bytes at %d: %v", part[1], part[0], err)
		}
	}
	early, err := shard.Section(0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	if err := s.Delete(t.Context(), bob, hash); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(early); err != nil || !bytes.Equal(got, data) {
		t.Errorf("a section that was opened before: %d bytes, %v", len(got), err)
	}
	if _, err := shard.Section(0, 1); !errors.Is(err, blobstore.ErrNotFound) {
		t.Errorf("a section that was not: %v", err)
	}
	if _, err := s.AnyShard(t.Context(), hash); !errors.Is(err, blobstore.ErrNotFound) {
		t.Errorf("of what is gone: %v", err)
	}
	if _, err := s.AnyShard(t.Context(), "root"); !errors.Is(err, blobstore.ErrInvalid) {
		t.Errorf("no root: %v", err)
	}
}

func TestShardsAndDataAreNeverConfused(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	for _, size := range []int{1000, 100_000} {
		data := bytesOf(size)
		put(t, s, alice, data, "s", 0)
		root := putShard(t, s, alice, data, "tags", 0)
		if err := s.SetSeed(t.Context(), alice, root, "next"); !errors.Is(err, blobstore.ErrInvalid) {
			t.Errorf("a seed of a shard: %v", err)
		}
		for name, rec := range map[string]blobstore.Record{
			"data under a shard's root": {Owner: bob, Hash: root, Seed: "s"},
			"data that is a shard":      {Owner: bob, Hash: hashOf(data), Seed: "s", Shard: true},
		} {
			if err := s.Put(t.Context(), rec, data); !errors.Is(err, blobstore.ErrInvalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, err := range map[string]error{
			"anybody's": second(s.AnyShard(t.Context(), hashOf(data))),
			"own":       second(s.Shard(t.Context(), alice, hashOf(data))),
		} {
			if !errors.Is(err, blobstore.ErrNotFound) {
				t.Errorf("%s data as a shard: %v", name, err)
			}
		}
		if err := s.Delete(t.Context(), alice, hashOf(data)); err != nil {
			t.Fatal(err)
		}
		readShard(t, s, root, data, 0, size)
	}
}

func second[A any](_ A, err error) error { return err }

// cutOff gives some bytes, and then an error.
type cutOff struct {
	left int
	err  error
}

func (c *cutOff) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, c.err
	}
	n := min(len(p), c.left, 10_000)
	c.left -= n
	return n, nil
}

func TestNothingStaysOfAShardThatWasNotKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir, Capacity: 1 << 20}, blobstore.Deps{})
	broken := errors.New("broken")
	ctx, cancel := context.WithCancel(t.Context())
	for _, size := range []int{5000, 300_000} {
		whole := func() io.Reader { return bytes.NewReader(make([]byte, size)) }
		for name, c := range map[string]struct {
			ctx    context.Context
			size   int64
			body   io.Reader
			finish func(erasure.Root) (blobstore.Beside, error)
			want   error
		}{
			"short":         {t.Context(), int64(size), &cutOff{size - 1, io.EOF}, tagged("t"), io.ErrUnexpectedEOF},
			"nothing":       {t.Context(), int64(size), &cutOff{0, io.EOF}, tagged("t"), io.ErrUnexpectedEOF},
			"broken":        {t.Context(), int64(size), &cutOff{size / 2, broken}, tagged("t"), broken},
			"refused":       {t.Context(), int64(size), whole(), func(erasure.Root) (blobstore.Beside, error) { return blobstore.Beside{}, broken }, broken},
			"no tags":       {t.Context(), int64(size), whole(), tagged(""), blobstore.ErrInvalid},
			"too many tags": {t.Context(), int64(size), whole(), tagged(string(make([]byte, blobstore.MaxTags+1))), blobstore.ErrInvalid},
			"given up":      {ctx, int64(size), whole(), func(erasure.Root) (blobstore.Beside, error) { cancel(); return blobstore.Beside{}, ctx.Err() }, context.Canceled},
			"empty":         {t.Context(), 0, whole(), tagged("t"), blobstore.ErrInvalid},
			"too large":     {t.Context(), erasure.MaxSegment + 1, whole(), tagged("t"), blobstore.ErrInvalid},
			"no room":       {t.Context(), 1<<20 + 1, whole(), tagged("t"), blobstore.ErrFull},
		} {
			rec := blobstore.Record{Owner: alice}
			if _, err := s.PutShard(c.ctx, rec, c.size, c.body, c.finish); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
			empty(t, s, dir)
		}
		ctx, cancel = context.WithCancel(t.Context())
	}
	cancel()
	if _, err := s.PutShard(t.Context(), blobstore.Record{Owner: "5alice"}, 1, bytes.NewReader([]byte{1}), tagged("t")); !errors.Is(err, blobstore.ErrInvalid) {
		t.Errorf("of nobody: %v", err)
	}
}

// TestRoomIsReservedBeforeTheFirstByte: what does not fit beside what is on its
// way is refused without reading it, and does when that was given up.
func TestRoomIsReservedBeforeTheFirstByte(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir(), Capacity: 200_000}, blobstore.Deps{})
	read, give := io.Pipe()
	first := make(chan error)
	go func() {
		_, err := s.PutShard(t.Context(), blobstore.Record{Owner: alice}, 150_000, read, tagged("t"))
		first <- err
	}()
	if _, err := give.Write([]byte{1}); err != nil { // it is reading
		t.Fatal(err)
	}
	body := &counted{Reader: bytes.NewReader(bytesOf(60_000))}
	_, err := s.PutShard(t.Context(), blobstore.Record{Owner: bob}, 60_000, body, tagged("t"))
	if !errors.Is(err, blobstore.ErrFull) || body.n != 0 {
		t.Errorf("%v, %d bytes read", err, body.n)
	}
	if u := s.Usage(); u.Free != 50_000 {
		t.Errorf("usage %+v", u)
	}
	if err := errors.Join(give.Close(), <-first); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	putShard(t, s, bob, bytesOf(60_000), "t", 0)
	putShard(t, s, bob, bytesOf(140_000), "t", 0)
}

type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

func TestALargeShardTakesLittleMemory(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	const size = 64 << 20
	zeros := func() io.Reader { return &cutOff{size, io.EOF} }
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := s.PutShard(t.Context(), blobstore.Record{Owner: alice}, size, zeros(), tagged("t")); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 4<<20 {
		t.Errorf("%d bytes allocated for %d", n, size)
	}
}

func TestManyShardsAtOnce(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	var wg sync.WaitGroup
	for _, owner := range []wallet.Address{alice, bob} {
		for i := range 40 {
			wg.Go(func() {
				data := bytesOf(60_000 + 500*(i%20)) // each twice an owner
				rec := blobstore.Record{Owner: owner, TTL: time.Hour, Stored: noon}
				if _, err := s.PutShard(t.Context(), rec, int64(len(data)), bytes.NewReader(data), tagged("t")); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Go(func() {
		for range 5 {
			_, err := s.Scrub(t.Context(), 0, func(r blobstore.Record, err error) { t.Errorf("%+v: %v", r, err) })
			if err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if u := s.Usage(); u.Objects != 20 || u.Records != 40 {
		t.Errorf("usage %+v", u)
	}
	if n, _, err := s.Expire(t.Context(), noon.Add(time.Hour)); n != 40 || err != nil {
		t.Error(n, err)
	}
	empty(t, s, dir)
}

// TestClosingDoesNotWaitForItself: a call within a call fails while the store is
// being closed, and holds nothing up.
func TestClosingDoesNotWaitForItself(t *testing.T) {
	dir := t.TempDir()
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	closed := make(chan error)
	_, err := s.PutShard(t.Context(), blobstore.Record{Owner: alice}, 9, &cutOff{9, nil}, func(root erasure.Root) (blobstore.Beside, error) {
		go func() { closed <- s.Close() }()
		for {
			if _, err := s.Stat(t.Context(), alice, root.String()); !errors.Is(err, blobstore.ErrNotFound) {
				return blobstore.Beside{}, err
			}
		}
	})
	if !errors.Is(err, blobstore.ErrClosed) {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	empty(t, open(t, blobstore.Config{Dir: dir}, blobstore.Deps{}), dir)
}

// Two bring the same shard, and what the one counts on the other does not shorten.
func TestAShardThatComesAgainIsKeptForNoLessLong(t *testing.T) {
	for _, size := range []int{1000, blobstore.MaxInline + 1} {
		for _, c := range []struct{ first, second, kept time.Duration }{
			{time.Hour, time.Minute, time.Hour}, {time.Minute, time.Hour, time.Hour},
			{0, time.Minute, 0}, {time.Minute, 0, 0},
		} {
			dir := t.TempDir()
			s, data := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{}), bytesOf(size)
			putShard(t, s, alice, data, "first", c.first)
			hash := putShard(t, s, alice, data, "second", c.second)
			rec, err := s.Stat(t.Context(), alice, hash)
			if err != nil || rec.TTL != c.kept {
				t.Errorf("%d bytes for %v and then for %v are kept for %v, %v", size, c.first, c.second, rec.TTL, err)
			}
			if tags, err := s.Tags(t.Context(), alice, hash); err != nil || string(tags) != "second" {
				t.Errorf("%q, %v", tags, err)
			}
			if n, _, err := s.Expire(t.Context(), noon.Add(time.Minute)); n != 0 || err != nil {
				t.Errorf("%d expired with the shorter one's time, %v", n, err)
			}
			if c.kept > 0 {
				if n, _, err := s.Expire(t.Context(), noon.Add(c.kept)); n != 1 || err != nil {
					t.Errorf("%d expired, %v", n, err)
				}
				empty(t, s, dir)
			}
		}
	}
}
