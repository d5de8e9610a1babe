package por

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/filetao/filetao/proof"
)

// No honest miner is failed. FILETAO_AUDIT_ROUNDS=1000000 makes it the promised
// number of rounds, which takes minutes. Data is of 1 byte to 128 KiB, half of
// it below 512 bytes, and every hundredth of up to 4 MiB, which has more blocks
// than are asked for.
func TestHonestRounds(t *testing.T) {
	rounds := 3000
	if text := os.Getenv("FILETAO_AUDIT_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewChaCha8([32]byte{3}))
	source := rand.NewChaCha8([32]byte{4})
	var s stored
	for round := range rounds {
		if round%20 == 0 {
			size := 1 + random.IntN(1<<random.IntN(18))
			if round%2000 == 0 {
				size = 1 + random.IntN(1<<22)
			}
			s = stored{size: int64(size), data: make([]byte, size)}
			source.Read(s.data)
			var secret Secret
			source.Read(secret[:])
			s.key = secret.Key([32]byte{byte(round)}, proof.Sum(s.data), s.size, [16]byte{})
			s.tags = s.key.Tags(s.data)
		}
		var c Challenge
		source.Read(c[:])
		if err := s.key.Check(c, s.size, s.prove(t, c)); err != nil {
			t.Fatalf("round %d, %d bytes: an honest miner failed: %v", round, s.size, err)
		}
	}
}
