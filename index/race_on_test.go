//go:build race

package index

const (
	// underRace says that pebble's own checks are compiled in, as they are with
	// the race detector.
	underRace = true
	// EveryFault is at which disk operations crashes and faults are tried: one
	// takes some twenty times as long here, and all are tried without.
	EveryFault = 16
)
