package replay

import (
	"cmp"
	"slices"
)

// maxSpans bounds a Spans. Each jump of a clock and each rest between requests
// makes one; the longest gaps are those that stay.
const maxSpans = 64

// Spans is a set of whole numbers that takes little room: what is added stays, and
// when there would be more than 64 spans, the two with the fewest numbers between
// them become one. So it may hold more than was added, never less. The zero value
// is empty.
type Spans struct{ list []span }

// span is from and to and everything between.
type span struct{ from, to int64 }

// Has says whether a number is in the set.
func (s *Spans) Has(n int64) bool {
	_, has := s.at(n)
	return has
}

// at is the span that holds n.
func (s *Spans) at(n int64) (span, bool) {
	i := s.search(n)
	if i < len(s.list) && s.list[i].from <= n {
		return s.list[i], true
	}
	return span{}, false
}

// search is the index of the first span that ends at n or later.
func (s *Spans) search(n int64) int {
	i, _ := slices.BinarySearchFunc(s.list, n, func(x span, n int64) int { return cmp.Compare(x.to, n) })
	return i
}

// Add adds from and to and everything between.
func (s *Spans) Add(from, to int64) {
	first := s.search(from)
	if first > 0 && s.list[first-1].to == from-1 {
		first--
	}
	last := first
	for last < len(s.list) && (s.list[last].from <= to || s.list[last].from-1 == to) {
		from, to = min(from, s.list[last].from), max(to, s.list[last].to)
		last++
	}
	s.list = slices.Replace(s.list, first, last, span{from, to})
	if len(s.list) > maxSpans {
		s.join()
	}
}

// join makes two spans one.
func (s *Spans) join() {
	least := 1
	for i := 2; i < len(s.list); i++ {
		if s.gap(i) < s.gap(least) {
			least = i
		}
	}
	s.list[least-1].to = s.list[least].to
	s.list = slices.Delete(s.list, least, least+1)
}

// gap is how many numbers are between a span and the one before, and one.
func (s *Spans) gap(i int) uint64 { return uint64(s.list[i].from) - uint64(s.list[i-1].to) }

// upTo is the part of a set that is not above n.
func (s *Spans) upTo(n int64) Spans {
	var part Spans
	for _, x := range s.list {
		if x.from <= n {
			part.list = append(part.list, span{x.from, min(x.to, n)})
		}
	}
	return part
}

// addAll adds another set.
func (s *Spans) addAll(other Spans) {
	for _, x := range other.list {
		s.Add(x.from, x.to)
	}
}

// clone is a copy that changes on its own.
func (s *Spans) clone() Spans { return Spans{slices.Clone(s.list)} }
