// Package blobstore is a miner's bytes on disk: opaque data and shards, kept for
// an asker under its hotkey until its time is over. The same content is kept once
// however many askers stored it. What was acknowledged survives a crash at any
// moment, what was not leaves nothing behind, and a start takes the same time
// however much is stored. It knows no messages and no proofs. Data comes whole,
// under SHA3-256, which the caller computed and every read but those of Random
// checks; a shard comes as a stream, under the root of package erasure, which is
// computed on the way and whose leaves are kept for whoever reads a part. Scrub
// checks all of both at a pace. Beside a claim it keeps tags, whatever the owner
// wants kept with it. Enter at Open.
//
// # Files
//
// All paths are relative to Config.Dir, which may be moved while closed.
//
//	LOCK                         held by the process that has the store open
//	content/<2 hex>/<64 hex>     content of more than 64 KiB, named by its hash in
//	                             lower-case hex; the folder is the name's first byte
//	tmp/<64 hex>.<number>        data on its way; emptied at every start
//	tmp/shard.<number>           a shard on its way
//	meta/                        a Pebble database
//
// # Metadata
//
// Numbers are big-endian, times and durations signed nanoseconds (times since
// 1970). owner is a raw 32-byte public key, hash a raw SHA3-256 or root.
//
//	v                       → 3: the format's version, one byte
//	c hash                  → uint64 size, uint32 owners, uint8 bits: 1 damaged,
//	                          2 shard (hash is a root), 4 value (in d, no file)
//	d hash                  → the content, if it is a value: at most 64 KiB
//	l hash                  → a shard's leaves
//	x hash                  → nothing: damaged
//	r owner hash            → uint8 1 (2: shard; 3: shard with a tag), uint64 size,
//	                          int64 stored, int64 ttl, seed (of a shard: none, or the
//	                          tag, 32 bytes)
//	f tag owner hash        → note: up to 64 bytes, opaque; only beside an r with the tag
//	e expiry owner hash     → nothing; expiry = stored + ttl, only if ttl > 0
//	t owner hash            → tags: 1 byte to 8 MiB, opaque; only beside an r
//	i hash                  → nothing: an intent, see below
//	s                       → the key of c at which a scrub goes on
//	u                       → uint64 bytes, objects (c), records (r)
//
// Data and shards are never confused: a hash is of the one kind or of the other.
// A store of version 1, which had neither shards nor values, or of version 2, which
// had no f, is read as it is and becomes one of version 3 at its first start; small
// files of the first stay until they go or are mended.
//
// # Order of writes
//
// Content of at most 64 KiB is one batch: d with everything below; then
// acknowledge. For files there are intents: an intent says that a content file may
// be there without a c entry. Storing new data or a shard: write and flush the
// file in tmp, commit the intent, rename the file into its folder, flush the
// folder, then commit c, r, e, u, a shard's l, t and f, and the end of the intent in
// one batch; then acknowledge. Removing: commit the end of c, r, t, f, e, d, l, x,
// the new u and, of a file, an intent in one batch; unlink; flush the folder; end
// the intent. A start unlinks what intents without a file's c entry name, and so
// never has to look through the folders.
//
// Tags are one value in the database and no file, so that they end in the same
// batch as their claim. They are acknowledged once their batch is on disk; a
// claim that is stored again keeps them, since its bytes are the same.
//
// A write to the database that fails breaks the store (ErrBroken): what is on
// disk is then known only after opening it again.
package blobstore
