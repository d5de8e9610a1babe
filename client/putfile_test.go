package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wire"
)

// text is reproducible bytes of some size.
func text(size int) []byte {
	data := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(size), byte(size >> 8)})
	_, _ = r.Read(data)
	return data
}

func fileSource(data []byte) client.Source {
	return client.FileSource(bytes.NewReader(data), int64(len(data)))
}

func putFile(t *testing.T, c *client.Client, data []byte, o client.PutFileOptions) client.Stored {
	t.Helper()
	if !o.Plain {
		o.Keys = keys()
	}
	stored, err := c.PutFile(t.Context(), fileSource(data), o)
	check(t, err)
	return stored
}

func getBack(t *testing.T, c *client.Client, id string, o client.GetFileOptions) []byte {
	t.Helper()
	var out bytes.Buffer
	o.Keys = keys()
	got, err := c.GetTo(t.Context(), id, &out, o)
	check(t, err)
	if got.Size != int64(out.Len()) || got.CID != id {
		t.Fatalf("%+v for %d bytes", got, out.Len())
	}
	return out.Bytes()
}

// TestFilesGoRoundAsStreams, of all sizes, sealed and in the open, from files and
// from streams.
func TestFilesGoRoundAsStreams(t *testing.T) {
	n, all := streaming(t, 2)
	c := n.user(t, client.Config{})
	for _, size := range []int{0, 1, 8191 - 16, 8192 - 16, 8193 - 16, 8192, 8193, 65535, 65536, 65537, 1 << 20, 1<<20 + 1, testSegment, 3*testSegment - 1, 2<<20 + 77} {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprint(size, plain), func(t *testing.T) {
				data := text(size)
				o := client.PutFileOptions{Plain: plain, Keys: keys()}
				stored, err := c.PutFile(t.Context(), fileSource(data), o)
				check(t, err)
				sealed := envelope.SealedSize(int64(size))
				if plain {
					sealed = int64(size)
				}
				segments := int((sealed + testSegment - 1) / testSegment)
				if sealed <= 8<<10 {
					segments = 0
				}
				if stored.Size != int64(size) || stored.Segments != segments || stored.Resumed != 0 || stored.Reference || len(stored.Gateways) != 1 {
					t.Fatalf("%+v, want %d segments", stored, segments)
				}
				if got := getBack(t, c, stored.CID, client.GetFileOptions{Plain: plain}); !bytes.Equal(got, data) {
					t.Fatalf("%d bytes came back", len(got))
				}
				streamed, err := c.PutFile(t.Context(), client.StreamSource(io.MultiReader(strings.NewReader(string(data[:size/3])), bytes.NewReader(data[size/3:]))), o)
				check(t, err)
				if plain != (streamed.CID == stored.CID) || streamed.Size != int64(size) || streamed.Segments != segments {
					t.Fatalf("%+v, and as a file %+v", streamed, stored)
				}
				if got := getBack(t, c, streamed.CID, client.GetFileOptions{Plain: plain}); !bytes.Equal(got, data) {
					t.Fatalf("%d bytes of the stream came back", len(got))
				}
				check(t, c.Delete(t.Context(), stored.CID, client.DeleteOptions{}))
				if err := c.Delete(t.Context(), streamed.CID, client.DeleteOptions{}); err != nil && !plain {
					t.Fatal(err)
				}
			})
		}
	}
	if all[0].asked["StoreUser"]+all[1].asked["StoreUser"] != 0 || len(all[0].objects)+len(all[1].objects) != 0 {
		t.Fatal("something was stored the reference's way, or is left")
	}
}

