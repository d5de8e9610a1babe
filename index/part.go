package index

import (
	"context"
	"fmt"
	"iter"
	"strings"
)

// SegmentsFrom is AllSegments for those whose ID begins with some decimal digits,
// so that who goes through all of them can do so in parts, and go on with the part
// where it was stopped. The digits 0 to 9 are all segments, each in one part.
func (x *Index) SegmentsFrom(ctx context.Context, digits string) iter.Seq2[Segment, error] {
	if strings.Trim(digits, "0123456789") != "" {
		return func(yield func(Segment, error) bool) {
			yield(Segment{}, fmt.Errorf("%w: segments from %.20q", ErrInvalid, digits))
		}
	}
	return each(x, ctx, groupsSegment+digits, x.Segment)
}
