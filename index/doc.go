// Package index is what a validator and its gateways know about the data of
// the network: users' files and the chunks they are cut into; their objects and the
// coded segments these are made of; who holds what and with which seeds, and what
// it still has to be told to drop; the audit records that miners' answers are held
// against, their trials and statistics, and small named states. It holds no user
// data itself but objects so small that they are in their manifests, talks to no
// miner, and proves nothing: whoever calls PutAudited has verified the
// holder's proof first, and what an audit record says is package proof/audit's.
//
// Enter at Open (the embedded store, one process) or at index/redis (one index
// for several processes). Both are a KV, the small interface everything else is
// written over, and both pass index/indextest.
//
// # Keys
//
// The store is a map of groups; a group is a map of fields to values, in Redis
// one hash "filetao:<group>". What stands in braces is the hash tag of Redis
// Cluster. A group changes atomically, nothing spans two groups. Embedded, a
// field's key is the group, a zero byte, and the field.
//
//	group             field                   value
//	file:{<cid>}      file                    File
//	file:{<cid>}      owners                  {"v","owners","token"}: their number
//	file:{<cid>}      owner:<ss58>            Ownership, "token"
//	chunk:{<hash>}    file:<cid>:<token>      {"v","size","since"}: a file refers to the chunk
//	chunk:{<hash>}    holder:<ss58>:<token>   {"v","size","since"}: a miner holds it
//	random:{<hash>}   holder:<ss58>:<token>   the same for a validator's random datum
//	segment:{<id>}    segment                 a Segment, without "token"
//	segment:{<id>}    latest                  {"v","latest"}: another one with each reference of the two kinds below, and with a shard's in a Life
//	segment:{<id>}    ended                   {"v","ended","at"}: another one with each end of the segment; stays when that has gone
//	segment:{<id>}    upload:<up>:<token>     {"v","size","since","index"}: an upload has it in that place; size 0
//	segment:{<id>}    object:<obj>:<token>    {"v","size","since"}: an object has it; size 0
//	segment:{<id>}    holder:<ss58>:<token>   {"v","size","since","going"}: a miner holds a shard; going: not any more
//	upload:{<up>}     segment:<8 hex digits>  a Segment in the place of that number, with the "token" of its reference
//	upload:{<up>}     touched                 {"v","started","touched","token","lead","segments","bytes"}: token is its latest segment's
//	objects:{<ss58>}  object:<cid>            Object, "segments": their number, "token"
//	objects:{<ss58>}  manifest:<cid>          the signature, 64 bytes, and the manifest's bytes
//	objects:{<ss58>}  segments:<cid>          the segments' IDs in order, 32 bytes each; not there if there is none
//	objects:{<ss58>}  left:<cid>              the IDs of segments that objects of that CID had and have no more, 32 bytes each: to be ended
//	objects:{<ss58>}  gone:<cid>              {"v","at","until","manifest"}: what is left of one that was removed
//	objects:{<ss58>}  change:<cid>            {"v","since","token"}: it has changed since it was backed up
//	objects:{<ss58>}  usage:<x>               {"v","bytes","objects","segments","changes"}: what the objects take of which FNV-1a of the CID, 32 bits, ends in x
//	objects:{<ss58>}  upload:<id>:<token>     {"v","size","since"}: the owner has that upload, whose "lead" is token; size 0
//	objects:{<ss58>}  file:<cid>:<token>      {"v","size","since"}: the owner has that file, whose ownership's token it is; size: that it takes on all disks
//	news:{<x>}        change:<obj>            a copy of a mark, of objects of which FNV-1a of <obj>, 32 bits, ends in x; see News
//	audit:{<token>}   record                  a holding's audit record, bytes
//	audit:{<token>}   of                      {"v","holder","hash","since"}: whose it is
//	holder:{<ss58>}   user:<hash>             Holding, "at", "sent", "lost", "token", "audit", "slot"
//	holder:{<ss58>}   random:<hash>           the same for a random datum
//	holder:{<ss58>}   shard:<id>              the same for a shard, whose "number" it says; no seeds, no "audit"
//	holder:{<ss58>}   drop:<replica>          {"v","until","since"}: it has to drop that; until: when it does so by itself, year 1: never
//	holder:{<ss58>}   slot:<16 hex digits>    the field of the holding in that slot, as plain text
//	holder:{<ss58>}   total                   {"v","holdings","bytes"}
//	trials:{<ss58>}   trial:<nn>              Trial, in one of MaxTrials places: its ID modulo these
//	trials:{<ss58>}   last                    {"v","id","registered_at"}: the ID of the latest; the registration they are of
//	trials:{<ss58>}   pending                 Pending
//	stats:{<ss58>}    stats                   Stats
//	state:{<name>}    state                   the caller's bytes
//
// <hash> is H(E) in decimal, <id> a segment's ID and <replica> the hash of the bytes
// that a miner has, both in decimal too; <cid> and <ss58> are in their usual text
// form, <token> is 16 hex digits, <up> is <ss58>/<32 hex digits> and <obj> is
// <ss58>/<cid>, with their owner's address. A Segment is stored as {"v","id",
// "owner","upload","index","size","root","data","total","secret"}. Values are JSON objects with "v": 1; unknown
// fields, another version, or more than MaxValue bytes are an error. Times are
// RFC 3339 in UTC, "ttl_ns" counts nanoseconds, "at" and "lost" are Unix seconds.
// An audit record has at most audit.MaxRecord bytes, and no more than 7,920 for
// data of up to 64 MiB.
//
// # Truths and references
//
// A file is there when its group has "file", a holding when the holder's group
// has it: those two are the truths, each one commit. What stands under chunk:
// and random: only leads back to them, and counts only while the truth it
// names exists and carries the same token. So the order is:
//
//   - to put: references under a fresh token, then the truth; a file becomes
//     visible last and at once, with its first owner;
//   - to remove: the truth, then the references with its token; a file becomes
//     invisible first.
//
// An audit record is led to the other way round and by the same rule: it is
// written whole under a fresh token, then the holding names that token as its
// "audit", and when the holding has gone or names another the record is deleted.
// So a holding and its record change in one commit, and whoever lists holdings
// reads no records.
//
// A token is committed into at most one truth, and what carries it goes only
// after that truth has gone or names it no more. So no interleaving of writers,
// and no crash between two steps, shows a file or holder that is not there or
// hides one that is, or shows a holding from PutAudited without its audit
// record. What a crash can leave is references without a truth and audit records
// without a holding: never shown, taken away by Sweep.
//
// # Segments
//
// By the same rule an object is there when its owner's group has it, and a segment
// is an upload's when the upload's group says so; what stands under segment: leads
// back to these. A segment is there as long as one of them has it. Who puts it into
// its upload writes the segment with the reference, so it is there before the
// upload has it; who puts an object refers to segments that are there, or does not
// come about; and the upload ends after its object has begun. So from the first
// acknowledged PutSegment on until the last object is removed no moment, and no
// crash, leaves a segment that is needed without a reference.
//
// Who ends a segment (EndSegment, Sweep) looks at "latest" first and at the
// references after, and deletes the segment only if latest is still the same: a
// reference that came meanwhile has changed it. With the segment, in one commit, or
// as long as there is none, its shards' references are marked as going, from when on
// they do not count whatever comes. Then a holding turns into a drop in one commit
// if it still has the token of the reference, together with others of its holder's.
// A shard that is put again has a fresh one.
//
// The miners are told of these drops at once, and what they are told to drop may be
// what another put has been given receipts for and has not put yet. So the same
// commit leaves a fresh token under "ended", and whoever has miners hold shards
// looks at it (Index.Life) before the first of them can sign. Segment and shards are
// put only as long as it is that one, or has been swept (ErrEnded): the segment in one
// commit with the check; a shard's reference in one with it that changes latest, so
// that an end comes before, or marks it. A holding whose reference is marked before
// it is there does not count, and does not take the place of one that was put after
// the end. What drops a single shard instead says from when on its miner may be told
// (DropSeen, ReplaceShard, PutDrop).
//
// Which segments may have lost their need with an object's end, or as another took
// its place, is listed under "left:" in the commit that made it so. So whoever ends
// them (EndLeft) may be killed at any instant, and somebody else goes on.
//
// So put a segment before its shards, and of a segment that came back count with
// what Shards says afterwards. Whoever builds an index anew from manifests and from
// what miners say may put shards at any time; segments before the objects they
// belong to, whose uploads end with them; and sweeps last.
//
// # Seeds
//
// A miner makes the seed of a question its own when it answers, also when the
// answer is lost. So a seed is recorded before it is sent (SendSeed), and stays
// one that the miner may have until an answer shows what has become of it
// (ConfirmSeed). That answer leaves only its own seed, unless other questions
// were under way at most Linger before: these may be answered in any order, and
// side by side. A question that surely did not reach the miner is taken back
// (UnsendSeed). At most MaxSent are kept; when there are more the oldest are
// dropped, and Seeds says that it does not know All until a seed that was sent
// Linger later is confirmed.
//
// A holder's holdings fill the slots 0 … n-1 without gaps (the last one moves
// into a slot that falls free), so that RandomHolding is exact and fair
// however many there are.
package index
