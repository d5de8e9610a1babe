// Package gateway keeps users' files on the network's miners: it takes a file,
// puts an encryption layer of its own around it, spreads it in chunks over
// groups of miners, and gives it back, checked against its CID, to its owner
// and nobody else. It is a role, not a server: the front door, the metagraph
// and the index are handed in, and the wire, an S3 endpoint or a web page reach
// it through the same three methods.
//
// Enter at New; Store, Retrieve and Delete are the work, Register puts it on
// the wire.
package gateway
