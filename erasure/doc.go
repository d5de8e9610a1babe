// Package erasure cuts a segment of a file into shards, any Data of which give
// it back, and names segments and shards by a hash that can be checked block by
// block. It knows no files, miners or encryption, keeps nothing, and starts no
// goroutines; rows of bytes go in and come out.
//
// # Coding
//
// A [Scheme] is systematic Reed-Solomon over GF(2^8): the first Data shards are
// the segment itself, the others are parity. A segment is coded row by row,
// each row on its own, so that whoever codes or reads holds one row and not the
// segment, and a range costs the rows it touches. A full row is Data blocks of
// [Block] bytes, one a shard, and so the segment is its rows one after another.
// The last row is cut into Data equal pieces, as short as they can be, and
// filled up with zeros.
//
// # Tree hash
//
// The [Root] of a segment or shard is the hash of its size and of its leaves,
// the hashes of its blocks: two levels, since the leaves of the largest segment
// are 128 KiB, little enough to send along with every part of it, and enough to
// check any block as it comes. Both levels are BLAKE3, derive-key mode, with a
// context each.
//
// # Constants
//
//   - Block, 64 KiB: what is sent, hashed and checked at once. A leaf of 32 bytes
//     is 0.05 % of it, a range read wastes at most one row, and the rows of 30
//     shards stay in a processor's cache. Shorter blocks make leaves longer; with
//     longer ones small segments have nothing to check before their end.
//   - MaxTotal, 128: beyond it durability gains nothing (docs/durability.md), and
//     the field has 256 elements.
//   - MaxSegment, 256 MiB: 4,096 blocks; it bounds what a miner is handed at once
//     and what a repair reads, and is the reference's largest chunk.
//
// Enter at [Choose], [New] and [NewHasher].
package erasure
