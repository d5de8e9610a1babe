// Package devchain is a subtensor small enough to run inside a test: one
// subnet with registration, stake, permits, axons, weights and epochs, in
// blocks whose hashes follow from a seed. It keeps its state on disk and serves
// it over JSON-RPC, so that nodes in other processes use it.
//
// Enter at Open for a chain in this process, NewServer to serve it, Dial to use
// one elsewhere.
package devchain
