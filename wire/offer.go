package wire

// Offer asks a miner how many bytes it is willing to hold. It is our own: the
// reference knows no such message and answers 404.
type Offer struct {
	Offer     []byte // a receipt.Offer, encoded
	Signature []byte // the miner's, over the offer
}

// Name is "Offer".
func (*Offer) Name() string { return "Offer" }

// Fields are the answer; nothing is said with the question.
func (m *Offer) Fields() []Field {
	return []Field{
		{Name: "offer", Value: &m.Offer, Answer: true},
		{Name: "signature", Value: &m.Signature, Answer: true},
	}
}
