package wire

import "context"

type memoryKey struct{}

// WithMemory gives handlers a budget for the bytes of their answers: a
// transport's server calls it, Reserve draws on it.
func WithMemory(ctx context.Context, reserve func(ctx context.Context, bytes int64) error) context.Context {
	return context.WithValue(ctx, memoryKey{}, reserve)
}

// Reserve waits until the server has room for so many more bytes of answer in
// memory; a handler calls it before it reads a large datum. What was reserved
// is free again when the answer is out. It fails with 503 when there is no
// room before the deadline. Without a budget in ctx it does nothing.
func Reserve(ctx context.Context, bytes int64) error {
	if reserve, ok := ctx.Value(memoryKey{}).(func(context.Context, int64) error); ok {
		return reserve(ctx, bytes)
	}
	return nil
}