// TestSealedBytesAreTheEnvelopes: what is sent is what envelope.NewSealer gives,
// the same each time for one user, and another for others.
func TestSealedBytesAreTheEnvelopes(t *testing.T) {
	n, all := streaming(t, 1)
	data := text(2<<20 + 5)
	first := putFile(t, n.user(t, client.Config{}), data, client.PutFileOptions{})
	m := all[0].objects[first.CID].m
	salt, ok, err := envelope.ParsePayload2(m.Payload)
	if !ok || err != nil {
		t.Fatal(m.Payload, err)
	}
	want, err := io.ReadAll(envelope.NewSealer(envelope.UserKeyOf("user").FileKey(salt), bytes.NewReader(data), int64(len(data))))
	check(t, err)
	if first.CID != cid.Sum(want) {
		t.Fatalf("stored as %s, the envelope has %s", first.CID, cid.Sum(want))
	}
	again := putFile(t, n.user(t, client.Config{Segments: 1}), data, client.PutFileOptions{})
	if again.CID != first.CID || all[0].objects[first.CID].m.Secret != m.Secret || all[0].objects[first.CID].m.Upload != m.Upload {
		t.Fatal("the same content is another upload")
	}
	o := client.PutFileOptions{Keys: client.Keys{User: func() (envelope.UserKey, error) { return envelope.UserKeyOf("another"), nil }}}
	other, err := n.user(t, client.Config{}).PutFile(t.Context(), fileSource(data), o)
	check(t, err)
	if m2 := all[0].objects[other.CID].m; other.CID == first.CID || m2.Upload == m.Upload || m2.Secret == m.Secret {
		t.Fatal("two users have the same upload")
	}
}

// TestSmallFilesTakeOneRoundTrip.
func TestSmallFilesTakeOneRoundTrip(t *testing.T) {
	n, all := streaming(t, 1)
	putFile(t, n.user(t, client.Config{}), text(5000), client.PutFileOptions{})
	if all[0].commits != 1 || all[0].segments != 0 {
		t.Fatalf("%d commits, %d segments", all[0].commits, all[0].segments)
	}
}

// TestPutGoesOnByContent: whatever segment it breaks off at, a further put, by
// another process, sends exactly the rest.
func TestPutGoesOnByContent(t *testing.T) {
	const segments = 6
	data := text(segments*testSegment - 1000)
	for _, plain := range []bool{false, true} {
		for stop := range segments {
			t.Run(fmt.Sprint(plain, stop), func(t *testing.T) {
				n, all := streaming(t, 1)
				g, begun := all[0], atomic.Int64{}
				g.putting = func(m *wire.PutSegment, in wire.Body) error {
					if begun.Add(1) > int64(stop) {
						_, err := io.CopyN(io.Discard, in.Reader, m.Size/2)
						return errors.Join(wire.Unavailable("full for now"), err)
					}
					return nil
				}
				o := client.PutFileOptions{Plain: plain, Keys: keys()}
				_, err := n.user(t, client.Config{Attempts: 1, Tries: 1, Segments: 1}).PutFile(t.Context(), fileSource(data), o)
				if wire.StatusOf(err) != wire.StatusUnavailable || len(g.objects) != 0 {
					t.Fatal(err)
				}
				held := int64(0)
				for _, u := range g.uploads {
					for _, s := range u {
						held += s.Size
					}
				}
				if len(g.acked) != stop {
					t.Fatalf("%d segments were acknowledged, want %d", len(g.acked), stop)
				}
				g.putting = nil
				var last client.Progress
				o.Progress = func(p client.Progress) { last = p }
				c := n.user(t, client.Config{})
				stored, err := c.PutFile(t.Context(), fileSource(data), o)
				check(t, err)
				if stored.Resumed != held || last.Resumed != held || last.Done != int64(len(data)) || last.Stage != client.StageDone {
					t.Fatalf("%+v, %+v; %d were there", stored, last, held)
				}
				for id, times := range g.acked {
					if times != 1 {
						t.Fatalf("segment %s was taken %d times", id, times)
					}
				}
				if got := getBack(t, c, stored.CID, client.GetFileOptions{Plain: plain}); !bytes.Equal(got, data) {
					t.Fatalf("%d bytes came back", len(got))
				}
			})
		}
	}
}

// TestPutGoesToTheGatewayThatHasMost of the upload, and elsewhere only as long as
// nobody has taken anything.
func TestPutGoesToTheGatewayThatHasMost(t *testing.T) {
	data := text(4 * testSegment)
	n, all := streaming(t, 3)
	var calls atomic.Int64
	all[1].putting = func(*wire.PutSegment, wire.Body) error {
		if calls.Add(1) > 2 {
			return wire.Unavailable("full for now")
		}
		return nil
	}
	o := client.PutFileOptions{Keys: keys(), UIDs: nil}
	o.Gateways = append(o.Gateways, n.hotkey(1), n.hotkey(2))
	if _, err := n.user(t, client.Config{Tries: 1}).PutFile(t.Context(), fileSource(data), o); err == nil || all[2].segments != 0 {
		t.Fatalf("%v, %d segments elsewhere", err, all[2].segments)
	}
	all[1].putting = nil
	o.Gateways = nil
	for range 3 {
		all[1].objects = map[string]*object{}
		stored, err := n.user(t, client.Config{}).PutFile(t.Context(), fileSource(data), o)
		check(t, err)
		if stored.Gateways[0] != n.hotkey(1) && stored.Resumed > 0 {
			t.Fatalf("%+v", stored)
		}
		if all[0].segments+all[2].segments == 0 && stored.Resumed == 0 && all[1].commits == 1 {
			t.Fatal("nothing was resumed")
		}
	}
}

