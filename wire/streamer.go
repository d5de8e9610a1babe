package wire

import (
	"context"
	"io"
)

// StreamPath begins the path of every request of wire/stream, and StreamHeader is
// the header, "1", by which an answer to a ping tells that it is served.
const (
	StreamPath   = "/stream/v1/"
	StreamHeader = "filetao-stream"
)

// ErrNoStream says that the peer knows no streams: it is one of another make, or
// older than they are. It is 404.
var ErrNoStream error = NotFound("the peer knows no streams")

// Body is raw bytes that travel beside a message's fields. Nobody signs them:
// what they have to be is pinned by the fields, or by a signed statement among
// the bytes themselves.
type Body struct {
	// Size is their number. A body is exactly that long.
	Size int64
	// Reader gives them; nil when Size is 0. Whoever was handed the body closes
	// it if it is an io.Closer.
	Reader io.Reader
}

// Answer is the body of a peer's answer, to be read to its end and closed. It
// ends with io.ErrUnexpectedEOF where the peer broke off.
type Answer struct {
	io.ReadCloser
	// Size is how many bytes the peer says that there are.
	Size int64
}

// Streamer asks a peer with bodies of any size, of which it never has more than
// some buffers in memory.
type Streamer interface {
	// Open sends msg and in, and fills msg's answer fields. It returns as soon
	// as the head of the answer is there; the answer must be closed, which
	// also ends an exchange that is not over. It may come before all of in was
	// read; after Open has returned nobody reads from in.
	//
	// The context is for the exchange as a whole, until the answer is closed.
	// Errors are those of Transport, and ErrNoStream.
	Open(ctx context.Context, to Peer, msg Message, in Body) (*Answer, error)
}

// StreamHandler answers a message that may have a body, by filling its answer
// fields, and with a body of its own. It reads in as far as it wants, which is
// over when it returns. An error is as a Handler's; one of the returned body's
// reader breaks the exchange off.
type StreamHandler func(ctx context.Context, from Caller, msg Message, in Body) (Body, error)
