package wallet_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/filetao/filetao/wallet"
	"pgregory.net/rapid"
)

// Public keys as Substrate's subkey, polkadot.js and go-subkey derive them.
func TestDerivationPaths(t *testing.T) {
	const seed = "0xe5be9a5092b81bca64be81d212e7f2f9eba183bb7a90954f7b76361f6edb5c0a"
	const abandon = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
	for _, c := range [][2]string{
		{devPhrase + "/Alice", "d6c71059dbbe9ad2b0ed3f289738b800836eb425544ce694825285b958ca755e"},
		{"//Alice//stash", "be5ddb1579b72e84524fc29e78609e3caf42e85aa118ebfe0b0ad404b5bdd25f"},
		{"//Bob//stash", "fe65717dad0447d715f660a0a58411de509b42e6efb8375f562f58a554d5860e"},
		{"//0", "2afba9278e30ccf6a6ceb3a8b6e336b70068f045c666f2e7f4f9cc5f47db8972"},
		{"//7", "ba8e2c7594dd74730f3ca835e95455d199261897edc9735d602ea29615e2b10b"},
		{"/7", "8810854be12f13b8dad04d887b5be53b1b6dbf3e85ea55f52702314225c2da70"},
		{"//18446744073709551615", "a4ca284d5222ef916e2e181430785972ed22cb51ef91a0c6cdbbd390ee74bc77"},
		{"//a name that is longer than thirty-two bytes in all", "90b918e4b9e2478481909894b5def812633f3db436a98ef7f7f0f1eceb17d17e"},
		{"/a name that is longer than thirty-two bytes in all", "ee8e767c8bddf4abde81188678507f4f002c0745829324b457f865e6adfa6b5b"},
		{"//31 bytes name 0123456789abcdef", "50d676eab8ae89a08a2ce75e13eb495f6cf7306d24a9fe720a5042e5c1364a46"},
		{"//32 bytes name 0123456789abcdefg", "2ee2e823be8aed391b9cc4de2bcb10b6dcfff403a676e84b07067fc494b88c31"},
		{"//über", "dc662f606cc41761d22434122330b8e54a58f120ed1daf394ee611dc395b2572"},
		{"//hard/soft//hard/soft", "3235f00ea5dde3d0df544739b80e9d3b95e3b7ce394b7146378a6cac0342ea0e"},
		{"///password", "b69355deefa7a8f33e9297f5af22e680f03597a99d4f4b1c44be47e7a2275802"},
		{devPhrase + "//hard/soft///pass word", "de5696d00b9712fdaf85742465227f269c585f25cdeb0d6a89e52205b0dde579"},
		{seed + "/soft/1", "62fdaf0ce8389532e4d1c495297cb16633a2219c7c9985b636d690c698523f18"},
		{abandon + "//0", "5244eb2b8a9f975c603485c5a76eeec41fdad88aa6ef204b7c56691940ad1671"},
		{abandon + "///TREZOR", "baa4036a6b212012c67b91fd47c2e3e64b65bbd538969544c71b2f905227374c"},
		{strings.Repeat("legal winner thank year wave sausage worth useful ", 2) + "legal winner thank year wave sausage worth title", "5294e5a4859a235bed10b8a38cf5e832f1a2b560c36533a36200fc4cba1ad171"},
		{"0x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "44a996beb1eef7bdcab976ab6d2ca26104834164ecf28fb375600576fcc6eb0f"},
	} {
		k := fromURI(t, c[0])
		pub := k.PublicKey()
		if hex.EncodeToString(pub[:]) != c[1] {
			t.Errorf("%s: public key %x", c[0], pub)
		}
		if again := fromURI(t, c[0]); again.PrivateKeyHex() != k.PrivateKeyHex() {
			t.Errorf("%s: two private keys", c[0])
		}
		sig, err := k.Sign([]byte("m"))
		if err != nil || wallet.Verify(k.Address(), []byte("m"), sig) != nil {
			t.Errorf("%s: its signature does not verify (%v)", c[0], err)
		}
	}
}

func TestOnlyAKeyThatAPhraseGivesAloneKeepsIt(t *testing.T) {
	for uri, want := range map[string]string{
		"  Bottom  drive obey LAKE curtain smoke basket hold race lonely fit walk\n": devPhrase,
		devPhrase + "//Alice": "", devPhrase + "/soft": "", devPhrase + "///password": "", "//Bob": "",
	} {
		if got := fromURI(t, uri).Mnemonic(); got != want {
			t.Errorf("%q keeps %q", uri, got)
		}
	}
	if _, ok := fromURI(t, "//Alice/soft").Seed(); ok {
		t.Error("a softly derived key has a seed")
	}
}

func TestMalformedSecretsAreRefusedWithoutRepeatingThem(t *testing.T) {
	for _, uri := range []string{
		"bottom drive obey", devPhrase + " walk", strings.Replace(devPhrase, "walk", "drive", 1), strings.Replace(devPhrase, "lake", "lace", 1),
		"0x1234", "0x" + strings.Repeat("zz", 32), "//Alice/", "/Alice//", "/", "secretword", strings.Repeat("a", 5000),
	} {
		k, err := wallet.KeypairFromURI(uri)
		if !errors.Is(err, wallet.ErrSecret) || k != nil {
			t.Errorf("%q: %v, %v", uri, k, err)
			continue
		}
		for word := range strings.FieldsSeq(uri) {
			if len(word) > 5 && strings.Contains(err.Error(), word) {
				t.Errorf("the error repeats %q: %v", word, err)
			}
		}
	}
	for _, secret := range [][]byte{nil, make([]byte, 63), make([]byte, 64), bytes.Repeat([]byte{255}, 64)} {
		if _, err := wallet.KeypairFromPrivateKey(secret); !errors.Is(err, wallet.ErrSecret) {
			t.Errorf("private key %x: %v", secret, err)
		}
	}
}

func TestEveryMnemonicGivesAKeyAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SampledFrom([]int{12, 15, 18, 21, 24}).Draw(t, "words")
		entropy := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "entropy")
		phrase, err := wallet.GenerateMnemonic(bytes.NewReader(entropy), words)
		if err != nil || len(strings.Fields(phrase)) != words {
			t.Fatalf("%q, %v", phrase, err)
		}
		k, err := wallet.KeypairFromMnemonic(phrase, "")
		if err != nil || k.Mnemonic() != phrase {
			t.Fatalf("%q: %v", phrase, err)
		}
	})
	for _, words := range []int{0, 3, 13, 27, -12} {
		if _, err := wallet.GenerateMnemonic(bytes.NewReader(make([]byte, 64)), words); err == nil {
			t.Errorf("%d words", words)
		}
	}
	if _, err := wallet.GenerateMnemonic(bytes.NewReader(nil), 12); err == nil {
		t.Error("a mnemonic without randomness")
	}
}

func FuzzKeypairFromURI(f *testing.F) {
	for _, uri := range []string{"//Alice", devPhrase + "//a/b///c", "0x" + strings.Repeat("00", 32) + "/1", "///", "/", "0x", "////x"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		k, err := wallet.KeypairFromURI(uri)
		if err != nil {
			return
		}
		again, err := wallet.KeypairFromURI(uri)
		if err != nil || again.PrivateKeyHex() != k.PrivateKeyHex() {
			t.Errorf("%q gives another key the second time: %v", uri, err)
		}
	})
}
