package wire

import "math/big"

// Message is one question with room for its answer. The asker fills the
// request fields, the answerer the others.
type Message interface {
	// Name is the message's name on the wire: the Python class, and the path
	// of the request.
	Name() string
	// Fields lists the message's own fields in the order of the wire. Values
	// point into the message: through them a transport reads and fills it.
	Fields() []Field
}

// Field describes one field of a message.
type Field struct {
	// Name is the key on the wire.
	Name string
	// Value points to the field:
	//
	//	*string     text; an empty optional one is null on the wire
	//	**string    text or null
	//	*[]byte     bytes, base64 in JSON; a nil optional one is null
	//	*int64      whole number
	//	**int64     whole number or null
	//	**big.Int   whole number of any size or null
	//	*bool       truth value
	Value any
	// Required fields must be in every request. Sent ones are in ours, as if
	// required, because some peers insist; we do not.
	Required, Sent bool
	// Hashed fields are covered by the body hash, hence by the signature.
	Hashed bool
	// Answer fields are filled by the answerer. An asker takes nothing else
	// out of an answer, and an answer repeats no bytes of the request.
	Answer bool
}

// Ping asks whether a peer is there. It is Bittensor's base class.
type Ping struct{}

// Name is "Synapse".
func (*Ping) Name() string { return "Synapse" }

// Fields are none.
func (*Ping) Fields() []Field { return nil }

// Store hands bytes to a miner; the answer is a commitment to them. The body
// hash does not cover EncryptedData: the commitment does.
type Store struct {
	EncryptedData  []byte // request
	Curve, G, H    string // request: the commitment's bases, fresh for every request
	Seed           string // request
	TTL            *int64 // request: seconds, nil leaves it to the miner
	Randomness     *big.Int
	Commitment     string
	CommitmentHash string
	Signature      string // empty in practice
}

// Name is "Store".
func (*Store) Name() string { return "Store" }

// Fields are those of the reference's class.
func (m *Store) Fields() []Field {
	return []Field{
		{Name: "encrypted_data", Value: &m.EncryptedData, Required: true},
		{Name: "curve", Value: &m.Curve, Required: true, Hashed: true},
		{Name: "g", Value: &m.G, Required: true, Hashed: true},
		{Name: "h", Value: &m.H, Required: true, Hashed: true},
		{Name: "seed", Value: &m.Seed, Required: true, Hashed: true},
		{Name: "randomness", Value: &m.Randomness, Hashed: true, Answer: true},
		{Name: "commitment", Value: &m.Commitment, Hashed: true, Answer: true},
		{Name: "signature", Value: &m.Signature, Hashed: true, Answer: true},
		{Name: "commitment_hash", Value: &m.CommitmentHash, Hashed: true, Answer: true},
		{Name: "ttl", Value: &m.TTL},
	}
}

// Challenge asks a miner to prove that it still has a datum. Only answer
// fields are hashed, so the signature of a request covers none of its
// parameters: that is the reference's choice.
type Challenge struct {
	ChallengeHash   string // request: H(E) in decimal
	ChallengeIndex  int64  // request: which piece
	ChunkSize       int64  // request: bytes of a piece
	G, H, Curve     string // request
	Seed            string // request
	CommitmentHash  string
	CommitmentProof string
	Commitment      string
	DataChunk       []byte
	Randomness      *big.Int
	MerkleProof     string // base64 of JSON
	MerkleRoot      string
}

// Name is "Challenge".
func (*Challenge) Name() string { return "Challenge" }

// Fields are those of the reference's class.
func (m *Challenge) Fields() []Field {
	return []Field{
		{Name: "challenge_hash", Value: &m.ChallengeHash, Required: true},
		{Name: "challenge_index", Value: &m.ChallengeIndex, Required: true},
		{Name: "chunk_size", Value: &m.ChunkSize, Required: true},
		{Name: "g", Value: &m.G, Required: true},
		{Name: "h", Value: &m.H, Required: true},
		{Name: "curve", Value: &m.Curve, Required: true},
		{Name: "seed", Value: &m.Seed, Required: true},
		{Name: "commitment_hash", Value: &m.CommitmentHash, Hashed: true, Answer: true},
		{Name: "commitment_proof", Value: &m.CommitmentProof, Hashed: true, Answer: true},
		{Name: "commitment", Value: &m.Commitment, Hashed: true, Answer: true},
		{Name: "data_chunk", Value: &m.DataChunk, Hashed: true, Answer: true},
		{Name: "randomness", Value: &m.Randomness, Hashed: true, Answer: true},
		{Name: "merkle_proof", Value: &m.MerkleProof, Hashed: true, Answer: true},
		{Name: "merkle_root", Value: &m.MerkleRoot, Hashed: true, Answer: true},
	}
}

// Retrieve asks a miner for a datum. (The reference means to hash
// commitment_proof too but misspells it.)
type Retrieve struct {
	DataHash        string // request: H(E) in decimal
	Seed            string // request
	Data            []byte
	CommitmentHash  string
	CommitmentProof string
}

// Name is "Retrieve".
func (*Retrieve) Name() string { return "Retrieve" }

// Fields are those of the reference's class.
func (m *Retrieve) Fields() []Field {
	return []Field{
		{Name: "data_hash", Value: &m.DataHash, Required: true, Hashed: true},
		{Name: "seed", Value: &m.Seed, Required: true, Hashed: true},
		{Name: "data", Value: &m.Data, Hashed: true, Answer: true},
		{Name: "commitment_hash", Value: &m.CommitmentHash, Hashed: true, Answer: true},
		{Name: "commitment_proof", Value: &m.CommitmentProof, Answer: true},
	}
}

// Delete tells a miner to drop a datum of the asker's. It is our own: the
// reference knows no such message and answers 404.
type Delete struct {
	DataHash string // request: H(E) in decimal
	Deleted  bool
}

// Name is "Delete".
func (*Delete) Name() string { return "Delete" }

// Fields are the hash and the answer.
func (m *Delete) Fields() []Field {
	return []Field{
		{Name: "data_hash", Value: &m.DataHash, Required: true, Hashed: true},
		{Name: "deleted", Value: &m.Deleted, Answer: true},
	}
}
