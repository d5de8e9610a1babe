// Package placement says how a file is cut into chunks, which group of miners
// may hold which chunk, and which miner stands most apart from others. It is
// arithmetic only: whether a miner is alive, full or willing is the caller's to
// find out. Enter at Plan and Apart.
package placement

// Bounds of a chunk in bytes.
const (
	MinChunk = 64 << 20
	MaxChunk = 256 << 20
)

// ChunkSize is the nominal chunk length in bytes for a file of size bytes:
// size / (available / replicas), kept within MinChunk and MaxChunk and never
// above the file's own size. Less than replicas available count as one group.
func ChunkSize(size int64, available, replicas int) int64 {
	if size <= 0 {
		return 0
	}
	groups := max(1, available/max(1, replicas))
	return min(size, max(MinChunk, min(MaxChunk, size/int64(groups))))
}

// Part is a stretch of a file, in bytes.
type Part struct {
	Offset, Length int64
}

// Split cuts size bytes into parts of chunkSize, the last one shorter. The
// parts follow each other without gaps and sum to size; no part is empty, so
// that size 0 gives none. A chunkSize below 1 counts as size.
func Split(size, chunkSize int64) []Part {
	if size <= 0 {
		return nil
	}
	if chunkSize < 1 || chunkSize > size {
		chunkSize = size
	}
	parts := make([]Part, 0, (size-1)/chunkSize+1)
	for left := size; left > 0; {
		length := min(left, chunkSize)
		parts = append(parts, Part{size - left, length})
		left -= length
	}
	return parts
}

// Groups cuts miners into groups of replicas in their order; those that fill
// no group are left out. Fewer miners than replicas form one smaller group, so
// that the shortage shows when the chunk is stored; none form none.
func Groups[M any](miners []M, replicas int) [][]M {
	if len(miners) == 0 {
		return nil
	}
	replicas = min(max(1, replicas), len(miners))
	groups := make([][]M, 0, len(miners)/replicas)
	for i := 0; i+replicas <= len(miners); i += replicas {
		groups = append(groups, miners[i:i+replicas:i+replicas])
	}
	return groups
}

// Placed is one chunk and the miners meant to hold it.
type Placed[M any] struct {
	Part
	Miners []M
}

// Plan splits a file and gives chunk i to group i mod groups. Every byte of
// the file is in exactly one chunk; without miners the chunks have none.
func Plan[M any](size, chunkSize int64, miners []M, replicas int) []Placed[M] {
	parts, groups := Split(size, chunkSize), Groups(miners, replicas)
	plan := make([]Placed[M], len(parts))
	for i, part := range parts {
		plan[i].Part = part
		if len(groups) > 0 {
			plan[i].Miners = groups[i%len(groups)]
		}
	}
	return plan
}
