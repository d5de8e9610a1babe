package blobstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// The first byte of a key says what it is; see the package's description.
const (
	tagVersion = 'v'
	tagContent = 'c'
	tagRecord  = 'r'
	tagExpiry  = 'e'
	tagIntent  = 'i'
	tagUsage   = 'u'
	tagTags    = 't'
	tagValue   = 'd'
	tagLeaves  = 'l'
	tagDamaged = 'x'
	tagCursor  = 's'
	tagFound   = 'f'
)

const (
	formatVersion = 3
	// oldestFormat had data only, all of it in files, and listed had no shards that
	// are found by a tag. What they wrote reads the same in the present format.
	oldestFormat = 1
	listedFormat = 2

	recordOfData  = 1
	recordOfShard = 2
	recordOfFound = 3 // of a shard with a tag

	recordFixed = 1 + 8 + 8 + 8
	contentSize = 8 + 4 + 1
	usageSize   = 3 * 8
)

// errFormat is wrapped by what a damaged or foreign database makes us return.
var errFormat = errors.New("blobstore: unreadable metadata")

// id names a record: somebody's claim on a datum.
type id struct {
	owner [32]byte
	hash  proof.Digest
}

// parseID reads an owner's address and a hash in decimal; ErrInvalid if they
// are none.
func parseID(owner wallet.Address, hash string) (id, error) {
	pub, err := owner.PublicKey()
	if err != nil {
		return id{}, fmt.Errorf("%w: owner %.60q: %w", ErrInvalid, string(owner), err)
	}
	digest, err := proof.ParseDigest(hash)
	if err != nil {
		return id{}, fmt.Errorf("%w: hash: %w", ErrInvalid, err)
	}
	return id{pub, digest}, nil
}

func (k id) record() []byte { return k.under(tagRecord) }
func (k id) tags() []byte   { return k.under(tagTags) }

func (k id) under(kind byte) []byte {
	return append(append([]byte{kind}, k.owner[:]...), k.hash[:]...)
}

func contentKey(h proof.Digest) []byte { return keyOf(tagContent, h) }
func intentKey(h proof.Digest) []byte  { return keyOf(tagIntent, h) }
func valueKey(h proof.Digest) []byte   { return keyOf(tagValue, h) }
func leavesKey(h proof.Digest) []byte  { return keyOf(tagLeaves, h) }
func damagedKey(h proof.Digest) []byte { return keyOf(tagDamaged, h) }

func keyOf(kind byte, h proof.Digest) []byte { return append([]byte{kind}, h[:]...) }

// expiryPrefix sorts before every expiry key of that time or later. Times
// before 1970 count as 1970.
func expiryPrefix(t int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{tagExpiry}, uint64(max(t, 0)))
}

func (k id) expiry(t int64) []byte {
	return append(append(expiryPrefix(t), k.owner[:]...), k.hash[:]...)
}

func parseExpiry(key []byte) (id, error) {
	var k id
	if len(key) != 1+8+32+32 {
		return k, fmt.Errorf("%w: expiry key of %d bytes", errFormat, len(key))
	}
	copy(k.owner[:], key[9:])
	copy(k.hash[:], key[41:])
	return k, nil
}

// record is what is kept of a claim beside its id.
type record struct {
	tag         []byte // of a shard, under which it is found; FindTagSize bytes or none
	shard       bool   // hash is the root of a shard, and there is no seed
	size        int64
	stored, ttl int64 // nanoseconds
	seed        string
}

// expires returns the time at which the record's time is over, if ever.
func (r record) expires() (int64, bool) {
	if r.ttl <= 0 {
		return 0, false
	}
	if r.stored > math.MaxInt64-r.ttl {
		return math.MaxInt64, true
	}
	return r.stored + r.ttl, true
}

// outlasts says whether a record's time is over after another one's.
func (r record) outlasts(other record) bool {
	t, ends := r.expires()
	u, otherEnds := other.expires()
	return otherEnds && (!ends || t > u)
}

func (r record) encode() []byte {
	b := make([]byte, 0, recordFixed+len(r.seed)+len(r.tag))
	switch {
	case len(r.tag) > 0:
		b = append(b, recordOfFound)
	case r.shard:
		b = append(b, recordOfShard)
	default:
		b = append(b, recordOfData)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(r.size))
	b = binary.BigEndian.AppendUint64(b, uint64(r.stored))
	b = binary.BigEndian.AppendUint64(b, uint64(r.ttl))
	return append(append(b, r.seed...), r.tag...)
}

