// Package client is the SDK for users' files: it encrypts them, hands them to a
// gateway of the network, gets them back and checks them, keeps them for longer,
// and deletes them. It runs no node and keeps nothing but the list of remembered
// files (Book) and what has come of a file that is being fetched; it does not
// unlock wallets, see package wallet, envelope.UserKeyOf and envelope.DeriveKey for
// the keys. Promised to outsiders. Enter at New, then PutFile and GetFile.
//
// Files of any size go as a stream of sealed segments (PutFile, PutTree), come
// back the same way, whole or in part (GetFile, GetTo, GetTree), and can be had
// from the miners alone with an export (Export, Recover). All of it goes on where
// it broke off, and takes some megabytes of memory. With gateways of the reference,
// which know no streams, and for files that were stored there, the reference's way
// is taken: a file at a time, whole and in memory (Put, Get).
//
// Gateways are found in the metagraph as the reference finds them: among the
// neurons with validator trust those with the most stake (as many as a tenth of
// the subnet), pinged, and in random order; Options name others.
//
// What leaves is encrypted unless Plain is asked for, and what comes back is
// verified before it is given out, against a manifest that the file's owner has
// signed, or against the CID: a gateway can withhold a file but not change it.
package client
