// Package synapse moves messages the way Bittensor does: HTTP/1.1 with signed
// headers, JSON bodies, the same status in the status line and in a header. It
// talks to the Python SDK 6.x to 10.x on both sides: its Server is an axon,
// its Client a dendrite. It knows nothing of what the messages mean (package
// wire) and decides about nobody (wire.Door). Enter at NewServer and
// NewClient.
package synapse

// Version is the version we tell peers, in the SDK's scheme since 7.2.0
// (10^6 major + 10^3 minor + patch). From 7002000 on, peers hold our nonces
// against their clock.
const Version = 7002000
