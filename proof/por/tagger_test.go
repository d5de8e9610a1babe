package por_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// Tags must not depend on how the data came.
func TestTaggerTakesPiecesOfAnyLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := some(3, rapid.IntRange(1, 20_000).Draw(t, "size"))
		key := keyOf(data)
		tagger := key.NewTagger(int64(len(data)))
		for rest := data; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if _, err := tagger.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if !bytes.Equal(tagger.Tags(), key.Tags(data)) {
			t.Fatal("other tags")
		}
	})
}
