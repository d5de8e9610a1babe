package receipt

import (
	"fmt"
	"time"

	"github.com/filetao/filetao/wallet"
)

// OfferSize is the length of an encoded offer in bytes.
const OfferSize = 1 + 2*32 + 3*8

const kindOffer kind = "filetao offer v1"

// Offer is what a miner says of its room when it is asked: how many bytes it is
// willing to hold for the network, and how many of them are in use. It binds the
// miner to nothing but its word: who takes less than it offers has said so.
type Offer struct {
	Miner    wallet.Address // who says it
	Asker    wallet.Address // whom it says it to
	Capacity int64          // bytes for all askers together, those in use included; 0 or more
	Used     int64          // bytes in use, of all askers, 0 to Capacity
	Made     time.Time      // whole seconds, by the miner's clock
}

// Encode is the byte 1; the public keys of miner and asker; capacity, used and
// the time in Unix seconds, 8 bytes each. Addresses that are none become zeros,
// which ParseOffer refuses.
func (o Offer) Encode() []byte {
	w := begin(OfferSize)
	w.address(o.Miner)
	w.address(o.Asker)
	w.number(uint64(o.Capacity))
	w.number(uint64(o.Used))
	w.time(o.Made)
	return w
}

// ParseOffer reads what Encode wrote and nothing else. It fails with
// ErrStatement. The time comes back in UTC.
func ParseOffer(b []byte) (Offer, error) {
	r, err := open(b, OfferSize)
	if err != nil {
		return Offer{}, err
	}
	o := Offer{
		Miner: r.address(), Asker: r.address(),
		Capacity: int64(r.number()), Used: int64(r.number()), Made: r.time(),
	}
	if err := o.check(); err != nil {
		return Offer{}, err
	}
	return o, nil
}

func (o Offer) check() error {
	if err := checkParties(o.Asker, o.Miner, 1); err != nil { // it is about no datum, whose size could be wrong
		return err
	}
	if o.Used < 0 || o.Used > o.Capacity {
		return fmt.Errorf("%w: %d bytes in use of %d", ErrStatement, o.Used, o.Capacity)
	}
	return checkTime("when the offer was made", o.Made)
}

// Room is how many bytes more there is room for.
func (o Offer) Room() int64 { return o.Capacity - o.Used }

// Digest is SHA-256 of "filetao offer v1" and the encoding.
func (o Offer) Digest() [32]byte { return kindOffer.digest(o.Encode()) }

// Sign signs the offer. ErrStatement if k is not the miner's or the offer is not
// well-formed.
func (o Offer) Sign(k *wallet.Keypair) ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if k.Address() != o.Miner {
		return nil, fmt.Errorf("%w: an offer of another miner", ErrStatement)
	}
	return k.Sign(kindOffer.text(o.Digest()))
}

// Verify checks the miner's signature. It fails with ErrStatement or
// ErrSignature.
func (o Offer) Verify(sig []byte) error {
	if err := o.check(); err != nil {
		return err
	}
	return kindOffer.verify(o.Miner, o.Digest(), sig)
}
