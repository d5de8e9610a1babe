package wallet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

var (
	// ErrKeyfile says that a key file is malformed.
	ErrKeyfile = errors.New("malformed key file")
	// ErrNotFound says that there is no such key file; the error is fs.ErrNotExist too.
	ErrNotFound = errors.New("no such key")
	// ErrPublicOnly says that a key file holds a public key only: it cannot sign.
	ErrPublicOnly = errors.New("only the public key is here, it cannot sign")
	// ErrEncrypted says that a key file is encrypted where no password can be given.
	ErrEncrypted = errors.New("key file is encrypted")
)

// maxKeyfile bounds a key file in bytes; encrypted ones have about 1,300.
const maxKeyfile = 64 << 10

// keyfile is the JSON of a key, in bittensor's order: hex texts with 0x, absent
// ones null.
type keyfile struct {
	AccountID    *string `json:"accountId"`
	PublicKey    *string `json:"publicKey"`
	PrivateKey   *string `json:"privateKey"`
	SecretPhrase *string `json:"secretPhrase"`
	SecretSeed   *string `json:"secretSeed"`
	SS58Address  *string `json:"ss58Address"`
}

// publicKeyfile is the JSON of a public key, as in coldkeypub.txt.
type publicKeyfile struct {
	AccountID   string `json:"accountId"`
	PublicKey   string `json:"publicKey"`
	SS58Address string `json:"ss58Address"`
}

// contents is what a key file says.
type contents struct {
	pair    *Keypair // nil if the file holds no secret
	address Address
}

func (c contents) keypair() (*Keypair, error) {
	if c.pair == nil {
		return nil, ErrPublicOnly
	}
	return c.pair, nil
}

func marshalKeypair(k *Keypair) ([]byte, error) {
	public, private, addr := "0x"+hex.EncodeToString(k.public[:]), "0x"+k.PrivateKeyHex(), string(k.addr)
	file := keyfile{AccountID: &public, PublicKey: &public, PrivateKey: &private, SS58Address: &addr}
	if k.phrase != "" {
		file.SecretPhrase = &k.phrase
	}
	if k.seed != nil {
		seed := "0x" + hex.EncodeToString(k.seed[:])
		file.SecretSeed = &seed
	}
	return json.Marshal(file)
}

func marshalAddress(a Address) ([]byte, error) {
	pub, err := a.PublicKey()
	if err != nil {
		return nil, err
	}
	text := "0x" + hex.EncodeToString(pub[:])
	return json.Marshal(publicKeyfile{text, text, string(a)})
}

// parseKeyfile reads a key file that is not, or no longer, encrypted: the JSON,
// or a bare public key in hex with 0x.
func parseKeyfile(data []byte) (contents, error) {
	data = bytes.TrimSpace(data)
	if bytes.HasPrefix(data, []byte("0x")) {
		addr, err := addressOfHex(string(data))
		return contents{address: addr}, err
	}
	var file keyfile
	if err := json.Unmarshal(data, &file); err != nil {
		return contents{}, fmt.Errorf("%w: neither JSON of a key nor a public key", ErrKeyfile) // err could quote a secret
	}
	stated, err := file.statedAddress()
	if err != nil {
		return contents{}, err
	}
	pair, err := file.pair(stated)
	if err != nil {
		return contents{}, err
	}
	if pair != nil {
		return contents{pair, pair.addr}, nil
	}
	if stated == "" {
		return contents{}, fmt.Errorf("%w: it names no key", ErrKeyfile)
	}
	return contents{address: stated}, nil
}

// statedAddress is the address by the public fields, which must agree; "" if
// there are none.
func (f keyfile) statedAddress() (stated Address, err error) {
	for _, field := range []struct {
		text  *string
		parse func(string) (Address, error)
	}{{f.SS58Address, ParseAddress}, {f.PublicKey, addressOfHex}, {f.AccountID, addressOfHex}} {
		if absent(field.text) {
			continue
		}
		addr, err := field.parse(*field.text)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrKeyfile, err)
		}
		if stated != "" && stated != addr {
			return "", fmt.Errorf("%w: its public fields name two keys", ErrKeyfile)
		}
		stated = addr
	}
	return stated, nil
}

// pair is the secret: seed, then phrase, then private key, as bittensor 6.x
// prefers them; the first that gives the stated address (or any, if none is
// stated). Nil without an error if the file has no secret.
func (f keyfile) pair(stated Address) (*Keypair, error) {
	var firstErr error
	for _, secret := range []struct {
		text  *string
		parse func(string) (*Keypair, error)
	}{
		{f.SecretSeed, keypairFromSeedText},
		{f.SecretPhrase, func(s string) (*Keypair, error) { return KeypairFromMnemonic(s, "") }},
		{f.PrivateKey, keypairFromPrivateText},
	} {
		if absent(secret.text) {
			continue
		}
		k, err := secret.parse(*secret.text)
		switch {
		case err != nil:
			err = fmt.Errorf("%w: %w", ErrKeyfile, err)
		case stated != "" && k.addr != stated:
			err = fmt.Errorf("%w: its secret is not that of %s", ErrKeyfile, stated)
		default:
			k.rememberPhrase(f.SecretPhrase)
			return k, nil
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	return nil, firstErr
}

// rememberPhrase keeps the file's phrase with a key that was read by seed.
func (k *Keypair) rememberPhrase(phrase *string) {
	if k.phrase != "" || absent(phrase) {
		return
	}
	if same, err := KeypairFromMnemonic(*phrase, ""); err == nil && same.secret == k.secret {
		k.phrase, k.seed = same.phrase, same.seed
	}
}

func absent(text *string) bool { return text == nil || *text == "" }

func addressOfHex(text string) (Address, error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(raw) != 32 {
		return "", fmt.Errorf("%w: a public key is 0x and 64 hex digits", ErrKeyfile)
	}
	return AddressOf([32]byte(raw)), nil
}

// keypairFromSeedText reads hex, or the 32 raw bytes that btwallet writes when
// they happen to be valid UTF-8.
func keypairFromSeedText(text string) (*Keypair, error) {
	if len(text) == 32 && !strings.HasPrefix(text, "0x") {
		return KeypairFromSeed([32]byte([]byte(text))), nil
	}
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("%w: seed", ErrSecret)
	}
	return KeypairFromSeed([32]byte(raw)), nil
}

func keypairFromPrivateText(text string) (*Keypair, error) {
	raw, err := hex.DecodeString(strings.TrimPrefix(text, "0x"))
	if err != nil {
		return nil, fmt.Errorf("%w: private key", ErrSecret)
	}
	return KeypairFromPrivateKey(raw)
}

// readKeyfile reads the bytes of a key file; ErrNotFound if there is none.
func readKeyfile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a file", ErrKeyfile, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKeyfile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeyfile {
		return nil, fmt.Errorf("%w: %s is longer than %d bytes", ErrKeyfile, path, maxKeyfile)
	}
	return data, nil
}

// load reads a key file and opens it with password, which is asked only if the
// file is encrypted and may be nil if it must not be.
func load(path string, password PasswordFunc) (contents, error) {
	data, err := readKeyfile(path)
	if err != nil {
		return contents{}, err
	}
	if isEncrypted(data) {
		if password == nil {
			return contents{}, fmt.Errorf("%w: %s", ErrEncrypted, path)
		}
		word, err := password("Password for " + path + ": ")
		if err != nil {
			return contents{}, err
		}
		if data, err = decrypt(data, word); err != nil {
			return contents{}, fmt.Errorf("open %s: %w", path, err)
		}
	}
	c, err := parseKeyfile(data)
	if err != nil {
		return contents{}, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}
