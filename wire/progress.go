package wire

import "context"

// Progress is how far a call has come, in bytes of its bodies. A total is 0
// while it is not known.
type Progress struct {
	Sent, SendTotal         int64
	Received, ReceivedTotal int64
}

type progressKey struct{}

// WithProgress has a Transport report on calls made with the context, as their
// bodies move. report is called from goroutines of the call, one at a time, up
// to thousands of times a second; it must not block.
func WithProgress(ctx context.Context, report func(Progress)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// ProgressOf is what a Transport reports to; a function that does nothing where
// nobody asked.
func ProgressOf(ctx context.Context) func(Progress) {
	if report, ok := ctx.Value(progressKey{}).(func(Progress)); ok {
		return report
	}
	return func(Progress) {}
}
