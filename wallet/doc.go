// Package wallet holds Bittensor keys: sr25519 key pairs with their mnemonics
// and derivation paths, SS58 addresses, signatures, and the key files and
// folders that bittensor 6.x and btwallet read and write.
//
// It is not a chain account (balances and transactions are package chain's) and
// never prompts or reads the environment by itself: passwords, randomness and
// environment are arguments. Signing draws its nonce from crypto/rand.
//
// Enter at [At] for keys on disk, at [KeypairFromURI] for a key in hand, at
// [Verify] for somebody else's signature.
package wallet
