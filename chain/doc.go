// Package chain is what a storage subnet needs from its blockchain: blocks and
// their hashes, the metagraph, events, and the transactions a node makes
// (register, add stake, serve an axon, set weights or commit and reveal them).
// It holds the nouns, the arithmetic of epochs and the Chain interface; it is not a client. Implementations are children:
// chain/devchain is an embedded chain, and a client of the real subtensor fits
// the same interface. Every implementation passes chain/chaintest.
//
// Enter at Chain. A node that only wants to know the newest block and metagraph
// uses a Follower, which survives the loss of the connection.
package chain
