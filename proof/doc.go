// Package proof says what a miner must keep of stored data, what to ask it and
// how to check its answers: the Store, Challenge and Retrieve proofs of FileTAO
// protocol 3.0, byte for byte. It moves no messages, keeps no data and knows no
// peers; fields hold the texts of the wire.
//
// E is the stored data and H is SHA3-256, written as a decimal number. An
// asker makes a request (NewStoreRequest, NewChallenge), keeps it, and checks
// the answer against its own copy of it: CheckStore, CheckChallenge,
// CheckRetrieve. An answerer calls AnswerStore, AnswerChallenge,
// AnswerRetrieve. Wrong input of any kind is an error, found in bounded time
// and memory: ErrRequest, ErrProof or ErrData.
//
// What a checked Challenge shows is little: CheckChallenge has only the
// request and the size to go by, so an answer made up of any bytes of the
// right length passes (testdata/vectors/forged_challenge.json is one). Whoever
// wants to know that the data is there compares the chain and the piece with
// what it kept when it stored them, see package proof/audit, or retrieves.
package proof

import (
	"errors"

	"github.com/filetao/filetao/proof/pedersen"
)

// Curve is the name of the only curve, as in a request.
const Curve = pedersen.Curve

var (
	// ErrRequest is returned for a request that is malformed or asks for what
	// cannot be, such as a piece beyond the data: the asker's fault.
	ErrRequest = errors.New("proof: bad request")
	// ErrProof is returned for an answer that is malformed or does not verify:
	// the answerer's fault.
	ErrProof = errors.New("proof: the answer does not verify")
	// ErrData is returned to an answerer whose own copy is not what the request
	// names: data damaged or cut short, or no seed to go on from.
	ErrData = errors.New("proof: the data at hand is not what was asked for")
)
