package index

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// version is that of every JSON value written here.
const version = 1

// record is a stored value: the version, and T's fields beside it.
type (
	fileRecord struct {
		V int `json:"v"`
		File
	}
	ownerRecord struct {
		V int `json:"v"`
		Ownership
		Token string `json:"token,omitempty"` // of what has it count for its owner; "": nothing does yet
	}
	ownersRecord struct {
		V      int    `json:"v"`
		Owners int    `json:"owners"`
		Token  string `json:"token"`
	}
	holdingRecord struct {
		V int `json:"v"`
		Holding
		At    int64      `json:"at"`             // when Seed was sent, in Unix seconds
		Sent  []sentSeed `json:"sent,omitempty"` // seeds in flight, by ascending At
		Lost  int64      `json:"lost,omitempty"` // others sent until then, in Unix seconds, may be the miner's
		Token string     `json:"token"`
		Audit string     `json:"audit,omitempty"` // the token of its audit record, if it has one
		Slot  uint64     `json:"slot"`
	}
	totalRecord struct {
		V        int    `json:"v"`
		Holdings uint64 `json:"holdings"`
		Bytes    int64  `json:"bytes"`
	}
	referenceRecord struct {
		V     int       `json:"v"`
		Size  int64     `json:"size"`
		Since time.Time `json:"since"`
		Index int       `json:"index,omitempty"` // of an upload's: the segment's
		Going bool      `json:"going,omitempty"` // of a shard's: it counts no more and is being dropped
	}
	statsRecord struct {
		V int `json:"v"`
		Stats
	}
)

func encode(record any) ([]byte, error) {
	data, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if len(data) > MaxValue {
		return nil, fmt.Errorf("%w: %d bytes encoded, at most %d", ErrInvalid, len(data), MaxValue)
	}
	return data, nil
}

func decode[T interface{ check() error }](data []byte) (T, error) {
	var v, none T
	if len(data) > MaxValue {
		return none, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(data))
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return none, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return none, fmt.Errorf("%w: more after the value", ErrCorrupt)
	}
	if err := v.check(); err != nil {
		return none, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return v, nil
}

func (r fileRecord) check() error { return firstError(checkVersion(r.V), r.File.check()) }
func (r ownerRecord) check() error {
	if r.Token != "" && checkToken(r.Token) != nil {
		return checkToken(r.Token)
	}
	return firstError(checkVersion(r.V), r.Ownership.check())
}
func (r statsRecord) check() error { return firstError(checkVersion(r.V), r.Stats.check()) }

func (r holdingRecord) check() error {
	if len(r.Sent) > MaxSent || r.Lost < 0 {
		return fmt.Errorf("%w: %d seeds in flight, others until %d", ErrInvalid, len(r.Sent), r.Lost)
	}
	for _, s := range r.Sent {
		if err := checkText(s.Seed, MaxSeed); err != nil {
			return err
		}
	}
	if r.Audit != "" && checkToken(r.Audit) != nil {
		return checkToken(r.Audit)
	}
	return firstError(checkVersion(r.V), r.Holding.check(), checkToken(r.Token))
}

func (r ownersRecord) check() error {
	if r.Owners < 1 {
		return fmt.Errorf("%w: %d owners", ErrInvalid, r.Owners)
	}
	return firstError(checkVersion(r.V), checkToken(r.Token))
}

func (r totalRecord) check() error { return firstError(checkVersion(r.V), checkSize(r.Bytes)) }
func (r referenceRecord) check() error {
	return firstError(checkVersion(r.V), checkSize(r.Size), checkPlace(r.Index))
}

func (f File) check() error {
	if err := firstError(checkCID(f.CID), checkSize(f.Size), checkText(f.Payload, MaxPayload)); err != nil {
		return err
	}
	sizes := make(map[string]int64, len(f.Chunks))
	for i, c := range f.Chunks {
		if err := firstError(checkHash(c.Hash), checkSize(c.Size)); err != nil {
			return fmt.Errorf("chunk %d: %w", i, err)
		}
		if size, again := sizes[c.Hash]; again && size != c.Size {
			return fmt.Errorf("%w: chunk %d is %d bytes here and %d before", ErrInvalid, i, c.Size, size)
		}
		sizes[c.Hash] = c.Size
	}
	return nil
}

func (o Ownership) check() error {
	return firstError(checkAddress(o.Owner), checkText(o.Payload, MaxPayload), checkTTL(o.TTL), checkSize(o.Takes))
}

func (h Holding) check() error {
	switch h.Kind {
	case User, Random:
		if h.Number != 0 {
			return fmt.Errorf("%w: number %d of %s data", ErrInvalid, h.Number, h.Kind)
		}
	case KindShard:
		if h.Number < 0 || h.Number >= erasure.MaxTotal || h.Replica == "" || h.Seed != "" {
			return fmt.Errorf("%w: shard %d with root %.16q", ErrInvalid, h.Number, h.Replica)
		}
	default:
		return fmt.Errorf("%w: kind %.16q", ErrInvalid, h.Kind)
	}
	return firstError(checkAddress(h.Holder), checkHash(h.Hash), checkReplica(h.Replica), checkSize(h.Size),
		checkText(h.Seed, MaxSeed), checkTTL(h.TTL), h.Native.check())
}

func (n *Native) check() error {
	if n == nil {
		return nil
	}
	if size := len(n.Pledge) + len(n.Asked) + len(n.Receipt); size > MaxNative {
		return fmt.Errorf("%w: a pledge and its signatures of %d bytes, at most %d", ErrInvalid, size, MaxNative)
	}
	return nil
}

func (s Stats) check() error {
	return firstError(checkAddress(s.Hotkey), checkSize(s.StorageLimit), checkText(s.Tier, MaxName),
		checkSize(s.AtStart), checkSize(s.Shown), checkSize(s.Capacity))
}

func checkVersion(v int) error {
	if v != version {
		return fmt.Errorf("%w: version %d, this program knows %d", ErrInvalid, v, version)
	}
	return nil
}

func checkAddress(a wallet.Address) error {
	if _, err := wallet.ParseAddress(string(a)); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func checkCID(id string) error {
	if err := cid.Parse(id); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

func checkHash(hash string) error {
	if _, err := proof.ParseDigest(hash); err != nil {
		return fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return nil
}

// checkReplica refuses what is neither a hash nor nothing.
func checkReplica(replica string) error {
	if replica == "" {
		return nil
	}
	return checkHash(replica)
}

func checkSize(n int64) error {
	if n < 0 {
		return fmt.Errorf("%w: size %d", ErrInvalid, n)
	}
	return nil
}

func checkTTL(ttl time.Duration) error {
	if ttl < 0 {
		return fmt.Errorf("%w: ttl %v", ErrInvalid, ttl)
	}
	return nil
}

// checkText refuses what JSON would not give back as it was.
func checkText(s string, limit int) error {
	if len(s) > limit || !utf8.ValidString(s) {
		return fmt.Errorf("%w: text of %d bytes is too long (%d) or not UTF-8", ErrInvalid, len(s), limit)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// stamp is t as it comes back from the store.
func stamp(t time.Time) time.Time { return t.UTC().Round(0) }
