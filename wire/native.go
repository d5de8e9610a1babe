package wire

// Tags hands a miner the tags of a datum it holds, with which it can be audited
// by Audit from then on. It is our own: the reference knows no such message and
// answers 404.
type Tags struct {
	Pledge    []byte // request: a receipt.Pledge, encoded
	Signature []byte // request: the asker's, over the pledge
	Tags      []byte // request: those of proof/por
	Receipt   []byte // the miner's signature over the pledge
}

// Name is "Tags".
func (*Tags) Name() string { return "Tags" }

// Fields are the pledge, the tags and the answer.
func (m *Tags) Fields() []Field {
	return []Field{
		{Name: "pledge", Value: &m.Pledge, Required: true, Hashed: true},
		{Name: "signature", Value: &m.Signature, Required: true, Hashed: true},
		{Name: "tags", Value: &m.Tags, Required: true},
		{Name: "receipt", Value: &m.Receipt, Answer: true},
	}
}

// Audit asks a miner to prove that it holds a datum whose tags it has. It is our
// own, as Tags is.
type Audit struct {
	Question  []byte // request: a receipt.Question, encoded
	Signature []byte // request: the asker's, over the question
	Proof     []byte // that of proof/por
	Receipt   []byte // the miner's signature over the answer
}

// Name is "Audit".
func (*Audit) Name() string { return "Audit" }

// Fields are the question and the answer.
func (m *Audit) Fields() []Field {
	return []Field{
		{Name: "question", Value: &m.Question, Required: true, Hashed: true},
		{Name: "signature", Value: &m.Signature, Required: true, Hashed: true},
		{Name: "proof", Value: &m.Proof, Answer: true},
		{Name: "receipt", Value: &m.Receipt, Answer: true},
	}
}

// DropShard tells a miner to drop a shard as it was handed over once. If it was
// handed over again since, which may have overtaken this, it stays. A miner that
// answers 404 is older than the message: to it there is Delete.
type DropShard struct {
	Hash    string // request: the root, in decimal
	Salt    []byte // request: of the receipt.Pledge about it
	Dropped bool   // whether the miner has it no more; else it has it for another pledge
}

// Name is "DropShard".
func (*DropShard) Name() string { return "DropShard" }

// Fields are the shard, the pledge and the answer.
func (m *DropShard) Fields() []Field {
	return []Field{
		{Name: "data_hash", Value: &m.Hash, Required: true, Hashed: true},
		{Name: "salt", Value: &m.Salt, Required: true, Hashed: true},
		{Name: "dropped", Value: &m.Dropped, Answer: true},
	}
}

// RenewShard has a miner keep a shard of the asker's for longer: the answer is
// its signature over the pledge with the new time. It is our own, as Tags is.
type RenewShard struct {
	Pledge    []byte // request: a receipt.Pledge, encoded, of which only Made and Until are new
	Signature []byte // request: the asker's, over the pledge
	Receipt   []byte // the miner's signature over the pledge
}

// Name is "RenewShard".
func (*RenewShard) Name() string { return "RenewShard" }

// Fields are the pledge and the answer.
func (m *RenewShard) Fields() []Field {
	return []Field{
		{Name: "pledge", Value: &m.Pledge, Required: true, Hashed: true},
		{Name: "signature", Value: &m.Signature, Required: true, Hashed: true},
		{Name: "receipt", Value: &m.Receipt, Answer: true},
	}
}