// changing is a file that is not the same when it is read again.
type changing struct {
	data  []byte
	reads atomic.Int64
	after int64
}

func (c *changing) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, c.data[off:])
	if c.reads.Add(1) > c.after {
		p[n/2] ^= 1
	}
	return n, nil
}

// TestPutSeesAFileChange, before any of it is sealed under a key that was used for
// something else.
func TestPutSeesAFileChange(t *testing.T) {
	data := text(3 << 20)
	n, all := streaming(t, 2)
	for after := range int64(10) {
		_, err := n.user(t, client.Config{}).PutFile(t.Context(), client.FileSource(&changing{data: data, after: after + 3}, 3<<20), client.PutFileOptions{Keys: keys()})
		if !errors.Is(err, client.ErrChanged) || len(all[0].objects)+len(all[1].objects) != 0 {
			t.Fatalf("after %d reads: %v", after, err)
		}
	}
	short := client.FileSource(bytes.NewReader(data), int64(len(data))+1)
	if _, err := n.user(t, client.Config{}).PutFile(t.Context(), short, client.PutFileOptions{Keys: keys()}); !errors.Is(err, client.ErrChanged) {
		t.Fatal(err)
	}
	broken := client.StreamSource(io.MultiReader(bytes.NewReader(data), errReader{}))
	if _, err := n.user(t, client.Config{}).PutFile(t.Context(), broken, client.PutFileOptions{Keys: keys()}); !errors.Is(err, errBroken) || len(all[0].objects)+len(all[1].objects) != 0 {
		t.Fatal(err)
	}
}

var errBroken = errors.New("broken pipe")

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

// TestGatewaysWithoutStreams get files the reference's way, and give them back; so
// do others, for what they took that way.
func TestGatewaysWithoutStreams(t *testing.T) {
	n, all := streaming(t, 1)
	old := newNetwork(t, 1) // speaks to nobody over streams
	c := n.user(t, client.Config{})
	data := text(1 << 20)
	stored := putFile(t, c, data, client.PutFileOptions{Reference: true})
	if !stored.Reference || all[0].asked["StoreUser"] != 1 {
		t.Fatalf("%+v", stored)
	}
	if got := getBack(t, c, stored.CID, client.GetFileOptions{}); !bytes.Equal(got, data) {
		t.Fatalf("%d bytes came back", len(got))
	}
	if got := getBack(t, c, stored.CID, client.GetFileOptions{Range: &client.Range{Offset: 10, Length: 20}}); !bytes.Equal(got, data[10:30]) {
		t.Fatalf("%d bytes came back", len(got))
	}
	path := filepath.Join(t.TempDir(), "f")
	_, err := c.GetFile(t.Context(), stored.CID, path, client.GetFileOptions{Keys: keys()})
	check(t, err)
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	check(t, c.Delete(t.Context(), stored.CID, client.DeleteOptions{}))

	serve(t, old)
	c = old.user(t, client.Config{})
	for _, src := range []client.Source{fileSource(data), client.StreamSource(bytes.NewReader(data)), fileSource(data[:10])} {
		stored, err := c.PutFile(t.Context(), src, client.PutFileOptions{Keys: keys()})
		check(t, err)
		if !stored.Reference {
			t.Fatalf("%+v", stored)
		}
		if got := getBack(t, c, stored.CID, client.GetFileOptions{}); !bytes.Equal(got, data[:stored.Size]) {
			t.Fatalf("%d bytes came back", len(got))
		}
	}
	none := keys()
	none.Reference = nil
	if _, err := c.PutFile(t.Context(), fileSource(data), client.PutFileOptions{Keys: none}); !errors.Is(err, client.ErrNoKey) {
		t.Fatal(err)
	}
	if _, err := c.PutFile(t.Context(), fileSource(data), client.PutFileOptions{}); !errors.Is(err, client.ErrNoKey) {
		t.Fatal(err)
	}
}
