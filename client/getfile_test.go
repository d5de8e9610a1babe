package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filetao/filetao/client"
	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/wire"
)

// cutting gives so many bytes and breaks off.
type cutting struct {
	r    io.Reader
	left int64
}

func (c *cutting) Read(p []byte) (int, error) {
	if c.left == 0 {
		return 0, errBroken
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// lying changes one byte.
type lying struct {
	r  io.Reader
	at int64
}

func (l *lying) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.at >= 0 && l.at < int64(n) {
		p[l.at] ^= 1
	}
	l.at -= int64(n)
	return n, err
}

// TestGetGoesOn where it broke off, or where something wrong came, within one call.
func TestGetGoesOn(t *testing.T) {
	data := text(4<<20 + 12345)
	for _, plain := range []bool{false, true} {
		for _, gateways := range []int{1, 3} {
			t.Run(fmt.Sprint(plain, gateways), func(t *testing.T) {
				n, all := streaming(t, gateways)
				c := n.user(t, client.Config{})
				stored := putFile(t, c, data, client.PutFileOptions{Plain: plain})
				home := all[0]
				for _, g := range all {
					if len(g.objects) > 0 {
						home = g
					}
				}
				random := rand.New(rand.NewPCG(1, 2))
				var calls atomic.Int64
				for _, g := range all {
					g.objects[stored.CID] = home.objects[stored.CID]
					g.giving = func(m *wire.GetObject, out wire.Body) (wire.Body, error) {
						switch at := random.Int64N(out.Size); calls.Add(1) % 5 {
						case 0:
						case 1:
							out.Reader = &lying{out.Reader, at}
						case 2:
							return out, wire.Unavailable("busy")
						default:
							out.Reader = &cutting{out.Reader, at}
						}
						return out, nil
					}
				}
				c = n.user(t, client.Config{Tries: 30})
				if got := getBack(t, c, stored.CID, client.GetFileOptions{Plain: plain}); !bytes.Equal(got, data) {
					t.Fatalf("%d bytes came", len(got))
				}
				for range 20 {
					from := random.Int64N(int64(len(data)))
					r := client.Range{Offset: from, Length: random.Int64N(int64(len(data)))}
					want := data[from:min(from+r.Length, int64(len(data)))]
					if got := getBack(t, c, stored.CID, client.GetFileOptions{Plain: plain, Range: &r}); !bytes.Equal(got, want) {
						t.Fatalf("%+v: %d bytes came", r, len(got))
					}
				}
			})
		}
	}
}

// TestGetGoesOnInAFurtherCall, from whatever was there, be it damaged.
func TestGetGoesOnInAFurtherCall(t *testing.T) {
	data := text(5<<20 + 4321)
	for _, plain := range []bool{false, true} {
		n, all := streaming(t, 1)
		stored := putFile(t, n.user(t, client.Config{}), data, client.PutFileOptions{Plain: plain})
		for _, cut := range []int64{0, 1000, 2 << 20, 5 << 20, stored.Size - 1} {
			for _, damage := range []bool{false, true} {
				t.Run(fmt.Sprint(plain, cut, damage), func(t *testing.T) {
					path := filepath.Join(t.TempDir(), "file")
					all[0].giving = func(m *wire.GetObject, out wire.Body) (wire.Body, error) {
						out.Reader = &cutting{out.Reader, cut - m.Offset}
						return out, nil
					}
					o := client.GetFileOptions{Plain: plain, Keys: keys()}
					_, err := n.user(t, client.Config{Tries: 1, Attempts: 1}).GetFile(t.Context(), stored.CID, path, o)
					if _, statErr := os.Stat(path); err == nil || statErr == nil {
						t.Fatal("a file that was cut off is there", err)
					}
					left := int64(0)
					if info, err := os.Stat(path + ".part"); err == nil {
						left = info.Size()
					} else if cut > 2<<20 {
						t.Fatal(err)
					}
					if damage && left > 0 {
						damaged, err := os.OpenFile(path+".part", os.O_WRONLY, 0)
						check(t, err)
						_, err = damaged.WriteAt([]byte{data[left/2] ^ 1}, left/2)
						check(t, errors.Join(err, damaged.Close()))
					}
					first := int64(-1)
					all[0].giving = func(m *wire.GetObject, out wire.Body) (wire.Body, error) {
						if first < 0 {
							first = m.Offset
						}
						return out, nil
					}
					got, err := n.user(t, client.Config{}).GetFile(t.Context(), stored.CID, path, o)
					check(t, err)
					if damage && left > 0 && got.Resumed != 0 || !damage && (got.Resumed > left || got.Resumed < left-testSegment-(1<<20)) || first < got.Resumed && !damage {
						t.Fatalf("%+v; %d bytes were left, the first asked for was %d", got, left, first)
					}
					if back, err := os.ReadFile(path); err != nil || !bytes.Equal(back, data) {
						t.Fatalf("%d bytes, %v", len(back), err)
					}
					if rest, err := filepath.Glob(path + ".*"); err != nil || len(rest) > 0 {
						t.Fatalf("%v is left, %v", rest, err)
					}
				})
			}
		}
	}
}

// TestGetPartsAreNotMixedUp between files, ranges and calls.
func TestGetPartsAreNotMixedUp(t *testing.T) {
	n, all := streaming(t, 1)
	c := n.user(t, client.Config{Tries: 1, Attempts: 1})
	one, two := text(3<<20), text(3<<20+1)
	first, second := putFile(t, c, one, client.PutFileOptions{}), putFile(t, c, two, client.PutFileOptions{})
	path := filepath.Join(t.TempDir(), "file")
	o := client.GetFileOptions{Keys: keys()}
	cut := func() {
		t.Helper()
		all[0].giving = func(m *wire.GetObject, out wire.Body) (wire.Body, error) {
			out.Reader = &cutting{out.Reader, 2<<20 + 100_000}
			return out, nil
		}
		if _, err := c.GetFile(t.Context(), first.CID, path, o); err == nil {
			t.Fatal("it was not cut")
		}
		all[0].giving = nil
	}
	get := func(id string, o client.GetFileOptions, want []byte) {
		t.Helper()
		got, err := c.GetFile(t.Context(), id, path, o)
		check(t, err)
		if back, err := os.ReadFile(path); err != nil || !bytes.Equal(back, want) || got.Resumed != 0 {
			t.Fatalf("%+v: %d bytes, %v", got, len(back), err)
		}
	}
	cut()
	get(second.CID, o, two)
	cut()
	get(first.CID, client.GetFileOptions{Keys: keys(), Range: &client.Range{Offset: 7, Length: 2 << 20}}, one[7:7+2<<20])
	cut()
	get(first.CID, client.GetFileOptions{Keys: keys(), Anew: true}, one)

	var second2 error
	all[0].giving = func(m *wire.GetObject, out wire.Body) (wire.Body, error) {
		_, second2 = n.user(t, client.Config{}).GetFile(t.Context(), first.CID, path, o)
		return out, nil
	}
	get(first.CID, o, one)
	if !errors.Is(second2, client.ErrBusy) {
		t.Fatalf("two at a time: %v", second2)
	}
}

// TestGetTakesOnlyWhatTheOwnerSigned.
func TestGetTakesOnlyWhatTheOwnerSigned(t *testing.T) {
	n, all := streaming(t, 2)
	c := n.user(t, client.Config{Attempts: 1, Tries: 2})
	data := text(1 << 20)
	stored, other := putFile(t, c, data, client.PutFileOptions{UIDs: ids(0)}), putFile(t, c, data[1:], client.PutFileOptions{UIDs: ids(0)})
	good, wrong := all[0].objects[stored.CID], all[0].objects[other.CID]
	forged := *good
	forged.m.Segments = append([]manifest.Segment{}, forged.m.Segments...)
	forged.m.Segments[0].Root[0] ^= 1
	forged.manifest = forged.m.Encode()
	resigned := forged
	resigned.m.Owner = keypair(t, "//gateway0").PublicKey()
	resigned.manifest = resigned.m.Encode()
	resigned.signature, _ = keypair(t, "//gateway0").Sign(resigned.m.Text())
	short := *good
	short.m.Size--
	for name, o := range map[string]*object{"another file": wrong, "changed": &forged, "another owner": &resigned, "short": &short, "garbage": {manifest: []byte("x"), m: good.m, at: good.at}} {
		t.Run(name, func(t *testing.T) {
			all[0].objects[stored.CID] = o
			for _, r := range []*client.Range{nil, {Offset: 5, Length: 6}} {
				var out bytes.Buffer
				_, err := c.GetTo(t.Context(), stored.CID, &out, client.GetFileOptions{Keys: keys(), UIDs: ids(0), Range: r})
				if !errors.Is(err, client.ErrWrongData) && !(name == "short" && r != nil && err == nil) || out.Len() > 0 && err != nil {
					t.Fatalf("%d bytes, %v", out.Len(), err)
				}
				all[1].objects[stored.CID] = good
				if got := getBack(t, c, stored.CID, client.GetFileOptions{UIDs: ids(0, 1)}); !bytes.Equal(got, data) {
					t.Fatalf("%d bytes", len(got))
				}
			}
		})
	}
	all[0].objects[stored.CID], all[1].objects = good, map[string]*object{}
	for name, o := range map[string]client.GetFileOptions{
		"no key": {Plain: true}, "nothing": {}, "another key": {Keys: client.Keys{User: func() (envelope.UserKey, error) { return envelope.UserKeyOf("x"), nil }}},
		"not there": {Keys: keys(), UIDs: ids(1)}, "no such range": {Keys: keys(), Range: &client.Range{Offset: 1<<20 + 1}},
	} {
		want := map[string]error{"no key": client.ErrNoKey, "nothing": client.ErrNoKey, "another key": client.ErrWrongKey, "not there": client.ErrNotFound, "no such range": client.ErrRange}[name]
		path := filepath.Join(t.TempDir(), "f")
		_, err := c.GetFile(t.Context(), stored.CID, path, o)
		if rest, _ := filepath.Glob(path + "*"); !errors.Is(err, want) || len(rest) > 0 {
			t.Fatalf("%s: %v, %v left", name, err, rest)
		}
	}
	open := putFile(t, c, data, client.PutFileOptions{Plain: true})
	if _, err := c.GetTo(t.Context(), open.CID, io.Discard, client.GetFileOptions{Keys: keys()}); !errors.Is(err, client.ErrNotEncrypted) {
		t.Fatal(err)
	}
	if _, err := c.GetTo(t.Context(), stored.CID, cutWriter{}, client.GetFileOptions{Keys: keys()}); !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
}

// TestSmallFilesSpeakForThemselves: whatever a gateway says of a file that is in its
// manifest, what comes of it is that file, and from the other gateway if need be.
func TestSmallFilesSpeakForThemselves(t *testing.T) {
	n, all := streaming(t, 2)
	c := n.user(t, client.Config{Attempts: 1, Tries: 2})
	data := text(100)
	stored := putFile(t, c, data, client.PutFileOptions{UIDs: ids(0)})
	good := all[0].objects[stored.CID]
	for name, change := range map[string]func(*manifest.Manifest){
		"another salt": func(m *manifest.Manifest) { m.Payload = envelope.Payload2([32]byte{1}) },
		"in the open":  func(m *manifest.Manifest) { m.Payload = "" },
		"other bytes":  func(m *manifest.Manifest) { m.Inline = append([]byte{m.Inline[0] ^ 1}, m.Inline[1:]...) },
		"shorter":      func(m *manifest.Manifest) { m.Inline, m.Size = m.Inline[1:], m.Size-1 },
	} {
		t.Run(name, func(t *testing.T) {
			forged := *good
			change(&forged.m)
			forged.manifest = forged.m.Encode()
			all[0].objects[stored.CID] = &forged
			var out bytes.Buffer
			_, err := c.GetTo(t.Context(), stored.CID, &out, client.GetFileOptions{Keys: keys(), Plain: true, UIDs: ids(0)})
			if !errors.Is(err, client.ErrWrongData) || out.Len() > 0 {
				t.Fatalf("%d bytes, %v", out.Len(), err)
			}
			all[1].objects[stored.CID] = good
			if got := getBack(t, c, stored.CID, client.GetFileOptions{Plain: true, UIDs: ids(0, 1)}); !bytes.Equal(got, data) {
				t.Fatalf("%d bytes", len(got))
			}
		})
	}
}

// cutWriter is a full disk.
type cutWriter struct{}

func (cutWriter) Write([]byte) (int, error) { return 0, errBroken }

// TestGetAsksTheNextBesideOneThatDoesNotBegin, also if that has begun to answer.
func TestGetAsksTheNextBesideOneThatDoesNotBegin(t *testing.T) {
	n, all := streaming(t, 2)
	c := n.user(t, client.Config{Hedge: 20 * time.Millisecond})
	data := text(1 << 20)
	stored := putFile(t, c, data, client.PutFileOptions{UIDs: ids(1)})
	all[0].objects[stored.CID] = all[1].objects[stored.CID]
	hang, release := context.WithCancel(t.Context())
	defer release()
	all[0].giving = func(_ *wire.GetObject, out wire.Body) (wire.Body, error) {
		out.Reader = waiting{hang}
		return out, nil
	}
	var out bytes.Buffer
	got, err := c.GetTo(t.Context(), stored.CID, &out, client.GetFileOptions{Keys: keys(), UIDs: ids(0, 1)})
	check(t, err)
	if !bytes.Equal(out.Bytes(), data) || got.Gateway != n.hotkey(1) {
		t.Fatalf("%+v", got)
	}
}

// waiting gives nothing until it ends.
type waiting struct{ ctx context.Context }

func (w waiting) Read([]byte) (int, error) {
	<-w.ctx.Done()
	return 0, errBroken
}
