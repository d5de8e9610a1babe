package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// MaskSecret is what the masks of one asker's replicas are derived from. It is a
// secret and formats as a placeholder.
type MaskSecret [32]byte

// String hides the secret.
func (MaskSecret) String() string { return "envelope.MaskSecret(hidden)" }

// GoString hides the secret.
func (s MaskSecret) GoString() string { return s.String() }

// MaskSecretOf derives the secret from a hotkey's private key, the text of
// wallet.Keypair.PrivateKeyHex: HKDF-SHA256 (RFC 5869) of that text without
// salt, info "filetao mask secret v1".
func MaskSecretOf(privateKeyHex string) MaskSecret {
	return MaskSecret(derived(hkdf.Key(sha256.New, []byte(privateKeyHex), nil, "filetao mask secret v1", keySize)))
}

// Mask turns a datum E into the replica of one miner, in place, and the replica
// back into E: the same call does both. miner is the public key of the miner's
// hotkey, hash is H(E), always that of the datum and not of the replica.
//
// The mask is the keystream of AES-256-CTR, whose key is HKDF-Expand of the
// secret with info "filetao mask v1" and the two values. It makes the replicas
// of two miners differ in a keystream that nobody but the asker knows, so that
// neither can answer from what the other holds, also when they belong together.
// It hides E from nobody who has it in another way and authenticates nothing:
// whoever unmasks checks the result against H(E).
//
// The counter begins at zero, and that is safe, because a key is only ever used
// for one text: it is bound to H(E). Nothing is drawn, on purpose. The same datum
// stored again at the same miner gives the same replica, so that an interrupted
// Store can be repeated, and unmasking needs nothing that could be lost.
func (s MaskSecret) Mask(miner, hash [32]byte, data []byte) {
	key := derived(hkdf.Expand(sha256.New, s[:], "filetao mask v1"+string(miner[:])+string(hash[:]), keySize))
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("envelope: " + err.Error()) // the key is 32 bytes long
	}
	cipher.NewCTR(block, make([]byte, aes.BlockSize)).XORKeyStream(data, data)
}

// derived is a key of HKDF, which only fails for lengths above 8,160 bytes.
func derived(key []byte, err error) []byte {
	if err != nil {
		panic("envelope: " + err.Error())
	}
	return key
}
