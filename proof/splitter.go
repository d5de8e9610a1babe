package proof

import "crypto/sha3"

// splitter cuts a stream into pieces and hashes each with the seed behind it.
type splitter struct {
	size  int // of a piece, in bytes
	seed  string
	piece *sha3.SHA3 // the piece at hand, when it is hashed alone
	had   int        // bytes of it so far
}

// blockLength is how much data to take at a time for speed: whole fours of
// pieces, about blockBytes together, unless one piece alone is longer.
func (s *splitter) blockLength() int {
	if s.size > blockBytes {
		return blockBytes
	}
	four := sha3Lanes * s.size
	return max(1, blockBytes/four) * four
}

// take returns H(piece || seed) of the pieces that data ends.
func (s *splitter) take(data []byte) (sums [][32]byte) {
	for len(data) > 0 {
		if s.had == 0 && len(data)/sha3Lanes >= s.size {
			var four [sha3Lanes][]byte
			for i := range four {
				four[i], data = data[:s.size], data[s.size:]
			}
			for _, sum := range sumFour(four, []byte(s.seed)) {
				sums = append(sums, sum)
			}
			continue
		}
		if s.piece == nil {
			s.piece = sha3.New256()
		}
		n := min(s.size-s.had, len(data))
		s.piece.Write(data[:n])
		if s.had += n; s.had == s.size {
			sums = append(sums, s.end()...)
		}
		data = data[n:]
	}
	return sums
}

// end returns the hash of the piece at hand, if any, which ends here.
func (s *splitter) end() [][32]byte {
	if s.had == 0 {
		return nil
	}
	s.piece.Write([]byte(s.seed))
	sum := finish(s.piece)
	s.piece.Reset()
	s.had = 0
	return [][32]byte{sum}
}
