package synapse

import (
	"context"

	"github.com/filetao/filetao/wire"
)

// smallBody is read without asking for memory: connections bound their number.
const smallBody = 64 << 10

// takePublic takes a request for which a signature is enough.
func (x *exchange) takePublic(ctx context.Context, rt route, sess session, c wire.Caller, msg wire.Message) error {
	if err := x.checkLength(rt); err != nil {
		return err
	}
	if err := x.s.nonces.keepIfCheap(sess, x.head.nonce, x.s.door.Standing(c.Hotkey).Registered); err != nil {
		return err
	}
	return x.readBody(msg)
}

// take takes a request of somebody whom the door lets in: at its end the message is
// there, and it has a worker until end. A short body comes before that, so that it
// holds up nobody but its sender while it is on its way. A long one, which may be on
// its way for as long as its sender likes, takes a worker of those for long ones.
func (x *exchange) take(ctx context.Context, rt route, sess session, c *wire.Caller, msg wire.Message) error {
	adm, err := x.admit(x.s.doorOf(rt), sess, c)
	if err != nil {
		return err
	}
	if err := x.checkLength(rt); err != nil {
		return err
	}
	queue, long := x.s.queue, x.r.ContentLength > smallBody
	if long {
		queue = x.s.long
		err = x.share(ctx, c, adm.Standing)
	} else {
		err = x.readBody(msg)
	}
	if err != nil {
		return err
	}
	if err := queue.Wait(ctx, adm.Priority); err != nil {
		return x.noTurn()
	}
	x.ends = append(x.ends, queue.Done)
	x.s.doorOf(rt).Served(c.Hotkey)
	if !long {
		return nil
	}
	if err := x.reserveBody(ctx, x.r.ContentLength); err != nil {
		return err
	}
	return x.readBody(msg)
}

// share waits for the caller's part in those who send long bodies, and in the memory
// for these: see wire.Lanes.
func (x *exchange) share(ctx context.Context, c *wire.Caller, st wire.Standing) error {
	for _, of := range []struct {
		lanes *wire.Lanes
		n     int64
	}{{x.s.senders, 1}, {x.s.parts, x.r.ContentLength}} {
		leave, err := of.lanes.Wait(ctx, c.Hotkey, st, of.n)
		if err != nil {
			return x.noTurn()
		}
		x.ends = append(x.ends, leave)
	}
	return nil
}

// end gives back what take has taken, but for memory, which the answer still needs.
func (x *exchange) end() {
	for _, f := range x.ends {
		f()
	}
}

func (x *exchange) noTurn() error {
	return wire.Unavailable("Response timeout after: %ss", pyFloat(x.head.timeout.Seconds()))
}

// reserveBody is reserve for a request's body. All of them together leave half of
// the memory to answers: what is on its way for long does not keep them waiting.
func (x *exchange) reserveBody(ctx context.Context, n int64) error {
	part := min(n, x.s.maxMemory/2)
	if err := x.s.bodies.Acquire(ctx, part); err != nil {
		return noMemory(n)
	}
	x.ends = append(x.ends, func() { x.s.bodies.Release(part) })
	return x.reserve(ctx, n)
}

// reserve takes n bytes of the server's memory until the answer is out.
func (x *exchange) reserve(ctx context.Context, n int64) error {
	if n <= 0 {
		return nil
	}
	if n > x.s.maxMemory {
		return wire.TooLarge("%d bytes are over what fits into memory.", n)
	}
	if err := x.s.memory.Acquire(ctx, n); err != nil {
		return noMemory(n)
	}
	x.held += n
	return nil
}

func noMemory(n int64) error {
	return wire.Unavailable("No memory for %d bytes before the timeout.", n)
}

// reserveAnswer is what wire.Reserve does in handlers.
func (x *exchange) reserveAnswer(ctx context.Context, n int64) error {
	if err := x.reserve(ctx, n); err != nil {
		return err
	}
	x.reserved += max(n, 0)
	return nil
}