func decodeRecord(b []byte) (record, error) {
	if len(b) < recordFixed || b[0] < recordOfData || b[0] > recordOfFound {
		return record{}, fmt.Errorf("%w: record of %d bytes", errFormat, len(b))
	}
	r := record{
		shard:  b[0] != recordOfData,
		size:   int64(binary.BigEndian.Uint64(b[1:])),
		stored: int64(binary.BigEndian.Uint64(b[9:])),
		ttl:    int64(binary.BigEndian.Uint64(b[17:])),
	}
	if rest := b[recordFixed:]; b[0] != recordOfFound {
		r.seed = string(rest)
	} else if r.tag = rest; len(rest) != FindTagSize {
		return record{}, fmt.Errorf("%w: record with a tag of %d bytes", errFormat, len(rest))
	}
	if r.size < 0 || r.ttl < 0 || r.checkSeed() != nil {
		return record{}, fmt.Errorf("%w: record with impossible values", errFormat)
	}
	return r, nil
}

// checkSeed says whether the seed is one, or is none where there must be none.
func (r record) checkSeed() error {
	if !r.shard {
		return proof.CheckSeed(r.seed)
	}
	if r.seed != "" {
		return errors.New("a shard has no seed")
	}
	return nil
}

// public makes the record of what a caller sees.
func (r record) public(k id) Record {
	return Record{
		Owner: wallet.AddressOf(k.owner), Hash: k.hash.String(), Shard: r.shard, Size: r.size, Seed: r.seed,
		Stored: time.Unix(0, r.stored).UTC(), TTL: time.Duration(r.ttl),
	}
}

// content is what is kept of content, whoever has claims on it. Damaged means
// that a read found it missing or with another hash: whoever stores it again
// mends it.
type content struct {
	size    int64
	owners  uint32
	damaged bool
	shard   bool // its name is the root of a shard and not SHA3-256
	inline  bool // it is a value in the database and no file
}

// The bits of a content entry's last byte.
const (
	bitDamaged = 1 << iota
	bitShard
	bitInline
	bitsEnd
)

func (c content) encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, contentSize), uint64(c.size))
	b = binary.BigEndian.AppendUint32(b, c.owners)
	var bits byte
	if c.damaged {
		bits |= bitDamaged
	}
	if c.shard {
		bits |= bitShard
	}
	if c.inline {
		bits |= bitInline
	}
	return append(b, bits)
}

func decodeContent(b []byte) (content, error) {
	if len(b) != contentSize || b[12] >= bitsEnd {
		return content{}, fmt.Errorf("%w: content entry of %d bytes", errFormat, len(b))
	}
	c := content{
		size: int64(binary.BigEndian.Uint64(b)), owners: binary.BigEndian.Uint32(b[8:]),
		damaged: b[12]&bitDamaged != 0, shard: b[12]&bitShard != 0, inline: b[12]&bitInline != 0,
	}
	if c.size < 0 || c.owners == 0 || c.inline && c.size > MaxInline {
		return content{}, fmt.Errorf("%w: content entry with impossible values", errFormat)
	}
	return c, nil
}

// public is the content as such, without a claim on it.
func (c content) public(h proof.Digest) Record {
	return Record{Hash: h.String(), Shard: c.shard, Size: c.size}
}

// totals are sums over the database, kept beside it.
type totals struct{ bytes, objects, records int64 }

func (t totals) plus(d totals) totals {
	return totals{t.bytes + d.bytes, t.objects + d.objects, t.records + d.records}
}

func (t totals) encode() []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, usageSize), uint64(t.bytes))
	b = binary.BigEndian.AppendUint64(b, uint64(t.objects))
	return binary.BigEndian.AppendUint64(b, uint64(t.records))
}

func decodeTotals(b []byte) (totals, error) {
	if len(b) != usageSize {
		return totals{}, fmt.Errorf("%w: totals of %d bytes", errFormat, len(b))
	}
	t := totals{
		int64(binary.BigEndian.Uint64(b)), int64(binary.BigEndian.Uint64(b[8:])), int64(binary.BigEndian.Uint64(b[16:])),
	}
	if t.bytes < 0 || t.objects < 0 || t.records < 0 {
		return totals{}, fmt.Errorf("%w: negative totals", errFormat)
	}
	return t, nil
}
