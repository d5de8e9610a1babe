//go:build race

package index

// underRace says that pebble's own checks are compiled in, as they are with the
// race detector.
const underRace = true
