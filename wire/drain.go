package wire

// Drain tells a validator that the asker, a miner registered on its subnet, is
// about to leave, or, with Leave false, that it stays after all. Asked again it
// tells how far it is. From the first time on the validator gives the miner no
// new data, and moves away what users have there; the miner answers audits and
// gives data back until nothing is left. It is our own: the reference knows no
// such message and answers 404.
type Drain struct {
	Leave     bool   // request
	Shards    int64  // how many shards and chunks are still to be moved
	Bytes     int64  // their length, bytes
	Exit      []byte // a receipt.Exit, encoded, once nothing is left; else empty
	Signature []byte // the validator's, over it
}

// Name is "Drain".
func (*Drain) Name() string { return "Drain" }

// Fields are what the miner wants, and the answer.
func (m *Drain) Fields() []Field {
	return []Field{
		{Name: "leave", Value: &m.Leave, Required: true, Hashed: true},
		{Name: "shards", Value: &m.Shards, Answer: true},
		{Name: "bytes", Value: &m.Bytes, Answer: true},
		{Name: "exit", Value: &m.Exit, Answer: true},
		{Name: "signature", Value: &m.Signature, Answer: true},
	}
}
