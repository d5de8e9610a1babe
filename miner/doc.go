// Package miner is the role of those who keep bytes: it answers Store,
// Challenge, Retrieve, Delete, Tags and Audit for the askers under whose hotkeys
// it keeps data, and drops what has expired. Who may ask is decided before
// (wire.Door), how bytes are kept is blobstore's, what is proven and signed is
// proof's and receipt's; what is here is the order: nothing is acknowledged
// before it is on disk, and the exchanges about one datum of one asker follow
// one after another, because each proves with the seed that the one before it
// brought. Only Audit needs no seed and waits for nobody. What the miner signs
// it keeps, with all it needs to defend itself. Enter at New.
package miner
