// Package por is a compact proof of retrievability: a miner shows in 4,369
// bytes, whatever the size of the data, that it has all blocks an asker draws.
// It moves no messages, keeps nothing, and has no clock and no randomness: what
// is asked follows from the Challenge, what answers are checked with from the
// Key.
//
// # Scheme
//
// That of H. Shacham and B. Waters, "Compact Proofs of Retrievability"
// (Asiacrypt 2008), with private verification. Data is cut into blocks of
// 4,096 bytes, the last filled up with zeros, and a block into 256 sectors of 16
// bytes, each a little-endian number. All arithmetic is modulo p = 2^130-5. The
// tag of block i, which the miner keeps beside it, is
//
//	sigma_i = f(i) + sum over j of alpha_j * m_ij
//
// with secret alpha_j and a pseudorandom f(i), both of the Key. A challenge
// draws blocks and for each a coefficient nu_i; the answer is
//
//	mu_j = sum over i of nu_i * m_ij        sigma = sum over i of nu_i * sigma_i
//
// and right if sigma = sum of nu_i * f(i) + sum of alpha_j * mu_j. So the asker
// keeps neither data nor tags, and may ask without end.
//
// # What it proves
//
// An answer that passes is the honest one, but with a probability of 2^-128 for
// each attempt: for another mu a forger must name the difference of sigma, which
// has an alpha_j times something that is not zero, and alpha_j is drawn evenly
// from 2^128 and hidden by f in every tag. An attempt that failed rules out one
// value of it, so that attempts may go on without end. Of a block that was made
// up the error is in mu with a coefficient drawn evenly from 2^128 afterwards. So a miner
// that lacks a fraction f of the blocks, or of their tags, passes with at most
//
//	(1-f)^460 + 2^-127
//
// and, where the data has at most 460 blocks, with 2^-127: then all are asked
// for. To lack a block is to lack bytes of it that do not follow from what is
// kept, which the masks of package envelope see to. One byte can be guessed: a
// block that lacks n bytes counts in f as 1-256^-n of a block, and where all are
// asked for, n bytes that are missing altogether are right with 256^-n.
//
// Coefficients and f come from AES-256, so all of this holds as far as AES cannot
// be told from a random permutation. That its outputs never repeat, and that f is
// reduced modulo p, enlarge the probabilities by a factor of less than 1 + 2^-80
// (D. J. Bernstein, "Stronger security bounds for permutations", 2005).
//
// # What it does not prove
//
// The key must be secret: who knows it passes without data. One Key is for one
// sequence of bytes, since tags of two give alpha away; this is why Key takes the
// hash. Nothing is said about where the bytes are, whether another miner has
// them too, or how fast they were read; that replicas differ is for the masks.
// Nothing is zero-knowledge: an answer is a sum of blocks, and as many answers
// about the same blocks as there are blocks are the data. What is shown is shown
// for the moment of the answer.
//
// # Constants
//
//   - 460 blocks: 0.99^460 = 0.0098, so a loss of 1 % is found with 99 %.
//   - 2^130-5, the prime of Poly1305, is above 2^128, so that any 16 bytes are a
//     sector, and cheap to reduce by. A number below it takes 17 bytes.
//   - 4,096 bytes: what disks and file systems read at once. With it a tag is
//     17/4096 = 0.415 % of its block, and an answer (256+1)*17 = 4,369 bytes.
//     Longer blocks would make answers longer, shorter ones tags.
//
// Enter at Secret.Key, Key.Tags, Prove and Key.Check.
package por

import (
	"errors"
	"fmt"

	"github.com/filetao/filetao/proof"
)

const (
	// BlockSize is the length of a block in bytes.
	BlockSize = 4096
	// SectorSize is the length of a sector in bytes.
	SectorSize = 16
	// Sectors is the number of sectors in a block.
	Sectors = BlockSize / SectorSize
	// TagSize is the length in bytes of a tag, and of every number modulo p.
	TagSize = 17
	// ProofSize is the length of an answer in bytes: mu_0 to mu_255 and sigma.
	ProofSize = (Sectors + 1) * TagSize
	// Sample is how many blocks are asked for, of data that has as many.
	Sample = 460
	// MaxData bounds the data that can have tags, in bytes: four times the
	// largest chunk.
	MaxData int64 = 1 << 30
)

var (
	// ErrProof is returned for an answer that is malformed or does not verify.
	// It is a proof.ErrProof.
	ErrProof = fmt.Errorf("%w: no proof of retrievability", proof.ErrProof)
	// ErrInput is returned for data that cannot be audited, since it has no
	// bytes or more than MaxData, and by Prove also for data or tags that
	// cannot be read or are no tags: never the fault of an answer.
	ErrInput = errors.New("por: not auditable")
)

// Blocks is the number of blocks that data of that many bytes has; 0 where it
// can have no tags.
func Blocks(size int64) int64 {
	if checkSize(size) != nil {
		return 0
	}
	return (size + BlockSize - 1) / BlockSize
}

// TagsSize is the length in bytes of the tags of data of that many bytes; 0
// where it can have none.
func TagsSize(size int64) int64 { return Blocks(size) * TagSize }

func checkSize(size int64) error {
	if size <= 0 || size > MaxData {
		return fmt.Errorf("%w: data of %d bytes, must have 1 to %d", ErrInput, size, MaxData)
	}
	return nil
}
