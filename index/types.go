package index

import (
	"time"

	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/wallet"
)

// Kind tells users' data, the random data validators make up to challenge miners
// with, and shards of coded segments apart.
type Kind string

// The kinds. They live in separate name spaces.
const (
	User      Kind = "user"
	Random    Kind = "random"
	KindShard Kind = "shard"
)

// allKinds are all of them.
func allKinds() []Kind { return []Kind{User, Random, KindShard} }

// Limits on what is stored.
const (
	MaxValue   = 16 << 20 // bytes of one encoded value: some 150,000 chunks a file
	MaxPayload = 64 << 10 // bytes of one encryption payload
	MaxSeed    = 256      // bytes of a seed
	MaxNative  = 1 << 10  // bytes of a Native, its three together
	MaxName    = 128      // bytes of a state's name: letters, digits and ._-/

	MaxSecret   = 64      // bytes of a segment's secret
	MaxSegments = 1 << 17 // of an upload or an object
)

// Chunk is one piece of a file as miners store it.
type Chunk struct {
	Hash string `json:"hash"` // H(E), decimal
	Size int64  `json:"size"` // true length of E in bytes
}

// File is what a CID stands for. It is stored once, however many own it.
type File struct {
	CID     string    `json:"cid"`
	Size    int64     `json:"size"`    // bytes
	Chunks  []Chunk   `json:"chunks"`  // position = place in the list; a hash may come again
	Payload string    `json:"payload"` // the gateway layer's encryption payload
	Stored  time.Time `json:"stored"`
}

// Ownership is one user's claim to a file.
type Ownership struct {
	Owner   wallet.Address `json:"owner"`
	Payload string         `json:"payload"` // the user's own encryption payload
	Stored  time.Time      `json:"stored"`
	TTL     time.Duration  `json:"ttl_ns"`          // 0: for ever
	Takes   int64          `json:"takes,omitempty"` // bytes on all disks; what is below the file's size means that
}

// Expired reports whether the ownership's time is over.
func (o Ownership) Expired(now time.Time) bool { return expired(o.Stored, o.TTL, now) }

// Holding is one datum at one miner whose proof of storage was verified, or one
// shard whose receipt was. Of a shard, Hash is the segment's ID, Replica the root
// of the masked shard, Size the shard's, and there is no seed.
type Holding struct {
	Holder  wallet.Address `json:"holder"`
	Hash    string         `json:"hash"`              // H(E), decimal
	Replica string         `json:"replica,omitempty"` // hash of the bytes the holder has; "": those of Hash
	Kind    Kind           `json:"kind"`
	Number  int            `json:"number,omitempty"` // which shard of the segment, from 0; 0 for other kinds
	Size    int64          `json:"size"`             // true length of E in bytes, and of what the holder has
	Seed    string         `json:"seed"`             // the last one the miner proved to have
	Stored  time.Time      `json:"stored"`
	TTL     time.Duration  `json:"ttl_ns"`           // 0: for ever
	Native  *Native        `json:"native,omitempty"` // what our own audits need; nil: the reference's way only
}

// Held is the hash of the bytes that the holder has: Replica, or Hash.
func (h Holding) Held() string {
	if h.Replica != "" {
		return h.Replica
	}
	return h.Hash
}

// Native is what shows that a miner has pledged to answer our own audits of a
// holding. The index does not look into it; see MaxNative.
type Native struct {
	Pledge  []byte `json:"pledge"`  // the statement, encoded
	Asked   []byte `json:"asked"`   // the asker's signature over it
	Receipt []byte `json:"receipt"` // the miner's
}

// Expired reports whether the holding's time is over.
func (h Holding) Expired(now time.Time) bool { return expired(h.Stored, h.TTL, now) }

func expired(stored time.Time, ttl time.Duration, now time.Time) bool {
	return ttl > 0 && !now.Before(stored.Add(ttl))
}

// Tally counts one task's tries in the current window.
type Tally = incentive.Tally

// Stats is a miner's record. A hotkey never seen has zero counters, no tier
// and no limit: it starts in the first tier of the profile in use.
type Stats struct {
	Hotkey wallet.Address `json:"hotkey"`
	incentive.Standing
	// RegisteredAt is the block of the registration that the record belongs to; 0:
	// not known. See ResetRecord.
	RegisteredAt uint64 `json:"registered_at,omitempty"`
	// Capacity is how many bytes the miner may hold now, what it holds included:
	// at most StorageLimit, the tier's. 0: nobody has decided yet.
	Capacity int64 `json:"capacity,omitempty"`
}
