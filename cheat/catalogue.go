package cheat

// Protocol is how a miner has itself audited.
type Protocol string

// Protocols. A miner of ours takes tags and answers native audits; one of the
// reference's answers 404 to both and is challenged.
const (
	Native    Protocol = "native"
	Reference Protocol = "reference"
)

// Protocols are all of them.
func Protocols() []Protocol { return []Protocol{Native, Reference} }

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
	most  int // audits worth asking for; 0: no limit
}

// kind says in what arena a cheater plays. Those of a kind and a protocol share
// one.
type kind int

const (
	holding  kind = iota // what it holds is in question: patient timeouts
	owing                // the same, where a settled audit takes several steps
	together             // several miners of one owner, all of which get all data
	long                 // data of more blocks than an audit asks for
	hostile              // breaks the wire: short timeouts
	slow                 // uses timeouts up
	fresh                // takes a UID over: a full subnet
)

// protocols are those in which there is something to see: only native audits
// sample blocks.
func (k kind) protocols() []Protocol {
	if k == long {
		return []Protocol{Native}
	}
	return Protocols()
}

// Catalogue lists all cheaters, by number.
func Catalogue() []Cheater {
	const bound = "passes no more than the bound; fails every retrieval"
	return []Cheater{
		{1, "fabricator", "stores nothing, invents answers, signs them or not", "fails all", one(fabricator), failsAll, holding, 0},
		{2, "midstate keeper", "keeps hash state and tags, drops the data, invents it", "fails all", one(midstateKeeper), failsAll, holding, 0},
		{3, "dropper 1%", "lacks 1 % of each datum, keeps all tags", bound, one(dropper(0.01)), withinBound, holding, 0},
		{3, "dropper 10%", "lacks 10 % of each datum, keeps all tags", bound, one(dropper(0.10)), withinBound, holding, 0},
		{3, "dropper 50%", "lacks 50 % of each datum, keeps all tags", bound, one(dropper(0.50)), withinBound, holding, 0},
		{3, "dropper 1%, long", "the same, data of some 900 blocks", bound, one(dropper(0.01)), withinBound, long, 200},
		{4, "bit-rot", "one flipped bit in each datum", bound, one(bitRot), withinBound, holding, 0},
		{4, "bit-rot, long", "the same, data of some 900 blocks", bound, one(bitRot), withinBound, long, 200},
		{5, "replayer", "drops a datum after one honest answer and sends that again", "fails all", one(replayer), failsAll, owing, 0},
		{6, "swapper", "answers with another datum it holds, and its tags", "fails all", one(swapper), failsAll, holding, 0},
		{7, "twins", "three hotkeys over one stored copy", "only the one copy passes", twins, onlyOneCopy, together, 0},
		{8, "relay", "stores tags only, its data at another miner of its owner", "measured", relay, measured, together, 0},
		{9, "hoarder", "passes audits, withholds on retrieve", "fails its first retrieval", one(hoarder), failsRetrieval, holding, 0},
		{10, "vandal", "malformed, oversized, endless and non-canonical answers", "fails all, validator unharmed", one(vandal), unharmed, hostile, 300},
		{11, "late", "answers after the limit, drips bytes, or hangs up", "fails all, at the limit", one(late), inTime, slow, 24},
		{12, "thief", "sends another miner's answer as its own", "fails all", thief, failsAll, holding, 0},
		{13, "new face", "replaces a UID to inherit its score", "starts from zero", newFace, startsFromZero, fresh, 100},
		{14, "chooser", "keeps every second datum, is silent about the others", "fails by repetition", one(chooser), settledBySilence, owing, 0},
	}
}

// wanted is how many settled audits are worth asking for of those wanted.
func (c Cheater) wanted(challenges int) int {
	if c.kind == slow {
		challenges = max(1, challenges/5) // each takes four times the limit
	}
	if c.most > 0 {
		return min(challenges, c.most)
	}
	return challenges
}

// Protocols are those in which it plays.
func (c Cheater) Protocols() []Protocol { return c.kind.protocols() }

// one is a cheater that is a single axon.
func one(make func(*axon) trick) func(*arena) []*axon {
	return func(a *arena) []*axon {
		x := a.axon("")
		x.trick = make
		return []*axon{x}
	}
}
