// Package repair keeps what the index promises: that every segment and every chunk
// of a user's file is at as many miners as its scheme says, apart from each other,
// until its time is over, and that what nobody needs any more ends at the miners
// too. It decides neither what an audit is worth nor who is paid, and it talks to
// miners through package fleet only. Enter at New; Pass is all of it once.
//
// # Health
//
// A shard counts as healthy as long as its miner is registered, serves an axon, has
// answered a ping within Config.DownAfter, has not failed its last Config.Strikes
// audits in a row, and neither has failed its last audit of this very shard nor says
// itself that it has lost it. One of a miner that leaves (Leave) counts until it has
// been moved.
//
// # Repair
//
// A segment is due when its healthy shards are erasure.Scheme.RepairAt or fewer; a
// chunk of the reference's way likewise, as a scheme of 1-of-R. What has the fewest
// healthy shards above those that give it back comes first. Everything missing is
// made anew at once, on miners that hold nothing of it. The order is always: store
// the new one, which fleet verifies, then have it in the index, then end the old
// one, which the miner is told to delete. Only a shard that has failed its audit may
// end before, when the others give the segment back without it and its miner is
// needed as a candidate.
//
// There is no list of work that could be lost: the queue is in memory, and made of
// the index and of the miners' health, by what happens to miners and by a scan of
// everything, which goes on after a restart with the part where it was. All work may
// be stopped anywhere and is simply done again.
//
// # State
//
// In the index, under these names: repair/health (who is silent since when, which
// holdings have failed their last audit, which trials were seen), repair/drains (who
// leaves, and the receipts), repair/scan (the part of the scan).
package repair
