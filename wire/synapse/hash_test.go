package synapse

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/filetao/filetao/wire"
)

// The vectors of SDK 6.12.
func TestBodyHash(t *testing.T) {
	store := wire.Store{EncryptedData: []byte("ABC"), Curve: "P-256", G: "0x01", H: "0x02", Seed: "a1b2"}
	integerSeed := store
	integerSeed.Seed = "1234"
	for _, c := range []struct {
		msg  wire.Message
		want string
	}{
		{&wire.Ping{}, emptyHash},
		{&store, "e7c2473215f1b3fb40f03a7c68d00f5da0a687fea470ccbbbe7321d58ec2cb03"},
		{&integerSeed, "9a88faea62ff26d349adb5a4b4e8b68aa55022df69265cf91612bb9c75bcd0a7"},
		{&wire.StoreUser{EncryptedData: []byte("ABC"), EncryptionPayload: `{"a":1}`}, "7b79e7c3457fb3d9b27facf9afb09f428e5aa99de0bc398e813db4bf788857aa"},
		{&wire.Challenge{ChallengeHash: "7", ChunkSize: 256, Seed: "x"}, "2eef27a6eecfae54717288a9e7ae33bbcefd50a95a29a7867be88ff2981a91d3"},
		{&wire.Retrieve{DataHash: "abc", Seed: "12"}, "186ec7c7d73f5bbfa397908254c99aa062925cfa73c6c25c7bb742ca50927ca2"},
		{&wire.RetrieveUser{DataHash: "abc"}, "49a87f9078fe45b5fc410eba4562cb9f23ff7acbdce6793dc1772d200ca1fdf3"},
		{&wire.DeleteUser{DataHash: "abc"}, "49a87f9078fe45b5fc410eba4562cb9f23ff7acbdce6793dc1772d200ca1fdf3"},
	} {
		if got := hashFields(c.msg.Fields()); got != c.want {
			t.Errorf("%s hashes to %s, want %s", c.msg.Name(), got, c.want)
		}
		b, err := encodeBody(c.msg, 12, terminal{}, terminal{}, false)
		check(t, err)
		got, err := decodeBody(b.reader(), b.size, c.msg.Fields(), asRequest)
		if err != nil || got != c.want {
			t.Errorf("%s, sent and read, hashes to %s, want %s (%v)", c.msg.Name(), got, c.want, err)
		}
	}
}

// A class with every kind of value: a=5, b=0.1, c=true, d=["x","it's"],
// e={"k":1}, f=bytes "ab", g=null.
func TestBodyHashOfPythonValues(t *testing.T) {
	five := int64(5)
	yes := true
	var b bodyHash
	b.text(pyText(wire.Field{Value: &five}))
	b.text(pyFloat(0.1))
	b.text(pyText(wire.Field{Value: &yes}))
	b.text(`['x', "it's"]`)
	b.text(`{'k': 1}`)
	b.text(`b'ab'`)
	b.text(pyText(wire.Field{Value: new(string)}))
	if got := b.sum(); got != "f1b0074084a168556ca912e409880a5299725be134cd1b204a9f97e1274f56b2" {
		t.Errorf("hash %s", got)
	}
}

// A sender in Python writes its own text for a field: the hash is over that.
func TestHashIsOverWhatWasSent(t *testing.T) {
	body := `{"encrypted_data":"QUJD","curve":"P-256","g":"0x01","h":"0x02","seed":1234,"ttl":null,"randomness":null}`
	var msg wire.Store
	got, err := decodeBody(strings.NewReader(body), -1, msg.Fields(), asRequest)
	check(t, err)
	if msg.Seed != "1234" || string(msg.EncryptedData) != "ABC" {
		t.Errorf("read %+v", msg)
	}
	if got != "9a88faea62ff26d349adb5a4b4e8b68aa55022df69265cf91612bb9c75bcd0a7" {
		t.Errorf("hash %s", got)
	}
	filled := strings.Replace(body, `"randomness":null`, `"randomness":5,"commitment":""`, 1)
	other, err := decodeBody(strings.NewReader(filled), -1, msg.Fields(), asRequest)
	check(t, err)
	if other == got || msg.Randomness != nil {
		t.Error("an answer field in a request is not hashed, or was kept")
	}
}

func TestPyFloat(t *testing.T) {
	for f, want := range map[float64]string{
		0: "0.0", 12: "12.0", 0.5: "0.5", 0.1: "0.1", 1e-5: "1e-05", 0.0001: "0.0001", 1e15: "1000000000000000.0", 1e16: "1e+16",
		1.5e300: "1.5e+300", 123456.789: "123456.789", -2: "-2.0", math.Inf(1): "inf", 5e-324: "5e-324",
	} {
		if got := pyFloat(f); got != want {
			t.Errorf("repr(%g) = %s, want %s", f, got, want)
		}
	}
}

func TestPyInt(t *testing.T) {
	for in, want := range map[string]string{"5": "5", " +7 ": "7", "-0": "0", "007": "7", strings.Repeat("9", 78): strings.Repeat("9", 78)} {
		got, err := pyInt(in)
		if err != nil || got.String() != want {
			t.Errorf("int(%q) = %v, %v", in, got, err)
		}
	}
	for _, in := range []string{"", " ", "1.0", "1e3", "--1", "+-1", "0x10", "1_0", strings.Repeat("9", maxDigits+1)} {
		if got, err := pyInt(in); err == nil {
			t.Errorf("int(%q) = %v", in, got)
		}
	}
	if n, err := pyInt("-12"); err != nil || n.Cmp(big.NewInt(-12)) != 0 {
		t.Errorf("int(-12) = %v, %v", n, err)
	}
}
