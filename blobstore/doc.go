// Package blobstore is a miner's bytes on disk: opaque data kept for an asker
// under its hotkey until its time is over. The same data is kept once however
// many askers stored it. What was acknowledged survives a crash at any moment,
// what was not leaves nothing behind, and a start takes the same time however
// much is stored. It knows no messages and no proofs, and it does not check
// that data has the hash it is put under; it does check that on every read but
// those of Random. Beside a claim it keeps tags, whatever the owner wants kept
// with it. Enter at Open.
//
// # Files
//
// All paths are relative to Config.Dir, which may be moved while closed.
//
//	LOCK                         held by the process that has the store open
//	content/<2 hex>/<64 hex>     data, named by its SHA3-256 in lower-case hex;
//	                             the folder is the first byte of the name
//	tmp/<64 hex>.<number>        data on its way; emptied at every start
//	meta/                        a Pebble database
//
// # Metadata
//
// Numbers are big-endian, times and durations signed nanoseconds (times since
// 1970). owner is a raw 32-byte public key, hash a raw SHA3-256.
//
//	v                       → 1: the format's version, one byte
//	c hash                  → uint64 size, uint32 owners, uint8 damaged (0, 1)
//	r owner hash            → uint8 1, uint64 size, int64 stored, int64 ttl, seed
//	e expiry owner hash     → nothing; expiry = stored + ttl, only if ttl > 0
//	t owner hash            → tags: 1 byte to 8 MiB, opaque; only beside an r
//	i hash                  → nothing: an intent, see below
//	u                       → uint64 bytes, objects (c), records (r)
//
// # Order of writes
//
// An intent says that a content file may be there without a c entry. Storing
// new data: write and flush the file in tmp, commit the intent, rename the file
// into its folder, flush the folder, then commit c, r, e, u and the end of the
// intent in one batch; then acknowledge. Removing: commit the end of c, r, t,
// e, the new u and an intent in one batch; unlink; flush the folder; end the
// intent. A start unlinks what intents without a c entry name, and so never has
// to look through the folders.
//
// Tags are one value in the database and no file, so that they end in the same
// batch as their claim. They are acknowledged once their batch is on disk; a
// claim that is stored again keeps them, since its bytes are the same.
//
// A write to the database that fails breaks the store (ErrBroken): what is on
// disk is then known only after opening it again.
package blobstore
