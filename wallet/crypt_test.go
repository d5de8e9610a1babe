package wallet

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/nacl/secretbox"
)

const (
	vectorPassword = "testing password"
	naclKey        = "7a645fce1b8e1a1539b1a80c79a0e5f34627f3ac5d41adf670e8b4f71477577c"
	naclFile       = "244e41434c00000000000000000000000000000000000000000000000084caa879eca4ec6615a06cd0c460bc22aaf6fca3cd8159"
	fernetKey      = "xyn36B9Yz5dKE1yBQ3xKKcm-tBrNsxnL1UFBrf61svo="
	fernetFile     = "gAAAAABlU_EAAAAAAAAAAAAAAAAAAAAAABQT4Cm3BPOv5p2q18Qz6BN6JxqGdHvi_CrlNUZSp1vDaH31nQmC1OchfoErwXTMLA=="
	ansibleFile    = `$ANSIBLE_VAULT;1.1;AES256
35643764633464636463373234363433613661393031643731363130306133343365393362303761
3334356232356561383437663630376336323164353734380a353137383430326165303864626338
64313233333832353335663830303561623262636338373934333531616561353765303832623762
3861616230316166620a646135373933616564636631393438663565366137663531363030383735
3766
`
)

func TestFernetToken(t *testing.T) {
	key, err := base64.URLEncoding.DecodeString(fernetKey)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := openFernetToken([]byte(fernetFile), key); err != nil || string(plain) != `{"a": 1}` {
		t.Errorf("%s, %v", plain, err)
	}
	key[0] ^= 1
	if _, err := openFernetToken([]byte(fernetFile), key); !errors.Is(err, ErrPassword) {
		t.Errorf("other key: %v", err)
	}
}

func TestAnsibleVector(t *testing.T) {
	for name, file := range map[string]string{
		"1.1": ansibleFile, "CRLF": strings.ReplaceAll(ansibleFile, "\n", "\r\n"),
		"1.2 with label": strings.Replace(ansibleFile, "1.1;AES256", "1.2;AES256;name", 1),
	} {
		if plain, err := decrypt([]byte(file), vectorPassword); err != nil || string(plain) != `{"a": 1}` {
			t.Errorf("%s: %s, %v", name, plain, err)
		}
	}
	if _, err := decrypt([]byte(ansibleFile), "other"); !errors.Is(err, ErrPassword) {
		t.Errorf("other password: %v", err)
	}
}

// The derivation itself is tested with Create, which needs it anyway.
func TestNaClVector(t *testing.T) {
	file := unhexed(t, naclFile)
	plain, ok := secretbox.Open(nil, file[len(naclPrefix)+naclNonce:], (*[24]byte)(file[len(naclPrefix):]), (*[32]byte)(unhexed(t, naclKey)))
	if !ok || string(plain) != `{"a":1}` || !isEncrypted(file) {
		t.Errorf("%s, %v", plain, ok)
	}
	if _, err := decrypt([]byte("$NACL too short"), vectorPassword); !errors.Is(err, ErrKeyfile) {
		t.Errorf("cut file: %v", err)
	}
}

func TestMalformedEncryptedFiles(t *testing.T) {
	header, body, _ := strings.Cut(ansibleFile, "\n")
	for name, file := range map[string]string{
		"plain":            `{"a": 1}`,
		"vault version":    strings.Replace(ansibleFile, "1.1", "9.9", 1),
		"vault cipher":     strings.Replace(ansibleFile, "AES256", "AES", 1),
		"vault header":     "$ANSIBLE_VAULT",
		"vault not hex":    header + "\nzz",
		"vault two parts":  header + "\n" + body[:100],
		"vault inner hex":  header + "\n" + "7a7a0a7a7a0a7a7a",
		"vault no content": header + "\n",
	} {
		if plain, err := decrypt([]byte(file), vectorPassword); !errors.Is(err, ErrKeyfile) || plain != nil {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
	}
}

func FuzzAnsible(f *testing.F) {
	f.Add([]byte(ansibleFile))
	f.Add([]byte("$ANSIBLE_VAULT;1.1;AES256\n0a0a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxKeyfile {
			return
		}
		if _, err := openAnsible(data, "password"); err != nil && !errors.Is(err, ErrPassword) && !errors.Is(err, ErrKeyfile) {
			t.Error(err)
		}
	})
}

func FuzzFernet(f *testing.F) {
	key, err := base64.URLEncoding.DecodeString(fernetKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(fernetFile))
	f.Add([]byte("gAAAAA=="))
	f.Fuzz(func(t *testing.T, token []byte) {
		if len(token) > maxKeyfile {
			return
		}
		plain, err := openFernetToken(token, key)
		if err != nil && !errors.Is(err, ErrPassword) && !errors.Is(err, ErrKeyfile) {
			t.Error(err)
		}
		if err == nil && !bytes.Equal(plain, []byte(`{"a": 1}`)) {
			t.Errorf("forged %q", plain)
		}
	})
}
