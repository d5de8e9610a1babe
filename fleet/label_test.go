package fleet

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/manifest"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// counting gives the bytes 0, 1, 2, …
type counting struct{ next byte }

func (c *counting) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = c.next
		c.next++
	}
	return len(p), nil
}

func aSegment() (index.Segment, receipt.Pledge) {
	owner, root := [32]byte{1}, erasure.Root{31: 2}
	seg := index.Segment{
		ID:    proof.Digest(manifest.SegmentID(owner, [16]byte{3}, 7, 1<<20+1, root)).String(),
		Owner: wallet.AddressOf(owner), Upload: hex.EncodeToString(append([]byte{3}, make([]byte, 15)...)), Index: 7,
		Size: 1<<20 + 1, Root: root.String(), Scheme: erasure.Scheme{Data: 4, Total: 8}, Secret: bytes.Repeat([]byte{4}, 32),
	}
	return seg, receipt.Pledge{
		Shard: true, Asker: wallet.AddressOf([32]byte{5}), Miner: wallet.AddressOf([32]byte{6}), Hash: proof.Digest{7},
		Size: seg.Scheme.ShardSize(seg.Size), Made: time.Unix(8, 0),
	}
}

// aLabel is what seal makes of aSegment's shard 9 with the secret of "a key" and
// the nonce 0, 1, …: a label that is written down opens for ever.
const aLabel = "01000102030405060708090a0bc762b925ed7c604802a079f9ef2b8eac4290ea2a3dad3c7df68f8ed841e0a5b9462a5c94015e35d711cba2f2dfc28c" +
	"1322ea5551b684b2e02e4483ea9fffd7d45da9c16325031e83e9f04dd8b7647b821604ee63d66bb1f55fb80fd912fecb384f1cdbc673b8b5cc651aa3" +
	"b4562240b01c0b8ec1dde9060b4295b5fe1873d81950dc2b303559943c7b17d827d6457a"

