package index

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/proof/audit"
	"github.com/filetao/filetao/wallet"
)

// auditRecord says what the audit record beside it is of. Both are written once,
// under a fresh token, before a holding names that token, and deleted after it
// does so no more.
type auditRecord struct {
	V      int            `json:"v"`
	Holder wallet.Address `json:"holder"`
	Hash   string         `json:"hash"`
	Since  time.Time      `json:"since"`
}

func (r auditRecord) check() error {
	return firstError(checkVersion(r.V), checkAddress(r.Holder), checkHash(r.Hash))
}

// PutAudited records that a miner holds a datum, as PutHolding does, and the
// audit record of the bytes it holds, which is there before the holding is and
// changes with it at once. The record is the caller's bytes, up to
// audit.MaxRecord; data of size 0 has none. The seeds of such a holding are known
// from its first.
func (x *Index) PutAudited(ctx context.Context, h Holding, record []byte) error {
	if (len(record) == 0) != (h.Size == 0) || len(record) > audit.MaxRecord {
		return fmt.Errorf("%w: an audit record of %d bytes for %d bytes of data", ErrInvalid, len(record), h.Size)
	}
	return x.putHolding(ctx, h, true, record)
}

// PutAudit stores the audit record of a holding that came into the index without
// one, in the place of what was there; ErrNotFound when there is no such holding.
func (x *Index) PutAudit(ctx context.Context, holder wallet.Address, hash string, record []byte) error {
	if len(record) == 0 || len(record) > audit.MaxRecord {
		return fmt.Errorf("%w: an audit record of %d bytes", ErrInvalid, len(record))
	}
	var token, stale string
	err := x.changeHolding(ctx, holder, hash, func(r *holdingRecord) (err error) {
		if r.Size == 0 || r.Kind == KindShard {
			return fmt.Errorf("%w: an audit record of no data, or of a shard", ErrInvalid)
		}
		if token == "" {
			if token, err = x.writeAudit(ctx, holder, hash, record); err != nil {
				return err
			}
		}
		r.Audit, stale = token, r.Audit
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		stale = token
	} else if err != nil {
		return err
	}
	return errors.Join(err, x.dropAudit(ctx, stale))
}

// Audit returns the bytes of a holding's audit record, or ErrNotFound.
func (x *Index) Audit(ctx context.Context, holder wallet.Address, hash string) ([]byte, error) {
	last := ""
	for range maxTries {
		r, err := x.holding(ctx, holder, hash)
		if err != nil {
			return nil, err
		}
		if r.Audit == last {
			return nil, fmt.Errorf("%w: audit record of %s at %s", ErrNotFound, hash, holder)
		}
		record, err := x.getOne(ctx, auditGroup(r.Audit), fieldRecord)
		if !errors.Is(err, ErrNotFound) {
			return record, err
		}
		last = r.Audit // replaced between the two reads
	}
	return nil, fmt.Errorf("%w: audit record of %s at %s", ErrConflict, hash, holder)
}

// writeAudit writes an audit record for a holding that is about to name it by
// the token returned.
func (x *Index) writeAudit(ctx context.Context, holder wallet.Address, hash string, record []byte) (token string, err error) {
	of, err := encode(auditRecord{V: version, Holder: holder, Hash: hash, Since: stamp(time.Now())})
	if err != nil {
		return "", err
	}
	token = newToken()
	return token, x.kv.Commit(ctx, auditGroup(token), nil, []Entry{{fieldOf, of}, {fieldRecord, record}})
}

// dropAudit deletes an audit record that no holding names any more, or never
// will; none for no token.
func (x *Index) dropAudit(ctx context.Context, token string) error {
	if token == "" {
		return nil
	}
	return x.kv.Commit(ctx, auditGroup(token), nil, []Entry{{Field: fieldOf}, {Field: fieldRecord}})
}

// sweepAudits takes away the audit records that no holding names.
func (x *Index) sweepAudits(ctx context.Context, age time.Duration) (int, error) {
	swept := 0
	for group, err := range x.kv.Groups(ctx, groupsAudit) {
		if err != nil {
			return swept, err
		}
		of, err := read[auditRecord](ctx, x, group, fieldOf)
		if errors.Is(err, ErrNotFound) {
			continue // removed meanwhile
		} else if err != nil {
			return swept, err
		}
		if time.Since(of.Since) < age {
			continue
		}
		h, err := x.holding(ctx, of.Holder, of.Hash)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return swept, err
		}
		if token := tagOf(group); h.Audit != token {
			if err := x.dropAudit(ctx, token); err != nil {
				return swept, err
			}
			swept++
		}
	}
	return swept, nil
}
