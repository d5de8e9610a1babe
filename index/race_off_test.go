//go:build !race

package index

const (
	underRace = false
	// EveryFault is at which disk operations crashes and faults are tried.
	EveryFault = 1
)
