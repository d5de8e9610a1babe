package wallet

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"fmt"
	"io"
	"strings"

	"github.com/tyler-smith/go-bip39"
)

// DefaultWords is the length of a mnemonic that bittensor makes.
const DefaultWords = 12

// GenerateMnemonic draws an English BIP-39 mnemonic of 12, 15, 18, 21 or 24
// words from rand.
func GenerateMnemonic(rand io.Reader, words int) (string, error) {
	if words < 12 || words > 24 || words%3 != 0 {
		return "", fmt.Errorf("a mnemonic has 12, 15, 18, 21 or 24 words, not %d", words)
	}
	entropy := make([]byte, words/3*4)
	if _, err := io.ReadFull(rand, entropy); err != nil {
		return "", fmt.Errorf("generate mnemonic: %w", err)
	}
	return bip39.NewMnemonic(entropy)
}

// KeypairFromMnemonic derives the key that Substrate derives: the seed comes
// from the entropy, so it is not the BIP-39 seed of other coins. Case and spaces
// of words do not matter; password is usually empty. It fails with ErrSecret.
func KeypairFromMnemonic(words, password string) (*Keypair, error) {
	phrase := strings.Join(strings.Fields(strings.ToLower(words)), " ")
	if n := strings.Count(phrase, " ") + 1; n < 12 || n > 24 || n%3 != 0 {
		return nil, fmt.Errorf("%w: a mnemonic has 12, 15, 18, 21 or 24 words, not %d", ErrSecret, n)
	}
	entropy, err := bip39.EntropyFromMnemonic(phrase)
	if err != nil {
		return nil, fmt.Errorf("%w: a word of the mnemonic is misspelt, missing or misplaced", ErrSecret)
	}
	stretched, err := pbkdf2.Key(sha512.New, string(entropy), []byte("mnemonic"+password), 2048, 64)
	if err != nil {
		return nil, fmt.Errorf("mnemonic: %w", err)
	}
	k := KeypairFromSeed([32]byte(stretched[:32]))
	if password == "" {
		k.phrase = phrase
	}
	return k, nil
}
