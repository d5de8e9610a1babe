// Package miner is the role of those who keep bytes: it answers Store,
// Challenge, Retrieve, Delete, Tags and Audit for the askers under whose hotkeys
// it keeps data, PutShard and RenewShard for those whose shards it keeps and
// GetShard for whoever knows a shard's root, drops what has expired, and reads
// all it keeps at a pace to find rot. Who may ask is decided before (wire.Door),
// how bytes are kept is blobstore's, what is proven and signed is proof's and
// receipt's; what is here is the order: nothing is acknowledged before it is on
// disk, and the exchanges about one datum of one asker follow one after another,
// because each proves with the seed that the one before it brought. Audit and
// GetShard need no seed and wait for nobody. What the miner signs it keeps, with
// all it needs to defend itself. Enter at New.
package miner
