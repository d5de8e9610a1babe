// Package substrate is a client of a real subtensor: chain.Chain over a node's
// JSON-RPC. It is not a node and keeps no state of its own: what it knows of a
// runtime (storage, calls, events, errors) it reads from the metadata of the
// block it looks at, so that a runtime upgrade needs no new client. It never
// sends a key: transactions are signed here.
//
// Enter at New and Run, or at Dial for a program that makes a few calls and
// ends. docs/chain.md says which runtimes were tried and what is refused.
package substrate
