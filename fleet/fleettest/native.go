package fleettest

import (
	"bytes"
	"crypto/sha256"

	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/proof/blocktree"
	"github.com/filetao/filetao/proof/por"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

func (m *Miner) tags(msg *wire.Tags) error {
	p, err := receipt.ParsePledge(msg.Pledge)
	if err == nil {
		err = p.VerifyAsker(msg.Signature)
	}
	if err != nil {
		return wire.BadRequest("%w", err)
	}
	s := m.stored[p.Hash.String()]
	if s == nil || p.Miner != m.Hotkey() {
		return wire.NotFound("no such data")
	}
	if p.Size != int64(len(s.data)) || p.Root != blocktree.Sum(s.data) || p.Tags != sha256.Sum256(msg.Tags) ||
		int64(len(msg.Tags)) != por.TagsSize(p.Size) {
		return wire.BadRequest("the pledge is of something else")
	}
	if msg.Receipt, err = p.Sign(m.key); err != nil {
		return err
	}
	s.pledge, s.tags = bytes.Clone(msg.Pledge), bytes.Clone(msg.Tags)
	return nil
}

func (m *Miner) audit(msg *wire.Audit) error {
	q, err := receipt.ParseQuestion(msg.Question)
	if err == nil {
		err = q.Verify(msg.Signature)
	}
	if err != nil {
		return wire.BadRequest("%w", err)
	}
	s := m.stored[q.Hash.String()]
	if s == nil || s.pledge == nil {
		return wire.NotFound("no such data")
	}
	p, err := receipt.ParsePledge(s.pledge)
	if err != nil {
		return err
	}
	if err := q.About(p); err != nil {
		return wire.Conflict("%w", err)
	}
	msg.Proof, err = por.Prove(q.Challenge(), q.Size, bytes.NewReader(s.data), bytes.NewReader(s.tags))
	if err != nil {
		return err
	}
	msg.Receipt, err = receipt.Answer{Question: q.Digest(), Proof: msg.Proof}.Sign(m.key)
	return err
}

// lie spoils an honest answer.
func (m *Miner) lie(msg wire.Message) error {
	switch msg := msg.(type) {
	case *wire.Store:
		msg.CommitmentHash = proof.Sum([]byte("something else")).String()
	case *wire.Challenge:
		msg.DataChunk[0] ^= 1
	case *wire.Retrieve:
		msg.Data = append(msg.Data, 0)[1:]
	case *wire.Tags:
		msg.Receipt[0] ^= 1
	case *wire.Audit:
		q, err := receipt.ParseQuestion(msg.Question)
		if err != nil {
			return err
		}
		msg.Proof[0] ^= 1
		msg.Receipt, err = receipt.Answer{Question: q.Digest(), Proof: msg.Proof}.Sign(m.key)
		return err
	}
	return nil
}