func TestALabelOpensForItsShardAlone(t *testing.T) {
	seg, p := aSegment()
	s := labelSecretOf("a key")
	label, err := s.seal(&counting{}, seg, 9, p)
	if err != nil || hex.EncodeToString(label) != aLabel {
		t.Fatalf("%x, %v", label, err)
	}
	if got, number, err := s.open(label, p); err != nil || number != 9 || !reflect.DeepEqual(got, seg) {
		t.Fatalf("shard %d of %+v, %v", number, got, err)
	}
	for i := range label {
		spoiled := bytes.Clone(label)
		spoiled[i] ^= 1
		if _, _, err := s.open(spoiled, p); !errors.Is(err, ErrLabel) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	another, elsewhere, longer := p, p, p
	another.Hash[0]++
	elsewhere.Miner = p.Asker
	longer.Size++
	for name, c := range map[string]struct {
		s     labelSecret
		label []byte
		p     receipt.Pledge
	}{
		"another hotkey's": {labelSecretOf("another key"), label, p}, "another shard": {s, label, another}, "another miner": {s, label, elsewhere},
		"another size": {s, label, longer}, "nobody": {s, label, receipt.Pledge{}}, "none": {s, nil, p}, "short": {s, label[:len(label)-1], p}, "long": {s, append(label, 0), p},
	} {
		if _, _, err := c.s.open(c.label, c.p); !errors.Is(err, ErrLabel) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, s); bytes.Contains([]byte(text), []byte(hex.EncodeToString(s[:4]))) {
		t.Errorf("the secret shows: %s", text)
	}
}

// TestALabelEndsWithWhatItIsFoundBy, and opens as the one without.
func TestALabelEndsWithWhatItIsFoundBy(t *testing.T) {
	seg, p := aSegment()
	s := labelSecretOf("a key")
	label, err := s.seal(&counting{}, seg, 9, p)
	if err != nil {
		t.Fatal(err)
	}
	long, err := findable(bytes.Clone(label), seg, 9, p)
	if err != nil || len(label) != labelSize || len(long) != wire.FindableLabel || !bytes.HasPrefix(long, label) {
		t.Fatalf("%d bytes, %v", len(long), err)
	}
	if got, number, err := s.open(long, p); err != nil || number != 9 || !reflect.DeepEqual(got, seg) {
		t.Fatalf("shard %d of %+v, %v", number, got, err)
	}
	id, secret := manifest.SegmentID([32]byte{1}, [16]byte{3}, 7, 1<<20+1, erasure.Root{31: 2}), envelope.ShardSecret(seg.Secret)
	want := wire.Finding{Tag: secret.Tag(id, [32]byte{6}), Number: 9, Voucher: secret.Vouch(id, [32]byte{6}, 9, p.Hash)}
	if f, ok := wire.FindingOf(long); !ok || f != want {
		t.Errorf("%+v, want %+v", f, want)
	}
	for name, change := range map[string]func(*index.Segment, *receipt.Pledge){
		"ID":     func(seg *index.Segment, _ *receipt.Pledge) { seg.ID = "" },
		"secret": func(seg *index.Segment, _ *receipt.Pledge) { seg.Secret = seg.Secret[1:] },
		"miner":  func(_ *index.Segment, p *receipt.Pledge) { p.Miner = "nobody" },
	} {
		seg, p := aSegment()
		change(&seg, &p)
		if _, err := findable(nil, seg, 9, p); err == nil {
			t.Errorf("found without %s", name)
		}
	}
}

// TestWhatALabelCannotSayIsRefused: ours too, should one be wrong.
func TestWhatALabelCannotSayIsRefused(t *testing.T) {
	s := labelSecretOf("a key")
	for name, change := range map[string]func(*index.Segment) int{
		"no scheme":        func(seg *index.Segment) int { seg.Scheme.Data = 0; return 1 },
		"a far place":      func(seg *index.Segment) int { seg.Index = manifest.MaxSegments; return 1 },
		"nothing":          func(seg *index.Segment) int { seg.Size = 0; return 1 },
		"less":             func(seg *index.Segment) int { seg.Size = math.MinInt64; return 1 },
		"too much":         func(seg *index.Segment) int { seg.Size = erasure.MaxSegment + 1; return 1 },
		"a high number":    func(*index.Segment) int { return erasure.MaxTotal },
		"a shard of other": func(seg *index.Segment) int { seg.Size *= 2; return 1 },
	} {
		seg, p := aSegment()
		number := change(&seg)
		label, err := s.seal(&counting{}, seg, number, p)
		if err != nil {
			t.Fatal(name, err)
		}
		if _, _, err := s.open(label, p); !errors.Is(err, ErrLabel) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*index.Segment, *receipt.Pledge){
		"owner":  func(seg *index.Segment, _ *receipt.Pledge) { seg.Owner = "nobody" },
		"upload": func(seg *index.Segment, _ *receipt.Pledge) { seg.Upload = "no hex" },
		"secret": func(seg *index.Segment, _ *receipt.Pledge) { seg.Secret = nil },
		"root":   func(seg *index.Segment, _ *receipt.Pledge) { seg.Root = "x" },
		"miner":  func(_ *index.Segment, p *receipt.Pledge) { p.Miner = "nobody" },
	} {
		seg, p := aSegment()
		change(&seg, &p)
		if _, err := s.seal(&counting{}, seg, 1, p); err == nil {
			t.Errorf("a label without %s", name)
		}
	}
}

// FuzzLabel opens what the key's owner might have sealed: what it takes, seal
// writes again.
func FuzzLabel(f *testing.F) {
	seg, p := aSegment()
	s := labelSecretOf("a key")
	label, err := s.seal(&counting{}, seg, 9, p)
	if err != nil {
		f.Fatal(err)
	}
	bound, err := boundTo(p)
	if err != nil {
		f.Fatal(err)
	}
	text, err := s.aead().Open(nil, label[1:13], label[13:], bound)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[1:])
	f.Add(bytes.Repeat([]byte{0xff}, labelText))
	f.Fuzz(func(t *testing.T, text []byte) {
		nonce := make([]byte, 1+labelNonce)
		nonce[0] = labelVersion
		_, _ = (&counting{}).Read(nonce[1:])
		label := s.aead().Seal(nonce, nonce[1:], text, bound)
		seg, number, err := s.open(label, p)
		if err != nil {
			if !errors.Is(err, ErrLabel) {
				t.Fatal(err)
			}
			return
		}
		if again, err := s.seal(&counting{}, seg, number, p); err != nil || !bytes.Equal(again, label) {
			t.Fatalf("%x became %x, %v", label, again, err)
		}
	})
}
