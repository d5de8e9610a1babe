package wire

import (
	"context"
	"net/netip"
	"time"

	"github.com/filetao/filetao/wallet"
)

// Peer is whom to ask: what the chain's axon record says of it.
type Peer struct {
	Hotkey  wallet.Address
	Addr    netip.AddrPort
	Version uint32 // as in the axon record; 0 when not known
}

// Exchange is what a call cost.
type Exchange struct {
	// Elapsed is the time from the moment of sending to the full answer.
	Elapsed time.Duration
	// Sent and Received are bytes of body.
	Sent, Received int64
	// PeerVersion is the version the peer gave in its answer; 0 if none.
	PeerVersion uint64
	// Streams says that the peer's answer showed that it speaks wire/stream; an
	// answer that did not may be of one that does, except a ping's.
	Streams bool
}

// Transport asks a peer.
type Transport interface {
	// Call sends msg and fills its answer fields. The deadline of ctx is the
	// timeout told to the peer; without one the transport has a default.
	// Errors are or wrap *Error: the peer's status, or 408 no answer in time,
	// 422 an answer that cannot be read, 499 ctx was cancelled, 503 not
	// reachable. After an error the answer fields of msg mean nothing. The
	// Exchange is also good, as far as it went, with an error.
	Call(ctx context.Context, to Peer, msg Message) (Exchange, error)
}

// Caller is who asks: verified and let in.
type Caller struct {
	Hotkey  wallet.Address
	Addr    netip.AddrPort // of the socket
	Version uint64         // of its software, as it says
	UID     int            // -1 when not registered
	Stake   uint64         // rao
	// ValidatorPermit says that the caller may validate.
	ValidatorPermit bool
	// Deadline is when the caller stops waiting; the handler's context ends
	// then.
	Deadline time.Time
}

// Handler answers a message by filling its answer fields. It owns msg and its
// bytes. An *Error goes to the caller with its status and text; any other
// error is 500 without details.
type Handler func(ctx context.Context, from Caller, msg Message) error

type answerLimitKey struct{}

// WithAnswerLimit has a Transport refuse an answer with more than so many bytes
// of data: for a caller who knows how much it asked for.
func WithAnswerLimit(ctx context.Context, bytes int64) context.Context {
	return context.WithValue(ctx, answerLimitKey{}, bytes)
}

// AnswerLimit is what WithAnswerLimit said; false where it said nothing.
func AnswerLimit(ctx context.Context) (int64, bool) {
	bytes, ok := ctx.Value(answerLimitKey{}).(int64)
	return bytes, ok
}
