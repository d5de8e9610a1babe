package fleet

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
)

const (
	taskOffer Task = "offer" // in no Outcome that anybody sees
	// maxOffer bounds the bytes in the answer to Offer.
	maxOffer = receipt.OfferSize + wallet.SignatureSize
	// offerSkew is by how much a miner's clock may differ from ours: what it said
	// long ago is no answer.
	offerSkew = 5 * time.Minute
)

// ErrNoOffer says of a miner that it does not know the question: it is of the
// reference, or an earlier one of ours.
var ErrNoOffer = errors.New("the miner makes no offers")

// Offered is what a miner has said of its room, and its signature.
type Offered struct {
	receipt.Offer
	Signature []byte
}

// Offer asks a miner how much it is willing to hold, within PingTimeout. The
// offer is the miner's, for this asker, and of now. ErrNoOffer from a miner that
// does not know the question, which is then not asked again for an hour; a
// *wire.Error when no answer came; receipt.ErrStatement or receipt.ErrSignature
// when it is none. It enters no statistics.
func (f *Fleet) Offer(ctx context.Context, n chain.Neuron) (Offered, error) {
	now := f.deps.Now()
	if f.deaf.is(n, now) || f.offerless.is(n, now) {
		return Offered{}, ErrNoOffer
	}
	msg := &wire.Offer{}
	o, came := f.call(wire.WithAnswerLimit(ctx, maxOffer), taskOffer, n, msg)
	if !came {
		if o.Status() == wire.StatusNotFound {
			f.offerless.note(n, now, f.deps.Metagraph())
			return Offered{}, ErrNoOffer
		}
		return Offered{}, o.Err
	}
	offer, err := receipt.ParseOffer(msg.Offer)
	if err == nil {
		err = f.checkOffer(n, offer, msg.Signature)
	}
	if err != nil {
		return Offered{}, fmt.Errorf("offer of %s: %w", n.Hotkey, err)
	}
	return Offered{offer, msg.Signature}, nil
}

func (f *Fleet) checkOffer(n chain.Neuron, o receipt.Offer, sig []byte) error {
	switch off := f.deps.Now().Sub(o.Made); {
	case o.Miner != n.Hotkey || o.Asker != f.self:
		return fmt.Errorf("%w: it is %s's to %s", receipt.ErrStatement, o.Miner, o.Asker)
	case off.Abs() > offerSkew:
		return fmt.Errorf("%w: made at %s, and it is %s; are both clocks right?", receipt.ErrStatement,
			o.Made.Format(time.RFC3339), f.deps.Now().UTC().Format(time.RFC3339))
	}
	return o.Verify(sig)
}
