package cheat

// Cheater is a dishonest miner and what is required of the validator. One that
// cheats to several degrees is several Cheaters of the same number.
type Cheater struct {
	Number int
	Name   string
	// What it does, and what has to come of it.
	What, Required string

	play  func(*arena) []*axon // makes its axons in an arena
	judge func(*Result) (reason string, ok bool)
	kind  kind
	most  int // challenges worth asking; 0: no limit
}

// kind says in what arena a cheater plays. Those of a kind share one.
type kind int

const (
	holding  kind = iota // what it holds is in question: patient timeouts
	together             // several miners of one owner, all of which get all data
	hostile              // breaks the wire: short timeouts
	slow                 // uses timeouts up
	fresh                // takes a UID over: a full subnet
)

// Catalogue lists all cheaters, by number.
func Catalogue() []Cheater {
	const bound = "passes no more than (1-f)^c + 2^-80; caught at the first retrieval"
	return []Cheater{
		{1, "fabricator", "stores nothing, invents piece, tree and chain text", "fails all", one(fabricator), failsAll, holding, 0},
		{2, "midstate keeper", "keeps the hash state, drops the data, invents pieces", "fails all", one(midstateKeeper), failsAll, holding, 0},
		{3, "dropper 1%", "lacks 1 % of each datum", bound, one(dropper(0.01)), withinBound, holding, 0},
		{3, "dropper 10%", "lacks 10 % of each datum", bound, one(dropper(0.10)), withinBound, holding, 0},
		{3, "dropper 50%", "lacks 50 % of each datum", bound, one(dropper(0.50)), withinBound, holding, 0},
		{4, "bit-rot", "one flipped bit in each datum", bound, one(bitRot), withinBound, holding, 0},
		{5, "replayer", "drops a datum after one honest answer and sends that again", "fails all", one(replayer), failsAll, holding, 0},
		{6, "swapper", "answers with another datum it holds", "fails all", one(swapper), failsAll, holding, 0},
		{7, "twins", "three hotkeys over one stored copy", "only the one copy passes", twins, onlyOneCopy, together, 0},
		{8, "relay", "stores nothing, fetches from another miner when asked", "measured", relay, measured, together, 0},
		{9, "hoarder", "passes challenges, withholds on retrieve", "fails its first retrieval", one(hoarder), failsRetrieval, holding, 0},
		{10, "vandal", "malformed, oversized, endless and non-canonical answers", "fails all, validator unharmed", one(vandal), unharmed, hostile, 60},
		{11, "late", "answers after the limit, or drips bytes", "fails all, at the limit", one(late), inTime, slow, 6},
		{12, "thief", "replays another miner's answer as its own", "fails all", thief, failsAll, holding, 0},
		{13, "new face", "replaces a UID to inherit its score", "starts from zero", newFace, startsFromZero, fresh, 10},
	}
}

// gap is why this version does not reach what is required of it for a cheater,
// "" when it does. A cheater with a gap that is not refused is reported as not
// yet refused, which is no pass; the rest of the code knows of no exceptions.
func gap(number int) string {
	if number == 7 {
		return "replicas of a datum are the same bytes on every miner: there are no masked replicas yet"
	}
	return ""
}

// one is a cheater that is a single axon.
func one(make func(*axon) trick) func(*arena) []*axon {
	return func(a *arena) []*axon {
		x := a.axon("")
		x.trick = make
		return []*axon{x}
	}
}
