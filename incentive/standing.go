package incentive

// Task is what a miner is asked to do that counts in its Standing.
type Task int

// The tasks.
const (
	TaskStore Task = iota
	TaskChallenge
	TaskRetrieve
)

// Standing is what a validator knows of one hotkey over time; what the hotkey
// earned lately is in the Ledger. The zero Standing is that of a hotkey never
// seen. Its JSON is that of the validator's index.
type Standing struct {
	Record
	// Tier is the name of its tier; "" is the lowest's.
	Tier string `json:"tier"`
	// StorageLimit is the tier's in bytes; see Room.
	StorageLimit int64 `json:"storage_limit"`
	// Window is the number of the window that the tallies are of; see Turn.
	Window uint64 `json:"window"`
	// AtStart is how many bytes it held when the window began, Shown how many
	// it has shown it can hold (see the function Shown).
	AtStart int64 `json:"at_start,omitempty"`
	Shown   int64 `json:"shown,omitempty"`
}

// Newcomer is the standing of a hotkey that just got its UID.
func (r Rules) Newcomer(window uint64) Standing {
	lowest := r.Tiers.Named("")
	return Standing{Tier: lowest.Name, StorageLimit: lowest.StorageLimit, Window: window}
}

// Count adds one attempt, and the success if it was one.
func (s *Standing) Count(task Task, ok bool) {
	tally := &s.Store
	switch task {
	case TaskChallenge:
		tally = &s.Challenge
	case TaskRetrieve:
		tally = &s.Retrieve
	}
	tally.Attempts = add(tally.Attempts, 1)
	if ok {
		tally.Successes = add(tally.Successes, 1)
		s.TotalSuccesses = add(s.TotalSuccesses, 1)
	}
}

// leastAttempts is how many attempts a window must have to decide a tier. The
// Wilson score of none is 0.5 and that of one success 0.84: a validator that
// was down over a border would demote everybody.
const leastAttempts = 16

// Turn brings a standing to a window, once, however many lie between: the tier
// is decided, what was shown is brought up to date, and the tallies go to 0.
// A window with fewer than 16 attempts decides nothing and goes on as the next
// one, because the validator was down or has just met the miner: nothing is
// forgotten, so that nobody gains by not being asked. held is how many bytes
// the miner holds now, possession its PossessionRules.Factor. Turn reports
// whether a tier was decided.
func (r Rules) Turn(s *Standing, window uint64, held int64, possession float64) (decided bool) {
	number, over := Turn(s.Window, window)
	s.Window = number
	if !over || s.Sum().Attempts < leastAttempts {
		return false
	}
	tier := r.TierOf(s.Record)
	s.Tier, s.StorageLimit = tier.Name, tier.StorageLimit
	s.Shown = Shown(s.Shown, s.AtStart, held, s.Record, possession)
	s.AtStart = max(0, held)
	s.Store, s.Challenge, s.Retrieve = Tally{}, Tally{}, Tally{}
	return true
}

// Room is how many bytes the miner may hold now, all that it holds already
// included: CapacityRules.Of for its tier. claimed is its own signed claim, 0
// without one.
func (r Rules) Room(s Standing, claimed int64, possession float64) int64 {
	return r.Capacity.Of(r.Tiers.Named(s.Tier).StorageLimit, claimed, s.Shown, possession)
}
