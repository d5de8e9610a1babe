package wire

// PutShard hands a miner a shard: a miner's share of a coded segment, masked for
// it. The body is the shard itself, Size bytes; the tags of proof/por over it;
// the receipt.Pledge, encoded, whose hash is the shard's root (package erasure);
// the asker's signature over the pledge, 64 bytes; and what else there is, up to
// MaxLabel bytes, is the shard's label, which may end with a Finding. The miner acknowledges all of it at once.
type PutShard struct {
	Size    int64  // request: bytes of the shard, 1 to erasure.MaxSegment
	TTL     int64  // request: seconds, at least 1
	Receipt []byte // the miner's signature over the pledge
}

// Name is "PutShard".
func (*PutShard) Name() string { return "PutShard" }

// Fields are the size, the time and the answer.
func (m *PutShard) Fields() []Field {
	return []Field{
		{Name: "size", Value: &m.Size, Required: true, Hashed: true},
		{Name: "ttl", Value: &m.TTL, Required: true, Hashed: true},
		{Name: "receipt", Value: &m.Receipt, Answer: true},
	}
}

// GetShard asks for a part of a shard. To know its root is to be allowed to read
// it: nobody but the miner, who stored it, and the owner of the file knows it.
//
// The answer's body is the shard's bytes from Offset on, Length of them or up to
// its end; Leaves are those of all the shard, so that each block can be checked
// as it comes.
type GetShard struct {
	Hash   string // request: the root, in decimal
	Offset int64  // request: bytes, a multiple of erasure.Block
	Length int64  // request: bytes, a multiple of erasure.Block, or 0 for all that follows
	Size   int64  // of the shard, bytes
	Leaves []byte // erasure.Leaves
}

// Name is "GetShard".
func (*GetShard) Name() string { return "GetShard" }

// Fields are the part and the answer.
func (m *GetShard) Fields() []Field {
	return []Field{
		{Name: "data_hash", Value: &m.Hash, Required: true, Hashed: true},
		{Name: "offset", Value: &m.Offset, Required: true, Hashed: true},
		{Name: "length", Value: &m.Length, Required: true, Hashed: true},
		{Name: "size", Value: &m.Size, Answer: true},
		{Name: "leaves", Value: &m.Leaves, Answer: true},
	}
}
