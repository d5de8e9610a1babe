package proof

import (
	"fmt"

	"github.com/filetao/filetao/proof/seedchain"
)

// RetrieveRequest asks for data by its H(E) in decimal, with the next seed of
// the chain.
type RetrieveRequest struct{ DataHash, Seed string }

// RetrieveAnswer is what comes beside the data: a link of the seed chain.
type RetrieveAnswer struct{ CommitmentHash, CommitmentProof string }

// AnswerRetrieve answers for the data in the state, prevSeed being the seed
// that the asker sent last. It returns ErrRequest, or ErrData when the state is
// not of the data asked for or prevSeed is none.
func AnswerRetrieve(req RetrieveRequest, data *State, prevSeed string) (RetrieveAnswer, error) {
	if err := checkNamed(req.DataHash, req.Seed); err != nil {
		return RetrieveAnswer{}, err
	}
	if err := checkKept(prevSeed); err != nil {
		return RetrieveAnswer{}, err
	}
	link, err := prove(req.DataHash, req.Seed, data, prevSeed)
	return RetrieveAnswer{CommitmentHash: link.Hash, CommitmentProof: link.Proof}, err
}

// CheckRetrieve returns nil when the state is of the data asked for and the
// link follows from the seed, ErrProof when not, ErrRequest when the request is
// not one. Whether the link goes on from the last one only the asker can say:
// see seedchain.Link.CheckAgainst.
func CheckRetrieve(req RetrieveRequest, data *State, ans RetrieveAnswer) error {
	if err := checkNamed(req.DataHash, req.Seed); err != nil {
		return err
	}
	if data.Hash().String() != req.DataHash {
		return fmt.Errorf("%w: the data does not have the hash asked for", ErrProof)
	}
	return checkLink(ans.CommitmentHash, ans.CommitmentProof, req.Seed)
}

// checkNamed checks what Challenge and Retrieve requests share.
func checkNamed(dataHash, seed string) error {
	if _, err := ParseDigest(dataHash); err != nil {
		return fmt.Errorf("%w: data hash: %w", ErrRequest, err)
	}
	return CheckSeed(seed)
}

// prove makes the chain's next link over data that must have the named hash.
func prove(dataHash, seed string, data *State, prevSeed string) (seedchain.Link, error) {
	if data.Hash().String() != dataHash {
		return seedchain.Link{}, fmt.Errorf("%w: it has another hash", ErrData)
	}
	return seedchain.Prove(data.Chain(prevSeed), seed), nil
}

// checkKept checks the answerer's own copy of the last seed.
func checkKept(prevSeed string) error {
	if CheckSeed(prevSeed) != nil {
		return fmt.Errorf("%w: the seed kept has %d bytes", ErrData, len(prevSeed))
	}
	return nil
}

func checkLink(hash, proof, seed string) error {
	if err := (seedchain.Link{Proof: proof, Hash: hash}).Check(seed); err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	return nil
}
