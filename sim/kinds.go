package sim

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/filetao/filetao/proof/por"
)

// Class is what is promised of a kind of miner.
type Class string

// The classes. Of the neither honest nor cheating only the numbers are shown.
const (
	Honest Class = "honest" // climbs, keeps its tier
	Cheat  Class = "cheat"  // under 1 % of a steady miner's incentive in time, see Kind.Within
	Shown  Class = "shown"  // no promise
)

// Kind is a way to be a miner. A miner of the zero Kind does all it should.
type Kind struct {
	Name, What string
	Class      Class
	// Within is how long a cheater may take to sink; 0 is a day. Who lacks one datum
	// of a hundred is a steady miner in the eyes of the validators that have not come
	// upon one of those yet, and by then these may be more than half. One that is
	// silent about it has no debt, but what it earned before, which fades.
	Within time.Duration

	slow  float64 // times the others' seconds; 0 is 1
	lost  float64 // share of exchanges that get no answer
	drops float64 // chance that a datum is not kept at all
	lacks float64 // share that is missing of each datum kept
	// reference: it takes no native audits and is challenged in the reference's
	// way. withholds: it passes challenges and gives nothing back. silent: it
	// does not answer what it would fail.
	reference, withholds, silent bool
	downEvery, downFor           time.Duration // how often it is down for how long
	joins                        bool          // takes over a UID in the first days
	renews                       time.Duration // comes back under a new hotkey so often
	turns                        time.Duration // honest until then
	rots                         time.Duration // loses one datum of each validator's so often, on average
}

// Kinds are all there are; the first is the steady miner, which all others are
// compared with.
func Kinds() []Kind {
	return []Kind{
		{Name: "steady", What: "keeps everything, answers everything", Class: Honest},
		{Name: "new", What: "steady, takes over a UID within the first three days", Class: Honest, joins: true},
		{Name: "slow", What: "takes four times the seconds", Class: Honest, slow: 4},
		{Name: "flaky", What: "1 exchange in 50 gets no answer", Class: Honest, lost: 0.02},
		{Name: "rebooting", What: "down for 10 minutes every day", Class: Honest, downEvery: 24 * time.Hour, downFor: 10 * time.Minute},
		{Name: "outage", What: "down for an hour every three days", Class: Shown, downEvery: 72 * time.Hour, downFor: time.Hour},
		{Name: "rots", What: "loses one datum of each validator's in a fortnight", Class: Honest, rots: 14 * 24 * time.Hour},
		{Name: "chooser", What: "keeps 99 data of 100, whole; is silent about the others", Class: Cheat, Within: 96 * time.Hour, drops: 0.01, silent: true},
		{Name: "new-face", What: "keeps nothing, comes back under a new hotkey every 12 hours", Class: Shown, drops: 1, renews: 12 * time.Hour},
		{Name: "drops-1-of-100", What: "keeps 99 data of 100, whole", Class: Cheat, Within: 96 * time.Hour, drops: 0.01},
		{Name: "keeps-9-of-10", What: "keeps nine data of ten, whole", Class: Cheat, drops: 0.1},
		{Name: "dropper-1%", What: "lacks 1 % of each datum; native audits", Class: Cheat, lacks: 0.01},
		{Name: "dropper-10%", What: "lacks 10 % of each datum; native audits", Class: Cheat, lacks: 0.10},
		{Name: "dropper-1%-ref", What: "lacks 1 % of each datum; the reference's challenges", Class: Cheat, lacks: 0.01, reference: true},
		{Name: "dropper-10%-ref", What: "lacks 10 % of each datum; the reference's challenges", Class: Cheat, lacks: 0.10, reference: true},
		{Name: "fabricator", What: "keeps nothing, answers anything at once", Class: Cheat, drops: 1, slow: 0.2},
		{Name: "mute", What: "keeps nothing, answers no audit", Class: Cheat, drops: 1, silent: true},
		{Name: "hoarder", What: "passes challenges, is silent when asked for the data", Class: Cheat, withholds: true, silent: true},
		{Name: "keeps-half", What: "keeps every second datum, whole", Class: Cheat, drops: 0.5},
		{Name: "twins", What: "three hotkeys over one disk: keeps every third datum", Class: Cheat, drops: 2.0 / 3},
		{Name: "turncoat", What: "steady for two days, then lacks 1 %; the reference's challenges", Class: Cheat, lacks: 0.01, reference: true, turns: 48 * time.Hour},
	}
}

// within is Within with its default, in hours.
func (k Kind) within() float64 {
	if k.Within == 0 {
		return 24
	}
	return k.Within.Hours()
}

// ErrKind says that there is no such kind of cheater.
var ErrKind = errors.New("no such cheater")

// Cheaters are the names of the kinds that may be chosen: all but the honest.
func Cheaters() (names []string) {
	for _, k := range Kinds() {
		if k.Class != Honest {
			names = append(names, k.Name)
		}
	}
	return names
}

// chosen are the honest kinds and those of the names; nil chooses all. It fails
// with ErrKind.
func chosen(names []string) ([]Kind, error) {
	for _, name := range names {
		if !slices.Contains(Cheaters(), name) {
			return nil, fmt.Errorf("%w: %q; there are %s", ErrKind, name, strings.Join(Cheaters(), ", "))
		}
	}
	return slices.DeleteFunc(Kinds(), func(k Kind) bool {
		return k.Class != Honest && names != nil && !slices.Contains(names, k.Name)
	}), nil
}

// passes is the chance to pass a challenge about a datum that was kept, but for
// the share that the kind lacks: the proven bounds. Natively all of 460 blocks,
// or all there are, have to be there; in the reference's way one piece.
func (k Kind) passes(size int64) float64 {
	if k.lacks == 0 {
		return 1
	}
	blocks := int64(1)
	if !k.reference {
		blocks = min(por.Sample, por.Blocks(size))
	}
	return math.Pow(1-k.lacks, float64(blocks))
}
