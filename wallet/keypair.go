package wallet

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"

	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
)

var (
	// ErrSignature says that a signature is not one of this message by this address.
	ErrSignature = errors.New("signature does not verify")
	// ErrSecret says that a mnemonic, seed, private key or URI is malformed.
	// The error text never repeats the secret.
	ErrSecret = errors.New("malformed secret")
)

// SignatureSize is the length of a signature in bytes.
const SignatureSize = sr25519.SignatureSize

// signingContext separates Substrate's signatures from other uses of a key.
const signingContext = "substrate"

// Keypair is an sr25519 secret with its public key. It is immutable and safe for
// concurrent use, and formats as its address: printing one reveals no secret.
type Keypair struct {
	pair   *sr25519.KeyPair
	secret [sr25519.SecretKeySize]byte
	public [32]byte
	addr   Address

	// Where the secret came from, as far as it alone gives the key again.
	seed   *[32]byte
	phrase string
}

// KeypairFromSeed expands a 32-byte mini secret the way Ed25519 does.
func KeypairFromSeed(seed [32]byte) *Keypair {
	mini := sr25519.MiniSecretKey(seed)
	k, err := newKeypair(mini.ExpandEd25519())
	if err != nil {
		panic("wallet: expanding a seed: " + err.Error()) // a scalar below 2^252 always serialises
	}
	k.seed = &seed
	return k
}

// KeypairFromPrivateKey takes the 64 bytes of Keypair.PrivateKeyHex: canonical
// little-endian scalar, then nonce. It fails with ErrSecret.
func KeypairFromPrivateKey(secret []byte) (*Keypair, error) {
	sk, err := sr25519.NewSecretKeyFromBytes(secret)
	if err != nil {
		return nil, fmt.Errorf("%w: private key: %w", ErrSecret, err)
	}
	return newKeypair(sk)
}

func newKeypair(sk *sr25519.SecretKey) (*Keypair, error) {
	raw, err := sk.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSecret, err)
	}
	k := &Keypair{pair: sk.KeyPair()}
	copy(k.secret[:], raw)
	pub, err := k.pair.PublicKey().MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSecret, err)
	}
	copy(k.public[:], pub)
	if k.public == ([32]byte{}) {
		return nil, fmt.Errorf("%w: private key is zero", ErrSecret)
	}
	k.addr = AddressOf(k.public)
	return k, nil
}

// Address is the public key in SS58.
func (k *Keypair) Address() Address { return k.addr }

// PublicKey is the 32 bytes of the public key.
func (k *Keypair) PublicKey() [32]byte { return k.public }

// PrivateKeyHex is schnorrkel's secret key as bittensor's
// keypair.private_key.hex() prints it: scalar and nonce, 128 lower-case hex
// digits without 0x. It is a secret.
func (k *Keypair) PrivateKeyHex() string { return hex.EncodeToString(k.secret[:]) }

// Seed is the mini secret that expands to this key; false if there is none (a
// key from a private key or from a soft derivation). It is a secret.
func (k *Keypair) Seed() ([32]byte, bool) {
	if k.seed == nil {
		return [32]byte{}, false
	}
	return *k.seed, true
}

// Mnemonic is the phrase which alone, without password and path, gives this
// key; empty if it is not known. It is a secret.
func (k *Keypair) Mnemonic() string { return k.phrase }

// String is the address.
func (k *Keypair) String() string { return string(k.addr) }

// GoString is the address too, so that %#v shows no secret.
func (k *Keypair) GoString() string { return "wallet.Keypair(" + string(k.addr) + ")" }

// Sign signs msg as it is, in the signing context "substrate". Signatures are
// randomised: two of the same message differ. It fails only if the system has no
// randomness or msg is over 4 GiB, which the scheme cannot sign.
func (k *Keypair) Sign(msg []byte) ([]byte, error) {
	if uint64(len(msg)) > math.MaxUint32 {
		return nil, fmt.Errorf("sign: message of %d bytes is too long", len(msg))
	}
	sig, err := k.pair.Sign(nil, transcript(msg))
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return sig.MarshalBinary()
}

// Verify checks that sig is a signature of msg by a, and nothing else: no
// wrapped form is tried. It fails with ErrAddress or ErrSignature.
func Verify(a Address, msg, sig []byte) error {
	pub, err := a.PublicKey()
	if err != nil {
		return err
	}
	// Anybody can sign for the neutral element, which is the all-zero address.
	if pub == ([32]byte{}) {
		return fmt.Errorf("%w: the zero address signs nothing", ErrSignature)
	}
	if uint64(len(msg)) > math.MaxUint32 {
		return fmt.Errorf("%w: message of %d bytes is too long", ErrSignature, len(msg))
	}
	key, err := sr25519.NewPublicKeyFromBytes(pub[:])
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	s, err := sr25519.NewSignatureFromBytes(sig)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if !key.Verify(transcript(msg), s) {
		return ErrSignature
	}
	return nil
}

// VerifyLenient is Verify, then Verify over <Bytes>msg</Bytes>: browser
// extensions wrap what they are asked to sign, and bittensor takes both.
func VerifyLenient(a Address, msg, sig []byte) error {
	err := Verify(a, msg, sig)
	if errors.Is(err, ErrSignature) {
		wrapped := append(append([]byte("<Bytes>"), msg...), "</Bytes>"...)
		if Verify(a, wrapped, sig) == nil {
			return nil
		}
	}
	return err
}

func transcript(msg []byte) *sr25519.SigningTranscript {
	return sr25519.NewSigningContext([]byte(signingContext)).NewTranscriptBytes(msg)
}
