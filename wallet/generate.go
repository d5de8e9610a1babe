package wallet

import "io"

// Generate draws a new key with a mnemonic of 12, 15, 18, 21 or 24 words
// (DefaultWords is bittensor's length) from rand.
func Generate(rand io.Reader, words int) (*Keypair, error) {
	phrase, err := GenerateMnemonic(rand, words)
	if err != nil {
		return nil, err
	}
	return KeypairFromMnemonic(phrase, "")
}
