package wire

// Explain asks a validator what it knows of the asker, which has to be a miner
// registered on its subnet: nobody is told of others. It is our own: the
// reference knows no such message and answers 404.
type Explain struct {
	Last        int64  // request: how many changes at most, the newest; 0 leaves it to the validator
	Explanation []byte // JSON, up to MaxExplanation bytes
}

// MaxExplanation is the most bytes of an explanation.
const MaxExplanation = 512 << 10

// Name is "Explain".
func (*Explain) Name() string { return "Explain" }

// Fields are the number and the answer.
func (m *Explain) Fields() []Field {
	return []Field{
		{Name: "last", Value: &m.Last, Required: true, Hashed: true},
		{Name: "explanation", Value: &m.Explanation, Answer: true},
	}
}
