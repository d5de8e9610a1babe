package wallet

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// Development keys; everybody knows them.
const (
	devPublic  = "46ebddef8cd9bb167dc30878d7113b7e168e6f0646beffd77d69d39bad76b47a"
	devSeed    = "fac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e"
	devPrivate = "05d65584630d16cd4af6d0bec10f34bb504a5dcb62dba2122d49f5a663763d0afd190cce74df356432b410bd64682309d6dedb27c76845daf388557cbac3ca34"
	devAddress = "5DfhGyQdFobKM8NsWvEeAKk5EQQgYe9AydgJ7rMB6E1EqRzV"
	aliceSeed  = "e5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a"
	aliceAddr  = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
)

func mustURI(t testing.TB, uri string) *Keypair {
	t.Helper()
	k, err := KeypairFromURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestKeyFilesAreWrittenInBittensorsOrder(t *testing.T) {
	secret, err := marshalKeypair(mustURI(t, devPhrase))
	want := `{"accountId":"0x` + devPublic + `","publicKey":"0x` + devPublic + `","privateKey":"0x` + devPrivate + `","secretPhrase":"` + devPhrase +
		`","secretSeed":"0x` + devSeed + `","ss58Address":"` + devAddress + `"}`
	if err != nil || string(secret) != want {
		t.Errorf("%s, %v", secret, err)
	}
	soft, err := marshalKeypair(mustURI(t, "/Alice"))
	if err != nil || !strings.Contains(string(soft), `"secretPhrase":null,"secretSeed":null,`) {
		t.Errorf("%s, %v", soft, err)
	}
	public, err := marshalAddress(devAddress)
	want = `{"accountId":"0x` + devPublic + `","publicKey":"0x` + devPublic + `","ss58Address":"` + devAddress + `"}`
	if err != nil || string(public) != want {
		t.Errorf("%s, %v", public, err)
	}
}

func TestKeyFilesOfAllWritersAreRead(t *testing.T) {
	rawSeed := strings.Repeat("é", 16) // 32 bytes of UTF-8
	raw := KeypairFromSeed([32]byte([]byte(rawSeed)))
	for name, c := range map[string]struct {
		file, address, phrase string
		public                bool
	}{
		"bittensor 6": {file: `{"accountId": "0x` + devPublic + `", "publicKey": "0x` + devPublic + `", "privateKey": "0x` + devPrivate + `", "secretPhrase": "` + devPhrase + `", "secretSeed": "0x` + devSeed + `", "ss58Address": "` + devAddress + `"}`, address: devAddress, phrase: devPhrase},
		"btwallet":    {file: `{"ss58Address":"` + devAddress + `","secretPhrase":"` + devPhrase + `","privateKey":"0x` + devPrivate + `","extra":{"a":[1]}}`, address: devAddress, phrase: devPhrase},
		"private key": {file: `{"privateKey": "0x` + devPrivate + `", "secretSeed": null, "ss58Address": "` + devAddress + `"}`, address: devAddress},
		"seed only":   {file: `{"secretSeed": "` + devSeed + `"}`, address: devAddress},
		"raw seed":    {file: `{"secretSeed": "` + rawSeed + `"}`, address: string(raw.Address())},
		// The seed is preferred, but not one that is not the key the file is about.
		"seed first":       {file: `{"secretSeed": "0x` + aliceSeed + `", "secretPhrase": "` + devPhrase + `"}`, address: aliceAddr},
		"phrase is right":  {file: `{"secretSeed": "0x` + aliceSeed + `", "secretPhrase": "` + devPhrase + `", "ss58Address": "` + devAddress + `"}`, address: devAddress, phrase: devPhrase},
		"private is right": {file: `{"secretSeed": "0x12", "secretPhrase": "lost", "privateKey": "0x` + devPrivate + `", "ss58Address": "` + devAddress + `"}`, address: devAddress},
		"public":           {file: `{"accountId": "0x` + devPublic + `", "publicKey": "0x` + devPublic + `", "privateKey": null, "ss58Address": "` + devAddress + `"}`, address: devAddress, public: true},
		"address only":     {file: `{"ss58Address": "` + devAddress + `"}`, address: devAddress, public: true},
		"bare":             {file: "0x" + devPublic + "\n", address: devAddress, public: true},
	} {
		got, err := parseKeyfile([]byte(c.file))
		if err != nil || string(got.address) != c.address || (got.pair == nil) != c.public {
			t.Errorf("%s: %+v, %v", name, got, err)
			continue
		}
		if _, err := got.keypair(); c.public != errors.Is(err, ErrPublicOnly) {
			t.Errorf("%s: %v", name, err)
		}
		if !c.public && got.pair.Mnemonic() != c.phrase {
			t.Errorf("%s: phrase %q", name, got.pair.Mnemonic())
		}
	}
}

func TestMalformedKeyFilesAreRefusedWithoutRepeatingThem(t *testing.T) {
	for name, file := range map[string]string{
		"empty": "", "null": "null", "no fields": "{}", "list": "[]", "number": `{"secretSeed": 12345678901234567890}`,
		"cut":          `{"secretPhrase": "` + devPhrase,
		"two keys":     `{"publicKey": "0x` + devPublic + `", "ss58Address": "` + aliceAddr + `"}`,
		"other secret": `{"secretSeed": "0x` + devSeed + `", "ss58Address": "` + aliceAddr + `"}`,
		"short seed":   `{"secretSeed": "0x1234"}`,
		"cut seed":     `{"secretSeed": "0x` + devSeed[:30] + `"}`,
		"short phrase": `{"secretPhrase": "bottom drive"}`,
		"private key":  `{"privateKey": "0x` + strings.Repeat("ff", 64) + `"}`,
		"address":      `{"ss58Address": "5abc"}`,
		"bare":         "0x" + devPublic[2:],
		"text":         devPhrase,
	} {
		got, err := parseKeyfile([]byte(file))
		if !errors.Is(err, ErrKeyfile) || got.pair != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		} else if strings.Contains(err.Error(), "bottom") || strings.Contains(err.Error(), devSeed) || strings.Contains(err.Error(), "1234") {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
}

func FuzzParseKeyfile(f *testing.F) {
	for _, uri := range []string{devPhrase, "//Alice", "/Alice"} {
		data, err := marshalKeypair(mustURI(f, uri))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("0x" + devPublic))
	f.Add([]byte(`{"secretSeed":"0x12","ss58Address":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseKeyfile(data)
		if err != nil {
			if !errors.Is(err, ErrKeyfile) {
				t.Error(err)
			}
			return
		}
		if _, err := c.address.PublicKey(); err != nil {
			t.Fatal(err)
		}
		if c.pair == nil {
			return
		}
		again, err := marshalKeypair(c.pair)
		if err != nil || !json.Valid(again) {
			t.Fatalf("%s, %v", again, err)
		}
		if back, err := parseKeyfile(again); err != nil || back.pair == nil || back.pair.secret != c.pair.secret || back.pair.phrase != c.pair.phrase {
			t.Errorf("%s does not read back: %v", again, err)
		}
	})
}

func unhexed(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
