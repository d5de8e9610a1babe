package blobstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/proof"
)

// writeFormat1 makes a store as the first format was: three data of alice's, all
// in files, the second with tags and bob as an owner too, the third known to be
// damaged. It is written here by hand, as docs/formats.md had it.
func writeFormat1(t *testing.T, dir string, data [3][]byte) {
	t.Helper()
	db, err := pebble.Open(filepath.Join(dir, "meta"), &pebble.Options{FormatMajorVersion: pebble.FormatNewest})
	if err != nil {
		t.Fatal(err)
	}
	set := func(key []byte, value ...byte) {
		if err := db.Set(key, value, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	u64 := func(numbers ...int) (b []byte) {
		for _, n := range numbers {
			b = binary.BigEndian.AppendUint64(b, uint64(n))
		}
		return b
	}
	pub, err := alice.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	pub2, err := bob.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	total, stored := 0, int(noon.UnixNano())
	for i, d := range data {
		h := proof.Sum(d)
		total += len(d)
		if err := errors.Join(os.MkdirAll(filepath.Dir(contentFile(dir, d)), 0o700), os.WriteFile(contentFile(dir, d), d, 0o600)); err != nil {
			t.Fatal(err)
		}
		owners, damaged := byte(1), byte(0)
		record := slices.Concat([]byte{1}, u64(len(d), stored, int(time.Hour)), []byte("seed"))
		set(slices.Concat([]byte("r"), pub[:], h[:]), record...)
		set(slices.Concat([]byte("e"), u64(stored+int(time.Hour)), pub[:], h[:]))
		switch i {
		case 1:
			owners = 2
			set(slices.Concat([]byte("r"), pub2[:], h[:]), slices.Concat([]byte{1}, u64(len(d), stored, 0), []byte("bob's"))...)
			set(slices.Concat([]byte("t"), pub[:], h[:]), []byte("tags")...)
		case 2:
			damaged = 1
		}
		set(slices.Concat([]byte("c"), h[:]), slices.Concat(u64(len(d)), []byte{0, 0, 0, owners, damaged})...)
	}
	set([]byte("u"), u64(total, 3, 4)...)
	set([]byte("v"), 1)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAStoreOfTheFirstFormatIsGoneOnWith(t *testing.T) {
	dir := t.TempDir()
	data := [3][]byte{bytesOf(1000), bytesOf(200_000), bytesOf(3000)}
	writeFormat1(t, dir, data)
	if err := os.Truncate(contentFile(dir, data[2]), 5); err != nil {
		t.Fatal(err)
	}
	s := open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	if u := s.Usage(); u.Bytes != 204_000 || u.Objects != 3 || u.Records != 4 {
		t.Fatalf("usage %+v", u)
	}
	for _, d := range data[:2] {
		want := blobstore.Record{Owner: alice, Hash: hashOf(d), Size: int64(len(d)), Seed: "seed", Stored: noon, TTL: time.Hour}
		if got, rec, err := s.Read(t.Context(), alice, hashOf(d)); err != nil || rec != want || !bytes.Equal(got, d) {
			t.Fatalf("%d bytes, %+v, %v", len(got), rec, err)
		}
	}
	if tags, err := s.Tags(t.Context(), alice, hashOf(data[1])); err != nil || string(tags) != "tags" {
		t.Fatalf("%q, %v", tags, err)
	}
	list, err := s.Damaged(t.Context())
	if err != nil || len(list) != 1 || list[0].Hash != hashOf(data[2]) {
		t.Fatalf("damaged %+v, %v", list, err)
	}
	// What is mended moves to where its size belongs, and its file goes.
	put(t, s, bob, data[2], "b", time.Hour)
	if got, _, err := s.Read(t.Context(), alice, hashOf(data[2])); err != nil || !bytes.Equal(got, data[2]) {
		t.Fatalf("mended: %d bytes, %v", len(got), err)
	}
	if _, err := os.Stat(contentFile(dir, data[2])); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of what is a value: %v", err)
	}
	if found := scrub(t, s); found != nil {
		t.Errorf("found %q", found)
	}
	putShard(t, s, alice, data[0], "tags", time.Hour)
	if err := s.Close(); err != nil { // and it is one of the present format
		t.Fatal(err)
	}
	s = open(t, blobstore.Config{Dir: dir}, blobstore.Deps{})
	if n, _, err := s.Expire(t.Context(), noon.Add(time.Hour)); n != 5 || err != nil {
		t.Errorf("%d expired, %v", n, err)
	}
	if err := s.Delete(t.Context(), bob, hashOf(data[1])); err != nil {
		t.Error(err)
	}
	empty(t, s, dir)
}

// readerFrom notes what a connection is given to read from.
type readerFrom struct {
	*net.TCPConn
	from io.Reader
}

func (r *readerFrom) ReadFrom(from io.Reader) (int64, error) {
	r.from = from
	return r.TCPConn.ReadFrom(from)
}

// TestSectionsOfFilesAreSentByTheSystem: net recognizes a limited *os.File.
func TestSectionsOfFilesAreSentByTheSystem(t *testing.T) {
	s := open(t, blobstore.Config{Dir: t.TempDir()}, blobstore.Deps{})
	data := bytesOf(300_000)
	shard, err := s.AnyShard(t.Context(), putShard(t, s, alice, data, "tags", 0))
	if err != nil {
		t.Fatal(err)
	}
	defer shard.Close()
	section, err := shard.Section(65536, 131072)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	sent := make(chan error)
	go func() {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			to := &readerFrom{TCPConn: conn.(*net.TCPConn)}
			_, err = io.Copy(to, section)
			if limited, ok := to.from.(*io.LimitedReader); !ok {
				t.Errorf("sent from %T", to.from)
			} else if _, ok := limited.R.(*os.File); !ok {
				t.Errorf("sent from %T", limited.R)
			}
			err = errors.Join(err, section.Close(), conn.Close())
		}
		sent <- err
	}()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if err := errors.Join(err, conn.Close(), <-sent); err != nil || !bytes.Equal(got, data[65536:65536+131072]) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}
