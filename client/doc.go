// Package client is the SDK for users' files: it encrypts them, hands them to a
// gateway of the network, gets them back and checks them, and deletes them. It
// runs no node and keeps nothing but the list of remembered files (Book); it
// does not unlock wallets, see package wallet and envelope.DeriveKey for the
// key. Promised to outsiders. Enter at New.
//
// Gateways are found in the metagraph as the reference finds them: among the
// neurons with validator trust those with the most stake (as many as a tenth of
// the subnet), pinged, and in random order; Options name others.
//
// What leaves is encrypted unless Plain is asked for, and what comes back is
// checked against its CID before it is decrypted: a gateway can withhold a file
// but not change it.
package client
