package cheat

import (
	"bytes"
	"context"

	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

// What native audits need: tags, pledges and signed proofs.

// pledging answers Tags as the miner does: it keeps the tags and signs the
// pledge, whatever it still has of the data.
func (s *shelf) pledging(x *axon) func(context.Context, wire.Caller, *wire.Tags) error {
	return func(_ context.Context, _ wire.Caller, msg *wire.Tags) error {
		p, err := receipt.ParsePledge(msg.Pledge)
		if err != nil {
			return wire.BadRequest("%w", err)
		}
		return s.with(p.Hash.String(), func(k *kept) (err error) {
			k.tags, msg.Tags = msg.Tags, nil
			msg.Receipt, err = p.Sign(x.key)
			return err
		})
	}
}

// answering answers an audit by what do makes of what is kept; do returns what
// an answering does.
func (s *shelf) answering(do func(k *kept, q receipt.Question, msg *wire.Audit) (float64, error)) answering[*wire.Audit] {
	return func(_ context.Context, _ wire.Caller, msg *wire.Audit) (lacks float64, err error) {
		q, err := receipt.ParseQuestion(msg.Question)
		if err != nil {
			return 1, wire.BadRequest("%w", err)
		}
		lacks = 1
		err = s.with(q.Hash.String(), func(k *kept) (err error) {
			lacks, err = do(k, q, msg)
			return err
		})
		return lacks, err
	}
}

// proving answers an audit over other data than was stored, with the tags of
// that.
func (s *shelf) proving(x *axon, data func(*kept) []byte, lacks func(*kept) float64) answering[*wire.Audit] {
	return s.answering(func(k *kept, q receipt.Question, msg *wire.Audit) (float64, error) {
		return lacks(k), x.prove(msg, q, data(k), k.tags)
	})
}

// all is what the cheater lacks that has nothing.
func all(*kept) float64 { return 1 }

// prove answers an audit over data and tags of the size asked for.
func (x *axon) prove(msg *wire.Audit, q receipt.Question, data, tags []byte) error {
	p, err := por.Prove(q.Challenge(), q.Size, bytes.NewReader(data), bytes.NewReader(tags))
	if err != nil {
		return wire.BadRequest("%w", err)
	}
	return x.sign(msg, q, p)
}

// sign makes a proof the axon's signed answer.
func (x *axon) sign(msg *wire.Audit, q receipt.Question, p []byte) (err error) {
	msg.Proof = p
	msg.Receipt, err = receipt.Answer{Question: q.Digest(), Proof: p}.Sign(x.key)
	return err
}

// invented is a proof of the right form.
func (x *axon) invented() []byte {
	p := x.bytes(por.ProofSize)
	for at := por.TagSize - 1; at < len(p); at += por.TagSize {
		p[at] &= 1 // below 2^129
	}
	return p
}

// rememberedProof is a copy of an answered audit that stays as it is.
func rememberedProof(msg *wire.Audit) *wire.Audit {
	return &wire.Audit{Proof: bytes.Clone(msg.Proof), Receipt: bytes.Clone(msg.Receipt)}
}

// again answers with an earlier answer: as it was, or its proof signed anew.
func (x *axon) again(msg *wire.Audit, q receipt.Question, old *wire.Audit, verbatim bool) error {
	if verbatim {
		msg.Proof, msg.Receipt = bytes.Clone(old.Proof), bytes.Clone(old.Receipt)
		return nil
	}
	return x.sign(msg, q, bytes.Clone(old.Proof))
}

// stretched is b as often as it fits into n bytes.
func stretched(b []byte, n int64) []byte {
	out := make([]byte, 0, n)
	for int64(len(out)) < n && len(b) > 0 {
		out = append(out, b[:min(int64(len(b)), n-int64(len(out)))]...)
	}
	return out
}
