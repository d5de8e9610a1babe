package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// Offer is what a miner has last said, and signed, of its room.
type Offer struct {
	// Capacity is how many bytes it is willing to hold, of all askers together,
	// and Used how many of them were in use.
	Capacity int64     `json:"capacity_bytes"`
	Used     int64     `json:"used_bytes"`
	Signed   time.Time `json:"signed"`
	// Claim is how many bytes of this validator's it can hold by that, which it is
	// never given more than; 0 when the offer is too old to count.
	Claim int64 `json:"claim_bytes"`
	// Refused says that it has refused data since that it claimed to have room
	// for: until it signs another offer it claims what it held then.
	Refused bool `json:"refused"`
	// Statement is the receipt.Offer, encoded, and Signature the miner's over it.
	Statement []byte `json:"statement"`
	Signature []byte `json:"signature"`
}

// withClaims is the view with what the validator has saved of offers; without,
// when it has saved nothing that can be read.
func (v View) withClaims(ctx context.Context) (View, error) {
	if v.Index == nil || v.Self == "" {
		return v, nil
	}
	claims, err := validator.Claims(ctx, v.Index, v.Self)
	if errors.Is(err, validator.ErrState) {
		return v, nil
	} else if err != nil {
		return v, fmt.Errorf("miners' offers: %w", err)
	}
	v.claims = claims
	return v, nil
}

// offer is a miner's; nil without one.
func (v View) offer(miner wallet.Address) *Offer {
	c := v.claims[miner]
	if c == nil {
		return nil
	}
	block := v.Block
	if block == 0 { // not known
		block = c.Block
	}
	return &Offer{
		Capacity: c.Capacity, Used: c.Used, Signed: c.Made, Claim: v.Config.Claimed(c, block), Refused: c.Refused,
		Statement: c.Encode(), Signature: c.Signature,
	}
}
