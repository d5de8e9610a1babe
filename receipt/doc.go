// Package receipt is what asker and miner sign in a native audit, and the file
// from which anybody can check afterwards who was right: the dossier; what a miner
// signs of its room; and what a validator signs of a miner that has left. It sends
// and stores nothing, has no clock, and draws nothing: what is random is handed in,
// but for the randomness inside of signatures.
//
// # Statements
//
// A [Pledge] is signed by both: the asker says what it handed over, the miner
// that it has it and will keep it. A [Question] is signed by the asker, an
// [Answer] and an [Offer] by the miner, an [Exit] by the validator. Each has one
// encoding, of a fixed length that begins with a version, and numbers are
// big-endian; everything else is ErrStatement. A pledge about a shard, whose hash is the root of package erasure
// and not H, begins with a 2 instead, so that it never passes as one about a
// replica. The digest of a statement is SHA-256 of its domain, "filetao
// pledge v1" for instance, and its encoding; what is signed is the domain
// followed by the digest.
//
// # One signature never passes as another
//
// The domains differ, and none begins another, so that the text signed of one
// kind of statement is never that of another kind. Nor is it a text that the same
// hotkey signs elsewhere: the HTTP transport's texts begin with a nonce in
// decimal, or with "<Bytes>" before it, and ours begin with a letter f;
// transactions of the development chain begin with "FileTAO", a capital. A
// transaction of the real chain is signed as the 32 bytes of its hash, or with at
// least the 64 bytes of two block hashes in it, and ours have 47 to 51 bytes.
//
// # What a dossier shows
//
// That a miner signed an answer to this very question and that the answer is
// wrong, once the asker has revealed the key of that one replica. It cannot show
// silence: who claims that nothing was answered has nothing to show for it.
//
// An asker that handed out wrong tags could make an honest miner answer wrongly.
// Therefore the pledge has the hash of the tags: a miner that kept them clears
// itself with [CheckTags].
//
// Enter at [Pledge], [Question], [Offer], [Exit] and [Dossier.Judge].
package receipt
