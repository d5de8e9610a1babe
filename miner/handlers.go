package miner

import (
	"bufio"
	"context"
	"errors"
	"io"
	"time"

	"github.com/filetao/filetao/blobstore"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

// readAhead is how much of a datum is read at a time for a challenge, whose
// pieces may be as small as a byte.
const readAhead = 256 << 10

// answer makes a message's handler: the work, the choice of a status for its
// errors, the books.
func answer[M wire.Message](m *Miner, task Task, work func(context.Context, wire.Caller, M) error) wire.Handler {
	return func(ctx context.Context, from wire.Caller, msg wire.Message) error {
		asked, ok := msg.(M)
		if !ok {
			return wire.BadRequest("%s is not what the miner's %s handler takes", msg.Name(), task)
		}
		start := time.Now()
		return m.answered(task, from, start, work(ctx, from, asked))
	}
}

// answerStream is answer for a message with bodies.
func answerStream[M wire.Message](m *Miner, task Task, work func(context.Context, wire.Caller, M, wire.Body) (wire.Body, error)) wire.StreamHandler {
	return func(ctx context.Context, from wire.Caller, msg wire.Message, in wire.Body) (wire.Body, error) {
		asked, ok := msg.(M)
		if !ok {
			return wire.Body{}, wire.BadRequest("%s is not what the miner's %s handler takes", msg.Name(), task)
		}
		start := time.Now()
		out, err := work(ctx, from, asked, in)
		return out, m.answered(task, from, start, err)
	}
}

// answered gives the error of an answer its status, and keeps the books.
func (m *Miner) answered(task Task, from wire.Caller, start time.Time, err error) error {
	err = statusOf(err)
	m.tally.add(task, wire.StatusOf(err), time.Since(start), m.now())
	m.log.Debug("answered", "task", task, "asker", from.Hotkey, "took", time.Since(start), "err", err)
	return err
}

// statusOf gives an error its status; one without is the miner's own fault, 500
// without details.
func statusOf(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.As(err, new(*wire.Error)):
		return err
	case errors.Is(err, blobstore.ErrNotFound):
		return &wire.Error{Status: wire.StatusNotFound, Text: "You have no such data here.", Err: err}
	case errors.Is(err, blobstore.ErrFull):
		return &wire.Error{Status: wire.StatusFull, Text: "There is no room for the data.", Err: err}
	case errors.Is(err, blobstore.ErrCorrupt), errors.Is(err, proof.ErrData):
		return &wire.Error{Status: wire.StatusInternal, Text: "The data is damaged here. Storing it again mends it.", Err: err}
	case errors.Is(err, blobstore.ErrClosed), errors.Is(err, blobstore.ErrBroken):
		return &wire.Error{Status: wire.StatusUnavailable, Text: "The store is not available.", Err: err}
	case errors.Is(err, receipt.ErrSignature):
		return wire.Unauthorized("%w", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &wire.Error{Status: wire.StatusBadRequest, Text: "The body ended too soon.", Err: err}
	case errors.Is(err, proof.ErrRequest), errors.Is(err, blobstore.ErrInvalid), errors.Is(err, receipt.ErrStatement):
		return wire.BadRequest("%w", err)
	}
	return err
}

// keep answers Store.
func (m *Miner) keep(ctx context.Context, from wire.Caller, msg *wire.Store) error {
	data := msg.EncryptedData
	msg.EncryptedData = nil // the answer is without it
	if int64(len(data)) > m.cfg.MaxData {
		return wire.TooLarge("%d bytes of data are over the limit of %d.", len(data), m.cfg.MaxData)
	}
	ttl, err := m.ttl(msg.TTL)
	if err != nil {
		return err
	}
	state := proof.NewState()
	_, _ = state.Write(data)
	ans, err := proof.AnswerStore(m.rand, proof.StoreRequest{Curve: msg.Curve, G: msg.G, H: msg.H, Seed: msg.Seed}, state)
	if err != nil {
		return err
	}
	hash := state.Hash().String()
	done, err := m.turns.wait(ctx, from.Hotkey, hash)
	if err != nil {
		return err
	}
	defer done()
	err = m.store.Put(ctx, blobstore.Record{
		Owner: from.Hotkey, Hash: hash, Seed: msg.Seed, Stored: m.now(), TTL: ttl,
	}, data)
	if err != nil {
		return err
	}
	msg.Randomness, msg.Commitment, msg.CommitmentHash = ans.Randomness, ans.Commitment, ans.CommitmentHash
	return nil
}

// ttl is how long data is kept whose asker wants that many seconds. More than
// the most is refused: an asker who was given less would not know.
func (m *Miner) ttl(seconds *int64) (time.Duration, error) {
	if seconds == nil || *seconds <= 0 {
		return m.cfg.DefaultTTL, nil
	}
	if most := int64(m.cfg.MaxTTL / time.Second); *seconds > most {
		return 0, wire.BadRequest("ttl of %d s: this miner keeps data for %d s at most.", *seconds, most)
	}
	return time.Duration(*seconds) * time.Second, nil
}

// prove answers Challenge.
func (m *Miner) prove(ctx context.Context, from wire.Caller, msg *wire.Challenge) error {
	return m.readOut(ctx, from.Hotkey, msg.ChallengeHash, msg.Seed, func(r *blobstore.Reader) error {
		size := r.Record().Size
		// A piece is in memory twice, as read and in the answer.
		if err := wire.Reserve(ctx, 2*min(max(msg.ChunkSize, 0), size)); err != nil {
			return err
		}
		if err := m.compute.Acquire(ctx, 1); err != nil {
			return err
		}
		defer m.compute.Release(1)
		ans, err := proof.AnswerChallenge(m.rand, proof.ChallengeRequest{
			DataHash: msg.ChallengeHash, Index: msg.ChallengeIndex, PieceSize: msg.ChunkSize,
			Curve: msg.Curve, G: msg.G, H: msg.H, Seed: msg.Seed,
		}, bufio.NewReaderSize(r, readAhead), size, r.Record().Seed)
		if err != nil {
			return err
		}
		msg.CommitmentHash, msg.CommitmentProof, msg.Commitment = ans.CommitmentHash, ans.CommitmentProof, ans.Commitment
		msg.DataChunk, msg.Randomness = ans.Piece, ans.Randomness
		msg.MerkleProof, msg.MerkleRoot = ans.MerkleProof, ans.MerkleRoot
		return nil
	})
}

// giveBack answers Retrieve.
func (m *Miner) giveBack(ctx context.Context, from wire.Caller, msg *wire.Retrieve) error {
	return m.readOut(ctx, from.Hotkey, msg.DataHash, msg.Seed, func(r *blobstore.Reader) error {
		if err := wire.Reserve(ctx, r.Record().Size); err != nil {
			return err
		}
		data, err := r.ReadAll()
		if err != nil {
			return err
		}
		ans, err := proof.AnswerRetrieve(proof.RetrieveRequest{DataHash: msg.DataHash, Seed: msg.Seed}, r.State(), r.Record().Seed)
		if err != nil {
			return err
		}
		msg.Data, msg.CommitmentHash, msg.CommitmentProof = data, ans.CommitmentHash, ans.CommitmentProof
		return nil
	})
}

// readOut has work answer out of an asker's datum, and then makes seed the
// datum's: on disk before the answer goes out.
func (m *Miner) readOut(ctx context.Context, asker wallet.Address, hash, seed string, work func(*blobstore.Reader) error) error {
	if err := proof.CheckSeed(seed); err != nil {
		return err
	}
	done, err := m.turns.wait(ctx, asker, hash)
	if err != nil {
		return err
	}
	defer done()
	r, err := m.store.Reader(ctx, asker, hash)
	if err != nil {
		return err
	}
	if r.Record().Shard { // it has no seeds
		return errors.Join(blobstore.ErrNotFound, r.Close())
	}
	if err := errors.Join(work(r), r.Close()); err != nil {
		return err
	}
	return m.store.SetSeed(ctx, asker, hash, seed)
}

// drop answers Delete.
func (m *Miner) drop(ctx context.Context, from wire.Caller, msg *wire.Delete) error {
	done, err := m.turns.wait(ctx, from.Hotkey, msg.DataHash)
	if err != nil {
		return err
	}
	defer done()
	if err := m.store.Delete(ctx, from.Hotkey, msg.DataHash); err != nil {
		return err
	}
	msg.Deleted = true
	return nil
}
