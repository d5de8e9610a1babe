package receipt

import (
	"fmt"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/wallet"
)

// QuestionSize is the length of an encoded question in bytes.
const QuestionSize = 1 + 2*32 + 32 + 8 + 32 + 8 + 2*32

// Question asks a miner to prove that it holds what it pledged.
type Question struct {
	Asker  wallet.Address
	Miner  wallet.Address
	Hash   proof.Digest // as in the pledge
	Size   int64        // as in the pledge
	Pledge [32]byte     // digest of the pledge
	Epoch  uint64       // number of the block at which it is asked
	Block  [32]byte     // hash of that block, which nobody knew before
	Seed   [32]byte     // fresh randomness of the asker, which nobody else knew before
}

// Encode is the byte 1; the public keys of asker and miner; hash; size, 8 bytes;
// digest of the pledge; epoch, 8 bytes; block hash; and seed. Addresses that are
// none become zeros, which ParseQuestion refuses.
func (q Question) Encode() []byte {
	w := begin(QuestionSize)
	w.address(q.Asker)
	w.address(q.Miner)
	w.bytes(q.Hash[:])
	w.number(uint64(q.Size))
	w.bytes(q.Pledge[:])
	w.number(q.Epoch)
	w.bytes(q.Block[:])
	w.bytes(q.Seed[:])
	return w
}

// ParseQuestion reads what Encode wrote and nothing else. It fails with
// ErrStatement.
func ParseQuestion(b []byte) (Question, error) {
	r, err := open(b, QuestionSize)
	if err != nil {
		return Question{}, err
	}
	q := Question{
		Asker: r.address(), Miner: r.address(),
		Hash: r.word(), Size: int64(r.number()), Pledge: r.word(),
		Epoch: r.number(), Block: r.word(), Seed: r.word(),
	}
	if err := q.check(); err != nil {
		return Question{}, err
	}
	return q, nil
}

func (q Question) check() error { return checkParties(q.Asker, q.Miner, q.Size) }

// Digest is SHA-256 of "filetao question v1" and the encoding.
func (q Question) Digest() [32]byte { return kindQuestion.digest(q.Encode()) }

// Challenge is what blocks and coefficients are drawn from: the digest, so that
// another miner, datum, epoch, block or seed, or any other field, gives another
// challenge altogether. Neither side can choose it alone: the asker knows the
// seed but not the block's hash in advance, the miner neither.
func (q Question) Challenge() por.Challenge { return por.Challenge(q.Digest()) }

// About says whether this is a question about that pledge: same asker, miner,
// hash and size, and the pledge's digest. ErrStatement if not.
func (q Question) About(p Pledge) error {
	var other string
	switch {
	case q.Asker != p.Asker:
		other = "asker"
	case q.Miner != p.Miner:
		other = "miner"
	case q.Hash != p.Hash:
		other = "hash"
	case q.Size != p.Size:
		other = "size"
	case q.Pledge != p.Digest():
		other = "pledge"
	default:
		return nil
	}
	return fmt.Errorf("%w: the question names another %s", ErrStatement, other)
}

// Sign signs the question. ErrStatement if k is not the asker's or the question
// is not well-formed.
func (q Question) Sign(k *wallet.Keypair) ([]byte, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if k.Address() != q.Asker {
		return nil, fmt.Errorf("%w: a question of another asker", ErrStatement)
	}
	return k.Sign(kindQuestion.text(q.Digest()))
}

// Verify checks the asker's signature. It fails with ErrStatement or
// ErrSignature.
func (q Question) Verify(sig []byte) error {
	if err := q.check(); err != nil {
		return err
	}
	return kindQuestion.verify(q.Asker, q.Digest(), sig)
}
