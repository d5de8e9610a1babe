// Package substratetest is a subtensor node for tests: JSON-RPC over a real
// WebSocket on 127.0.0.1, answered from the recordings in
// testdata/vectors/chain and from a state that lives. It keys and encodes
// storage, decodes and checks transactions, and names events and errors by the
// recorded metadata of runtimes 185, 218 and 300, so that a client meets the
// same bytes as at a real node. It can be made to fail like one.
//
// It is no chain to rely on: it has no tries and no consensus, and of a
// runtime's rules only those that docs/chain.md lists for it. The calls it does
// not know fail with System.CallFiltered.
//
// Enter at Start, and at Play for a recorded session message by message.
package substratetest
