package index

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/proof/audit"
)

// auditRecord stands beside the bytes of an audit record. Its token is new with
// every write.
type auditRecord struct {
	V     int       `json:"v"`
	Since time.Time `json:"since"`
	Token string    `json:"token"`
}

func (r auditRecord) check() error { return firstError(checkVersion(r.V), checkToken(r.Token)) }

// PutAudited records that a miner holds a datum, as PutHolding does, and the
// datum's audit record, which all its holders share and which is there before
// the holding is. The record is the caller's bytes, up to audit.MaxRecord; data
// of size 0 has none. The seeds of such a holding are known from its first.
func (x *Index) PutAudited(ctx context.Context, h Holding, record []byte) error {
	if (len(record) == 0) != (h.Size == 0) || len(record) > audit.MaxRecord {
		return fmt.Errorf("%w: an audit record of %d bytes for %d bytes of data", ErrInvalid, len(record), h.Size)
	}
	return x.putHolding(ctx, h, func(ctx context.Context) error {
		if len(record) == 0 {
			return nil
		}
		return x.putAudit(ctx, h.Hash, record)
	})
}

// PutAudit stores the audit record of a datum that came into the index without
// one, in the place of what was there; ErrNotFound when nobody holds it.
func (x *Index) PutAudit(ctx context.Context, hash string, record []byte) error {
	if err := checkHash(hash); err != nil {
		return err
	}
	if len(record) == 0 || len(record) > audit.MaxRecord {
		return fmt.Errorf("%w: an audit record of %d bytes", ErrInvalid, len(record))
	}
	held, err := x.referred(ctx, hash)
	if err == nil && !held {
		err = fmt.Errorf("%w: holders of %s", ErrNotFound, hash)
	}
	if err != nil {
		return err
	}
	return x.putAudit(ctx, hash, record)
}

func (x *Index) putAudit(ctx context.Context, hash string, record []byte) error {
	since, err := encode(auditRecord{V: version, Since: stamp(time.Now()), Token: newToken()})
	if err != nil {
		return err
	}
	return x.kv.Commit(ctx, auditGroup(hash), nil, []Entry{{fieldSince, since}, {fieldRecord, record}})
}

// Audit returns the bytes of a datum's audit record, or ErrNotFound.
func (x *Index) Audit(ctx context.Context, hash string) ([]byte, error) {
	if err := checkHash(hash); err != nil {
		return nil, err
	}
	return x.getOne(ctx, auditGroup(hash), fieldRecord)
}

// referred reports whether any miner holds a datum or is about to.
func (x *Index) referred(ctx context.Context, hash string) (bool, error) {
	for _, kind := range []Kind{User, Random} {
		for _, err := range x.kv.Scan(ctx, datumGroup(kind, hash), prefixHolder) {
			return err == nil, err
		}
	}
	return false, nil
}

// dropAudit deletes the audit record of a datum that nobody holds any more, or
// none if it is younger than age, and reports whether it did. Whoever puts a
// holding refers to it first and writes the record then: so either the
// reference is seen here, or the record is another one when it comes to the
// commit.
func (x *Index) dropAudit(ctx context.Context, hash string, age time.Duration) (bool, error) {
	group := auditGroup(hash)
	since, err := x.getOne(ctx, group, fieldSince)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if age > 0 {
		r, err := decode[auditRecord](since)
		if err != nil {
			return false, fmt.Errorf("%s in %s: %w", fieldSince, group, err)
		}
		if time.Since(r.Since) < age {
			return false, nil
		}
	}
	if held, err := x.referred(ctx, hash); err != nil || held {
		return false, err
	}
	err = x.kv.Commit(ctx, group, []Entry{{fieldSince, since}}, []Entry{{Field: fieldSince}, {Field: fieldRecord}})
	if errors.Is(err, ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// sweepAudits takes away the audit records of data that nobody holds.
func (x *Index) sweepAudits(ctx context.Context, age time.Duration) (int, error) {
	swept := 0
	for group, err := range x.kv.Groups(ctx, groupsAudit) {
		if err != nil {
			return swept, err
		}
		gone, err := x.dropAudit(ctx, tagOf(group), age)
		if err != nil {
			return swept, err
		}
		if gone {
			swept++
		}
	}
	return swept, nil
}
