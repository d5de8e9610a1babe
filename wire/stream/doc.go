// Package stream moves messages between our own nodes fast: fields in binary,
// one signature over each way's head, and beside them raw bodies of any size, of
// which neither end has more than some buffers in memory. It is HTTP/1.1 on the
// axon's own port, under wire.StreamPath; peers of another make are asked over
// wire/synapse. It knows nothing of what the messages mean (package wire) and
// decides about nobody (wire.Door). Enter at NewServer, a handler to be mounted
// on a synapse.Server, at NewClient, and at NewNegotiator, which asks each peer
// in the best way that it understands. docs/formats.md has the bytes.
package stream

// Version is what we tell peers of our software unless told otherwise: the same
// as over wire/synapse.
const Version = 7002000
