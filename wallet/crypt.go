package wallet

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/filetao/filetao/envelope"
	"golang.org/x/crypto/nacl/secretbox"
)

// ErrPassword says that a key file does not open with the password given, or
// that there is none.
var ErrPassword = errors.New("wrong password")

// The encrypted forms of a key file, told apart by how it begins.
const (
	naclPrefix    = "$NACL"
	ansiblePrefix = "$ANSIBLE_VAULT"
	fernetPrefix  = "gAAAAA"
)

const (
	naclNonce     = 24
	ansibleRounds = 10_000
	fernetRounds  = 10_000_000
	fernetSalt    = "Iguesscyborgslikemyselfhaveatendencytobeparanoidaboutourorigins"
)

func isEncrypted(data []byte) bool {
	for _, prefix := range []string{naclPrefix, ansiblePrefix, fernetPrefix} {
		if bytes.HasPrefix(data, []byte(prefix)) {
			return true
		}
	}
	return false
}

// encrypt makes the $NACL form. It takes seconds and 512 MiB, see
// envelope.DeriveKey.
func encrypt(rand io.Reader, plain []byte, password string) ([]byte, error) {
	var nonce [naclNonce]byte
	if _, err := io.ReadFull(rand, nonce[:]); err != nil {
		return nil, fmt.Errorf("encrypt key file: %w", err)
	}
	key := envelope.DeriveKey(password)
	head := append([]byte(naclPrefix), nonce[:]...)
	return secretbox.Seal(head, plain, &nonce, (*[32]byte)(&key)), nil
}

// decrypt opens any of the three forms. It fails with ErrPassword if the content
// fails authentication, with ErrKeyfile if it is malformed.
func decrypt(data []byte, password string) ([]byte, error) {
	switch {
	case bytes.HasPrefix(data, []byte(naclPrefix)):
		return openNaCl(data[len(naclPrefix):], password)
	case bytes.HasPrefix(data, []byte(ansiblePrefix)):
		return openAnsible(data, password)
	case bytes.HasPrefix(data, []byte(fernetPrefix)):
		return openFernet(bytes.TrimSpace(data), password)
	}
	return nil, fmt.Errorf("%w: not an encrypted form", ErrKeyfile)
}

func openNaCl(data []byte, password string) ([]byte, error) {
	if len(data) < naclNonce+secretbox.Overhead {
		return nil, fmt.Errorf("%w: the file is cut short", ErrKeyfile)
	}
	nonce := [naclNonce]byte(data)
	key := envelope.DeriveKey(password)
	plain, ok := secretbox.Open(nil, data[naclNonce:], &nonce, (*[32]byte)(&key))
	if !ok {
		return nil, ErrPassword
	}
	return plain, nil
}

// openAnsible reads Ansible Vault 1.1 and 1.2: a header line, then wrapped hex of
// three hex lines, salt, HMAC and ciphertext.
func openAnsible(data []byte, password string) ([]byte, error) {
	header, body, _ := bytes.Cut(data, []byte("\n"))
	fields := bytes.Split(bytes.TrimSpace(header), []byte(";"))
	if len(fields) < 3 || string(fields[2]) != "AES256" || (string(fields[1]) != "1.1" && string(fields[1]) != "1.2") {
		return nil, fmt.Errorf("%w: an Ansible vault of an unknown version", ErrKeyfile)
	}
	outer, err := unhexText(bytes.Join(bytes.Fields(body), nil))
	if err != nil {
		return nil, err
	}
	lines := bytes.Split(bytes.TrimSpace(outer), []byte("\n"))
	if len(lines) != 3 {
		return nil, fmt.Errorf("%w: an Ansible vault of %d parts, want 3", ErrKeyfile, len(lines))
	}
	var parts [3][]byte
	for i, line := range lines {
		if parts[i], err = unhexText(line); err != nil {
			return nil, err
		}
	}
	salt, mac, text := parts[0], parts[1], parts[2]
	keys, err := pbkdf2.Key(sha256.New, password, salt, ansibleRounds, 80)
	if err != nil {
		return nil, fmt.Errorf("decrypt key file: %w", err)
	}
	if !hmac.Equal(mac, hmacSHA256(keys[32:64], text)) {
		return nil, ErrPassword
	}
	block, err := aes.NewCipher(keys[:32])
	if err != nil {
		return nil, fmt.Errorf("decrypt key file: %w", err)
	}
	cipher.NewCTR(block, keys[64:]).XORKeyStream(text, text)
	return unpad(text)
}

// openFernet reads bittensor's oldest form. It takes seconds: 10 million rounds.
func openFernet(token []byte, password string) ([]byte, error) {
	key, err := pbkdf2.Key(sha256.New, password, []byte(fernetSalt), fernetRounds, 32)
	if err != nil {
		return nil, fmt.Errorf("decrypt key file: %w", err)
	}
	return openFernetToken(token, key)
}

// openFernetToken reads version 1 of Fernet: 0x80, time (8 bytes), IV (16),
// AES-128-CBC ciphertext, HMAC-SHA256 over all of it, in URL-safe base64.
func openFernetToken(token, key []byte) ([]byte, error) {
	const head, macSize = 1 + 8 + aes.BlockSize, sha256.Size
	raw := make([]byte, base64.URLEncoding.DecodedLen(len(token)))
	n, err := base64.URLEncoding.Decode(raw, token)
	if err != nil {
		return nil, fmt.Errorf("%w: not a Fernet token", ErrKeyfile)
	}
	raw = raw[:n]
	if n < head+aes.BlockSize+macSize || raw[0] != 0x80 || (n-head-macSize)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("%w: not a Fernet token", ErrKeyfile)
	}
	body, mac := raw[:n-macSize], raw[n-macSize:]
	if !hmac.Equal(mac, hmacSHA256(key[:16], body)) {
		return nil, ErrPassword
	}
	block, err := aes.NewCipher(key[16:])
	if err != nil {
		return nil, fmt.Errorf("decrypt key file: %w", err)
	}
	iv, text := body[head-aes.BlockSize:head], body[head:]
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(text, text)
	return unpad(text)
}

func hmacSHA256(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// unpad takes PKCS#7 padding off; the content is authenticated already.
func unpad(text []byte) ([]byte, error) {
	if len(text) > 0 {
		n := int(text[len(text)-1])
		if n >= 1 && n <= aes.BlockSize && n <= len(text) && bytes.Count(text[len(text)-n:], text[len(text)-1:]) == n {
			return text[:len(text)-n], nil
		}
	}
	return nil, fmt.Errorf("%w: wrong padding", ErrKeyfile)
}

func unhexText(text []byte) ([]byte, error) {
	raw := make([]byte, hex.DecodedLen(len(text)))
	if _, err := hex.Decode(raw, text); err != nil {
		return nil, fmt.Errorf("%w: not hex", ErrKeyfile)
	}
	return raw, nil
}
