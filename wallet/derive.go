package wallet

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/oasisprotocol/curve25519-voi/curve/scalar"
	"github.com/oasisprotocol/curve25519-voi/primitives/merlin"
	"github.com/oasisprotocol/curve25519-voi/primitives/sr25519"
	"golang.org/x/crypto/blake2b"
)

// devPhrase is Substrate's well-known development mnemonic: what a URI without
// a secret starts from. Everybody knows the keys below it.
const devPhrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk"

// maxURI bounds the text of a secret URI in bytes.
const maxURI = 4096

// KeypairFromURI reads Substrate's secret URI
//
//	[mnemonic or 0x-hex seed] [/soft or //hard …] [///password]
//
// as in "//Alice" (development keys), "word word … word//filetao//1" or
// "0x<64 hex digits>/soft". It fails with ErrSecret.
func KeypairFromURI(uri string) (*Keypair, error) {
	if len(uri) > maxURI {
		return nil, fmt.Errorf("%w: URI of %d bytes, at most %d", ErrSecret, len(uri), maxURI)
	}
	rest, password, _ := strings.Cut(uri, "///")
	secret, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		secret, path = rest[:i], rest[i:]
	}
	k, err := keypairFromRoot(strings.TrimSpace(secret), password)
	if err != nil || path == "" {
		return k, err
	}
	for path != "" {
		path = path[1:]
		hard := strings.HasPrefix(path, "/")
		path = strings.TrimPrefix(path, "/")
		name := path
		if i := strings.IndexByte(path, '/'); i >= 0 {
			name = path[:i]
		}
		path = path[len(name):]
		if name == "" {
			return nil, fmt.Errorf("%w: empty step in the derivation path", ErrSecret)
		}
		if k, err = k.derive(junction(name), hard); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func keypairFromRoot(secret, password string) (*Keypair, error) {
	digits, isHex := strings.CutPrefix(secret, "0x")
	switch {
	case secret == "":
		return KeypairFromMnemonic(devPhrase, password)
	case isHex:
		raw, err := hex.DecodeString(digits)
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("%w: a seed is 0x and 64 hex digits", ErrSecret)
		}
		return KeypairFromSeed([32]byte(raw)), nil
	}
	return KeypairFromMnemonic(secret, password)
}

// junction is the chain code of one step: numbers as 8 bytes little-endian,
// other text SCALE-encoded, hashed when that is longer than 32 bytes.
func junction(name string) (code [32]byte) {
	if n, err := strconv.ParseUint(name, 10, 64); err == nil {
		binary.LittleEndian.PutUint64(code[:], n)
		return code
	}
	encoded := append(compactLength(len(name)), name...)
	if len(encoded) > len(code) {
		return blake2b.Sum256(encoded)
	}
	copy(code[:], encoded)
	return code
}

// compactLength is SCALE's compact form of a length below 2^30; maxURI keeps it there.
func compactLength(n int) []byte {
	switch {
	case n < 1<<6:
		return []byte{byte(n << 2)}
	case n < 1<<14:
		return binary.LittleEndian.AppendUint16(nil, uint16(n<<2|1))
	}
	return binary.LittleEndian.AppendUint32(nil, uint32(n<<2|2))
}

// derive is schnorrkel's HDKD. A hard step hashes the secret scalar into a new
// mini secret; a soft one adds a scalar that follows from the public key.
func (k *Keypair) derive(code [32]byte, hard bool) (*Keypair, error) {
	t := merlin.NewTranscript("SchnorrRistrettoHDKD")
	t.AppendMessage("sign-bytes", nil)
	t.AppendMessage("chain-code", code[:])
	if hard {
		var mini [32]byte
		t.AppendMessage("secret-key", k.secret[:sr25519.SecretKeyScalarSize])
		t.ExtractBytes(mini[:], "HDKD-hard")
		return KeypairFromSeed(mini), nil
	}
	t.AppendMessage("public-key", k.public[:])
	var wide [scalar.ScalarWideSize]byte
	t.ExtractBytes(wide[:], "HDKD-scalar")
	step, err := scalar.NewFromBytesModOrderWide(wide[:])
	if err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	own, err := scalar.NewFromCanonicalBytes(k.secret[:sr25519.SecretKeyScalarSize])
	if err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	var secret [sr25519.SecretKeySize]byte
	if err := scalar.New().Add(own, step).ToBytes(secret[:sr25519.SecretKeyScalarSize]); err != nil {
		return nil, fmt.Errorf("derive: %w", err)
	}
	copy(secret[sr25519.SecretKeyScalarSize:], softNonce(t, k.secret[:]))
	return KeypairFromPrivateKey(secret[:])
}

// softNonce is the nonce half of a softly derived key. schnorrkel draws it at
// random; here it follows from the parent, so that the same URI always has the
// same private key text, which encryption keys are made of.
func softNonce(t *merlin.Transcript, parent []byte) []byte {
	nonce := make([]byte, sr25519.SecretKeyNonceSize)
	t.AppendMessage("secret-key", parent)
	t.ExtractBytes(nonce, "HDKD-nonce")
	return nonce
}
