// Package miner is the role of those who keep bytes: it answers Store,
// Challenge, Retrieve and Delete for the askers under whose hotkeys it keeps
// data, and drops what has expired. Who may ask is decided before (wire.Door),
// how bytes are kept is blobstore's, what is proven is proof's; what is here is
// the order: nothing is acknowledged before it is on disk, and the exchanges
// about one datum of one asker follow one after another, because each proves
// with the seed that the one before it brought. Enter at New.
package miner
