package wallet_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/filetao/filetao/wallet"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func fromURI(t *testing.T, uri string) *wallet.Keypair {
	t.Helper()
	k, err := wallet.KeypairFromURI(uri)
	if err != nil {
		t.Fatalf("%s: %v", uri, err)
	}
	return k
}

const devPhrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"

func TestKnownKeys(t *testing.T) {
	for _, c := range []struct{ uri, seed, public, address, private string }{
		{
			"//Alice", "e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a",
			"d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d", "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
			"33a6f3093f158a7109f679410bef1a0c54168145e0cecb4df006c1c2fffb1f09925a225d97aa00682d6a59b95b18780c10d7032336e88f3442b42361f4a66011",
		},
		{
			"//Bob", "398f0c28f98885e046333d4a41c19cee4c37368a9832c6502f6cfd182e2aef89",
			"8eaf04151687736326c9fea17e25fc5287613693c912909cb226aa4794f26a48", "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty", "",
		},
		{
			devPhrase, "fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e",
			"46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a", "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV",
			"05d65584630d16cd4af6d0bec10f34bb504a5dcb62dba2122d49f5a663763d0afd190cce74df356432b410bd64682309d6dedb27c76845daf388557cbac3ca34",
		},
	} {
		k := fromURI(t, c.uri)
		pub := k.PublicKey()
		seed, _ := k.Seed()
		if hex.EncodeToString(pub[:]) != c.public || hex.EncodeToString(seed[:]) != c.seed || string(k.Address()) != c.address {
			t.Errorf("%s: %x %x %s", c.uri, pub, seed, k.Address())
		}
		if c.private != "" && k.PrivateKeyHex() != c.private {
			t.Errorf("%s: private key %s", c.uri, k.PrivateKeyHex())
		}
		if again := wallet.KeypairFromSeed(seed); again.Address() != k.Address() || again.PrivateKeyHex() != k.PrivateKeyHex() {
			t.Errorf("%s: its seed gives another key", c.uri)
		}
		if again, err := wallet.KeypairFromPrivateKey(unhex(t, k.PrivateKeyHex())); err != nil || again.Address() != k.Address() {
			t.Errorf("%s: its private key gives %v, %v", c.uri, again, err)
		}
	}
}

func TestSignatureOfTheReferenceVerifies(t *testing.T) {
	alice := wallet.Address("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
	msg := "3400709098974.5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY.5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty" +
		".7127d55c-e57f-11f1-9bcf-02fc00000001.a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"
	sig := unhex(t, "0xd8a206c4bd6b88a2fbcd5073442fe488aa955fc36b0682ed49cd2de029918f57e30fd935e0441b2c495d642bf1aba8eb3e9f8cad768cee7c43e1cebb07c2708d")
	if err := wallet.Verify(alice, []byte(msg), sig); err != nil {
		t.Error(err)
	}
	if err := wallet.Verify(alice, []byte(msg+"."), sig); !errors.Is(err, wallet.ErrSignature) {
		t.Errorf("another message: %v", err)
	}
}

func TestSignAndVerify(t *testing.T) {
	alice, bob := fromURI(t, "//Alice"), fromURI(t, "//Bob")
	for _, msg := range []string{"", "a message", strings.Repeat("long ", 1000)} {
		sig, err := alice.Sign([]byte(msg))
		if err != nil || len(sig) != wallet.SignatureSize {
			t.Fatalf("%d bytes, %v", len(sig), err)
		}
		if err := wallet.Verify(alice.Address(), []byte(msg), sig); err != nil {
			t.Error(err)
		}
		for name, err := range map[string]error{
			"other signer":  wallet.Verify(bob.Address(), []byte(msg), sig),
			"other message": wallet.VerifyLenient(alice.Address(), []byte(msg+"x"), sig),
			"short":         wallet.Verify(alice.Address(), []byte(msg), sig[:63]),
			"no signature":  wallet.Verify(alice.Address(), []byte(msg), nil),
			"zero address":  wallet.Verify(wallet.AddressOf([32]byte{}), []byte(msg), append(make([]byte, 63), 128)),
			"off the curve": wallet.Verify(wallet.AddressOf([32]byte{255}), []byte(msg), sig),
		} {
			if !errors.Is(err, wallet.ErrSignature) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := wallet.Verify("nobody", nil, nil); !errors.Is(err, wallet.ErrAddress) {
		t.Errorf("bad address: %v", err)
	}
}

func TestWrappedMessageOnlyLeniently(t *testing.T) {
	k := fromURI(t, "//Alice")
	sig, err := k.Sign([]byte("<Bytes>hello</Bytes>"))
	if err != nil {
		t.Fatal(err)
	}
	if err := wallet.VerifyLenient(k.Address(), []byte("hello"), sig); err != nil {
		t.Error(err)
	}
	if err := wallet.Verify(k.Address(), []byte("hello"), sig); !errors.Is(err, wallet.ErrSignature) {
		t.Errorf("plain: %v", err)
	}
}

func TestPrintingAKeypairShowsNoSecret(t *testing.T) {
	k := fromURI(t, devPhrase)
	for _, format := range []string{"%v", "%+v", "%s", "%#v", "%q", "%x"} {
		text := fmt.Sprintf(format, k)
		if strings.Contains(text, "walk") || strings.Contains(text, "fac7959d") || strings.Contains(text, "05d65584") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

func TestAddresses(t *testing.T) {
	good := "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
	if a, err := wallet.ParseAddress(good); err != nil || string(a) != good {
		t.Errorf("%s, %v", a, err)
	}
	for _, bad := range []string{
		"", good[:47], good + "1", "6" + good[1:], good[:47] + "Z", strings.Repeat("1", 48), strings.Repeat("z", 48), "0" + good[1:],
		"HNZata7iMYWmk5RvZRTiAsSDhV8366zq2YGb3tLH5Upf74F",  // Alice on Kusama
		"15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5", // Alice on Polkadot, 48 characters as well
	} {
		if a, err := wallet.ParseAddress(bad); !errors.Is(err, wallet.ErrAddress) || a != "" {
			t.Errorf("%q: %q, %v", bad, a, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
	f.Add("15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := wallet.ParseAddress(s)
		if err != nil {
			return
		}
		pub, err := a.PublicKey()
		if err != nil || wallet.AddressOf(pub) != a {
			t.Errorf("%q reads as %x, %v", s, pub, err)
		}
	})
}
