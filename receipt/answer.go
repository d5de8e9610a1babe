package receipt

import (
	"crypto/sha256"
	"fmt"

	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/wallet"
)

// AnswerSize is the length of an encoded answer in bytes.
const AnswerSize = 1 + 2*32

// Answer is what a miner signs when it answers: this proof for that question.
// The question names the miner. The proof need not be right, nor of the right
// length: a wrong one that is signed is what a dossier shows.
type Answer struct {
	Question [32]byte // digest of the question
	Proof    []byte   // of por.Prove, 1 to por.ProofSize bytes
}

// Encode is the byte 1, the digest of the question, and SHA-256 of the proof. It
// never travels and has no parser: who checks an answer has asked the question
// and been sent the proof.
func (a Answer) Encode() []byte {
	sum := sha256.Sum256(a.Proof)
	w := begin(AnswerSize)
	w.bytes(a.Question[:])
	w.bytes(sum[:])
	return w
}

func (a Answer) check() error {
	if len(a.Proof) == 0 || len(a.Proof) > por.ProofSize {
		return fmt.Errorf("%w: proof of %d bytes", ErrStatement, len(a.Proof))
	}
	return nil
}

// Digest is SHA-256 of "filetao answer v1" and the encoding.
func (a Answer) Digest() [32]byte { return kindAnswer.digest(a.Encode()) }

// Sign signs the answer. ErrStatement if there is no proof or it is too long.
func (a Answer) Sign(k *wallet.Keypair) ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return k.Sign(kindAnswer.text(a.Digest()))
}

// Verify checks the signature of the miner that the question names. It fails with
// ErrStatement or ErrSignature.
func (a Answer) Verify(miner wallet.Address, sig []byte) error {
	if err := a.check(); err != nil {
		return err
	}
	return kindAnswer.verify(miner, a.Digest(), sig)
}
