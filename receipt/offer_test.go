package receipt_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
)

func newOffer() receipt.Offer {
	return receipt.Offer{Miner: miner.Address(), Asker: asker.Address(), Capacity: 1 << 40, Used: 1 << 30, Made: made}
}

func TestOfferRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := receipt.Offer{
			Miner: wallet.AddressOf(word(t, "miner")), Asker: wallet.AddressOf(word(t, "asker")),
			Capacity: rapid.Int64Range(0, math.MaxInt64).Draw(t, "capacity"),
			Made:     time.Unix(rapid.Int64Range(1, 253402300799).Draw(t, "made"), 0).UTC(),
		}
		o.Used = rapid.Int64Range(0, o.Capacity).Draw(t, "used")
		if back, err := receipt.ParseOffer(o.Encode()); err != nil || back != o || len(o.Encode()) != receipt.OfferSize {
			t.Fatalf("%+v became %+v, %v", o, back, err)
		}
	})
}

func TestOfferRange(t *testing.T) {
	for name, change := range map[string]func(*receipt.Offer){
		"no miner":          func(o *receipt.Offer) { o.Miner = "" },
		"zero asker":        func(o *receipt.Offer) { o.Asker = wallet.AddressOf([32]byte{}) },
		"negative":          func(o *receipt.Offer) { o.Capacity, o.Used = -1, -1 },
		"more used":         func(o *receipt.Offer) { o.Used = o.Capacity + 1 },
		"less than nothing": func(o *receipt.Offer) { o.Used = -1 },
		"never made":        func(o *receipt.Offer) { o.Made = time.Time{} },
		"made before 1970":  func(o *receipt.Offer) { o.Made = time.Unix(-1, 0) },
		"made in 10000":     func(o *receipt.Offer) { o.Made = time.Unix(253402300800, 0) },
	} {
		o := newOffer()
		change(&o)
		if _, err := receipt.ParseOffer(o.Encode()); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: parsed: %v", name, err)
		}
		if _, err := o.Sign(miner); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: signed: %v", name, err)
		}
		if err := o.Verify(make([]byte, 64)); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%s: verified: %v", name, err)
		}
	}
	o := newOffer()
	if _, err := o.Sign(asker); !errors.Is(err, receipt.ErrStatement) {
		t.Errorf("signed by another: %v", err)
	}
	whole := o.Encode()
	for n := range len(whole) {
		if _, err := receipt.ParseOffer(whole[:n]); !errors.Is(err, receipt.ErrStatement) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := receipt.ParseOffer(append(whole, 0)); !errors.Is(err, receipt.ErrStatement) {
		t.Errorf("a byte more: %v", err)
	}
}

func TestAnyChangedBitOfAnOffer(t *testing.T) {
	o := newOffer()
	encoding, sig := o.Encode(), sign(t, o, miner)
	check := func(b, sig []byte) error {
		o, err := receipt.ParseOffer(b)
		if err != nil {
			return err
		}
		return o.Verify(sig)
	}
	if err := check(encoding, sig); err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(encoding) {
		b := bytes.Clone(encoding)
		b[i/8] ^= 1 << (i % 8)
		if err := check(b, sig); !errors.Is(err, receipt.ErrStatement) && !errors.Is(err, receipt.ErrSignature) {
			t.Fatalf("bit %d changed: %v", i, err)
		}
	}
	for i := range 8 * len(sig) {
		s := bytes.Clone(sig)
		s[i/8] ^= 1 << (i % 8)
		if err := check(encoding, s); !errors.Is(err, receipt.ErrSignature) {
			t.Fatalf("bit %d of the signature changed: %v", i, err)
		}
	}
}

// An offer is signed as no other statement is; see TestSignedTexts.
func TestSignedTextOfAnOffer(t *testing.T) {
	const domain = "filetao offer v1"
	o := newOffer()
	sig, digest := sign(t, o, miner), o.Digest()
	if want := sha256.Sum256(append([]byte(domain), o.Encode()...)); digest != want {
		t.Errorf("digest %x, want %x", digest, want)
	}
	if err := wallet.Verify(miner.Address(), append([]byte(domain), digest[:]...), sig); err != nil {
		t.Error(err)
	}
	for _, other := range []string{"", "filetao pledge v1", "filetao question v1", "filetao answer v1"} {
		if wallet.VerifyLenient(miner.Address(), append([]byte(other), digest[:]...), sig) == nil {
			t.Errorf("an offer passes as %q", other)
		}
		if other != "" && (strings.HasPrefix(other, domain) || strings.HasPrefix(domain, other)) {
			t.Errorf("%q and %q begin alike", domain, other)
		}
	}
}

// offerVector is one of testdata/offers.json, made as statements.json was.
type offerVector struct {
	Miner, Asker         wallet.Address
	Capacity, Used, Made int64
	Encoding, Digest     string
	Signature            string
}

func loadOffers(t testing.TB) (all []offerVector) {
	t.Helper()
	raw, err := os.ReadFile("testdata/offers.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &all); err != nil || len(all) < 3 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	return all
}

func TestOfferVectors(t *testing.T) {
	for _, v := range loadOffers(t) {
		o := receipt.Offer{Miner: v.Miner, Asker: v.Asker, Capacity: v.Capacity, Used: v.Used, Made: time.Unix(v.Made, 0).UTC()}
		same(t, o.Encode(), o.Digest(), v.Encoding, v.Digest)
		if back, err := receipt.ParseOffer(unhex(t, v.Encoding)); err != nil || back != o {
			t.Errorf("parsed %+v, %v", back, err)
		}
		if err := o.Verify(unhex(t, v.Signature)); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseOffer(f *testing.F) {
	for _, v := range loadOffers(f) {
		f.Add(unhex(f, v.Encoding))
	}
	f.Add(bytes.Repeat([]byte{1}, receipt.OfferSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := receipt.ParseOffer(b)
		if err != nil {
			if !errors.Is(err, receipt.ErrStatement) {
				t.Fatal(err)
			}
			return
		}
		if !bytes.Equal(o.Encode(), b) || o.Room() < 0 {
			t.Fatalf("%x became %x", b, o.Encode())
		}
	})
}
