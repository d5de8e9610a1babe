package scale

import "errors"

// What can be wrong. Every error of this package wraps one of these.
var (
	// ErrMetadata: the metadata cannot be read, or describes something
	// impossible.
	ErrMetadata = errors.New("bad metadata")
	// ErrData: the bytes are not an encoding of their type, or go beyond a limit.
	ErrData = errors.New("bad SCALE data")
	// ErrValue: a value is of another kind, or does not fit the type it is to be
	// encoded as.
	ErrValue = errors.New("value does not fit")
	// ErrUnknown: the metadata knows no such pallet, item, call, type or API.
	ErrUnknown = errors.New("not in the metadata")
	// ErrExtension: the runtime wants a signed extension that this package
	// cannot fill in.
	ErrExtension = errors.New("signed extension not supported")
)

// Limits of decoding.
const (
	maxDepth    = 256     // levels of types within types
	maxValues   = 1 << 19 // values in one decoding
	valueSize   = 128     // bytes, about the most that one of them takes
	maxEmpty    = 1 << 10 // elements without bytes in one list
	maxMetadata = 2 << 20 // bytes
	maxName     = 256     // bytes of a name in the metadata
)
