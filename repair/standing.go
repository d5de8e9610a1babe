package repair

import (
	"cmp"
	"slices"
	"time"

	"github.com/filetao/filetao/erasure"
	"github.com/filetao/filetao/index"
)

// standing is how it stands with what is kept of one thing. Numbers may be beyond
// the scheme's: any Data of them that differ give it back.
type standing struct {
	scheme erasure.Scheme
	sound  []index.Holding // one for each number
	moving []index.Holding // of further numbers, of miners that leave
	over   []index.Holding // further sound ones, the latest first
	ended  []index.Holding // no more needed: others are sound in their place
	broken []index.Holding // not healthy, and not replaced yet
	until  time.Time       // the latest end of any; zero for none
	first  time.Time       // the first end of a sound or moving one; zero for none
}

// standingOf sorts holdings by what they are worth. Those of a chunk are numbered by
// the caller, each with a number of its own.
func standingOf(scheme erasure.Scheme, held []index.Holding, of func(index.Holding) condition, now time.Time) standing {
	s := standing{scheme: scheme}
	held = slices.Clone(held)
	conditions := make(map[holdingName]condition, len(held))
	for _, h := range held {
		c := of(h)
		if h.Expired(now) {
			c = gone
		}
		conditions[holdingName{h.Holder, h.Hash}] = c
		if end := endOf(h, now); end.After(s.until) {
			s.until = end
		}
	}
	condition := func(h index.Holding) condition { return conditions[holdingName{h.Holder, h.Hash}] }
	// The best first, and among equals who has it for longest.
	slices.SortStableFunc(held, func(a, b index.Holding) int {
		return cmp.Or(cmp.Compare(condition(a), condition(b)), a.Stored.Compare(b.Stored))
	})
	have := map[int]bool{} // numbers that are sound
	for _, h := range held {
		switch c := condition(h); {
		case c == sound && have[h.Number]:
			s.over = append(s.over, h)
		case c == sound:
			have[h.Number] = true
			s.sound = append(s.sound, h)
			s.begin(h, now)
		case have[h.Number]:
			s.ended = append(s.ended, h)
		case c == leaving:
			s.moving = append(s.moving, h)
			s.begin(h, now)
		default:
			s.broken = append(s.broken, h)
		}
	}
	return s.enough()
}

// enough ends those that are not needed when as many are sound as the scheme has.
func (s standing) enough() standing {
	if len(s.sound) >= s.scheme.Total {
		s.ended = slices.Concat(s.ended, s.moving, s.broken)
		s.over = slices.Concat(s.over, s.sound[s.scheme.Total:])
		s.sound, s.moving, s.broken = s.sound[:s.scheme.Total], nil, nil
	}
	slices.SortStableFunc(s.over, func(a, b index.Holding) int { return b.Stored.Compare(a.Stored) })
	return s
}

// begin notes when a healthy one ends.
func (s *standing) begin(h index.Holding, now time.Time) {
	if end := endOf(h, now); s.first.IsZero() || end.Before(s.first) {
		s.first = end
	}
}

// forever stands for a time that does not come.
const forever = 100 * 365 * 24 * time.Hour

// endOf is when a holding ends.
func endOf(h index.Holding, now time.Time) time.Time {
	if h.TTL <= 0 {
		return now.Add(forever)
	}
	return h.Stored.Add(h.TTL)
}

// healthy is how many numbers there are healthy ones of.
func (s standing) healthy() int {
	numbers := map[int]bool{}
	for _, h := range slices.Concat(s.sound, s.moving) {
		numbers[h.Number] = true
	}
	return len(numbers)
}

// margin is how many may still be lost.
func (s standing) margin() int { return s.healthy() - s.scheme.Data }

// missing are numbers that nobody has healthy, as many as the scheme lacks.
func (s standing) missing() (numbers []int) {
	have := map[int]bool{}
	for _, h := range slices.Concat(s.sound, s.moving) {
		have[h.Number] = true
	}
	for n := 0; len(have)+len(numbers) < s.scheme.Total; n++ {
		if !have[n] {
			numbers = append(numbers, n)
		}
	}
	return numbers
}

// lost says that fewer are healthy than give the thing back.
func (s standing) lost() bool { return s.margin() < 0 }

// due says that those that are missing are to be made anew, and that they can be, as
// far as is known: one that is broken may still give its bytes.
func (s standing) due() bool {
	healthy := s.healthy()
	return healthy < s.scheme.Total && healthy <= s.scheme.RepairAt() && healthy+len(s.broken) >= s.scheme.Data && healthy+len(s.broken) > 0
}

// surplus are those that may end of which there are more than one of a number.
func (s standing) surplus(cfg Config, now time.Time) []index.Holding {
	if len(s.sound) < s.scheme.Total || len(s.over) <= cfg.Spare {
		return nil
	}
	var late []index.Holding
	for _, h := range s.over[:len(s.over)-cfg.Spare] {
		if now.Sub(h.Stored) >= cfg.SurplusAfter {
			late = append(late, h)
		}
	}
	return late
}

// work says whether there is anything to do about it.
func (s standing) work(cfg Config, now time.Time) bool {
	return s.due() || len(s.moving)+len(s.ended) > 0 || len(s.surplus(cfg, now)) > 0
}
