package cheat

import (
	"context"
	"errors"
	"fmt"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
)

// mostRounds bounds an arena's steps: that many for each audit wanted, and some
// to begin with.
const mostRounds = 6

// play makes steps until every entrant was asked often enough.
func (a *arena) play(ctx context.Context) error {
	if err := a.begin(ctx); err != nil {
		return err
	}
	if a.newcomer != nil {
		if err := a.replace(ctx); err != nil {
			return err
		}
	}
	for range mostRounds*a.cfg.Challenges + 10 {
		if a.enough() {
			break
		}
		if err := a.step(ctx); err != nil {
			return err
		}
	}
	return a.finish(ctx)
}

// begin waits until everybody serves and the validator sees it.
func (a *arena) begin(ctx context.Context) error {
	for _, x := range slices.Concat(a.plain, a.axons) {
		if x == a.newcomer {
			continue
		}
		if err := a.serve(ctx, x); err != nil {
			return fmt.Errorf("%s: %w", x.name, err)
		}
	}
	for _, m := range a.miners {
		select {
		case <-m.Ready():
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return a.until(ctx, func(m *chain.Metagraph) bool {
		serving := 0
		for _, n := range m.Neurons {
			if n.Axon.Serving() {
				serving++
			}
		}
		want := len(a.honest) + len(a.axons)
		if a.newcomer != nil {
			want--
		}
		return serving == want
	})
}

// until waits until the validator's view of the subnet is as wanted.
func (a *arena) until(ctx context.Context, good func(*chain.Metagraph) bool) error {
	tick := time.NewTicker(blockTime)
	defer tick.Stop()
	for {
		if m := a.role.Metagraph(); m != nil && good(m) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// step makes the validator take one step and counts what came of it.
func (a *arena) step(ctx context.Context) error {
	block, err := a.dev.Head(ctx)
	if err != nil {
		return err
	}
	a.seen.reset()
	start := time.Now()
	growth := watchMemory()
	err = a.role.Role.Step(ctx, block)
	grown := growth()
	if err != nil {
		return fmt.Errorf("the validator's step failed: %w", err)
	}
	took := time.Since(start)
	for _, e := range a.entrants {
		e.result.LongestStep = max(e.result.LongestStep, took.Seconds())
		e.result.Growth = max(e.result.Growth, grown)
		for _, x := range e.axons {
			did := a.seen.of(a.uid(x.key.Address()))
			e.count(x, did)
			if err := a.renew(ctx, x, did); err != nil {
				return err
			}
		}
		for _, key := range a.honest {
			e.countHonest(a.seen.of(a.uid(key.Address())))
		}
	}
	return nil
}

// watchMemory begins to watch the memory in use; what it returns ends that and
// says by how much it rose at most.
func watchMemory() func() int64 {
	inUse := func() int64 {
		s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(s)
		return int64(s[0].Value.Uint64())
	}
	start := inUse()
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		peak := start
		for {
			peak = max(peak, inUse())
			select {
			case <-tick.C:
			case <-stop:
				most <- peak - start
				return
			}
		}
	}()
	return func() int64 {
		close(stop)
		return <-most
	}
}

// uid is a hotkey's; -1 for one that is not registered.
func (a *arena) uid(hotkey wallet.Address) int {
	if m := a.role.Metagraph(); m != nil {
		if n, ok := m.ByHotkey(hotkey); ok {
			return int(n.UID)
		}
	}
	return -1
}

// renew has the index forget what a miner cannot be audited about any more in the
// arena's way. A wrong answer to a native audit reveals the key of the tags, and
// the validator would go on with the reference's challenges, in which the cheater
// plays as well; of a reference miner that failed too often nobody can know the
// seed, and it would be asked for the whole datum only. Like this, it is given new
// data in the next steps.
func (a *arena) renew(ctx context.Context, x *axon, did map[validator.Task]deed) error {
	challenge, audited := did[validator.TaskChallenge]
	_, retrieved := did[validator.TaskRetrieve]
	switch {
	case a.protocol == Native && (!audited || challenge.ok):
		return nil
	case a.protocol == Reference && (audited || !retrieved): // not retrieved instead
		return nil
	}
	if _, err := a.index.Pending(ctx, x.key.Address()); !errors.Is(err, index.ErrNotFound) {
		return err // it owes an answer about one of them
	}
	var spent []index.Holding
	for h, err := range a.index.Holdings(ctx, x.key.Address()) {
		if err != nil {
			return err
		}
		fit, err := a.fit(ctx, h)
		if err != nil {
			return err
		}
		if !fit {
			spent = append(spent, h)
		}
	}
	for _, h := range spent {
		if err := a.index.RemoveHolding(ctx, h.Holder, h.Hash); err != nil {
			return err
		}
		if x.forget != nil {
			x.forget(h.Held())
		}
	}
	return nil
}

// fit says whether a holding can be audited in the arena's way.
func (a *arena) fit(ctx context.Context, h index.Holding) (bool, error) {
	if a.protocol == Native {
		return h.Native != nil, nil
	}
	seeds, err := a.index.Seeds(ctx, h.Holder, h.Hash)
	return seeds.All, err
}

// count adds what an axon of the entrant did in a step.
func (e *entrant) count(x *axon, did map[validator.Task]deed) {
	r := &e.result
	p, counted, native := x.chance()
	if d, asked := did[validator.TaskChallenge]; asked && counted {
		r.count(d, p, native)
		x.did.add(d.ok, 0)
	}
	if d, asked := did[validator.TaskRetrieve]; asked {
		r.Retrievals++
		if d.ok {
			r.Retrieved++
		}
		x.did.add(d.ok, 1)
	}
}

// count adds a settled audit that met cheating.
func (r *Result) count(d deed, p float64, native bool) {
	r.Asked++
	r.chances = append(r.chances, p)
	r.times = append(r.times, d.seconds)
	if d.ok {
		r.Passed++
	} else {
		r.failures = append(r.failures, d.said)
	}
	if native {
		r.Native++
	}
}

func (e *entrant) countHonest(did map[validator.Task]deed) {
	r := &e.result
	if d, asked := did[validator.TaskChallenge]; asked {
		r.HonestAsked++
		if d.ok {
			r.HonestPassed++
		}
		r.honestTimes = append(r.honestTimes, d.seconds)
	}
	if d, asked := did[validator.TaskRetrieve]; asked {
		r.HonestAsked++
		if d.ok {
			r.HonestPassed++
		}
	}
}

func (a *arena) enough() bool {
	return !slices.ContainsFunc(a.entrants, func(e *entrant) bool {
		few := e.result.Asked < e.wanted(a.cfg.Challenges)*len(e.axons)
		// Who always owes an answer is asked for no data.
		return few || e.result.Retrievals == 0 && a.kind != slow
	})
}

// finish reads the scores and the records of audits, and judges.
func (a *arena) finish(ctx context.Context) error {
	scores := a.role.Role.Scores()
	score := func(keys ...wallet.Address) (mean float64) {
		n := 0
		for _, k := range keys {
			if uid := a.uid(k); uid >= 0 && uid < len(scores) {
				mean += scores[uid]
				n++
			}
		}
		return mean / max(float64(n), 1)
	}
	var honest []wallet.Address
	for _, k := range a.honest {
		honest = append(honest, k.Address())
	}
	for _, e := range a.entrants {
		var own []wallet.Address
		for _, x := range e.axons {
			own = append(own, x.key.Address())
			e.result.each = append(e.result.each, x.did)
			e.result.silences += x.silences
		}
		e.result.Score, e.result.HonestScore = score(own...), score(honest...)
		for _, hotkey := range slices.Concat(own, honest) {
			if err := a.examine(ctx, &e.result, hotkey); err != nil {
				return err
			}
		}
		e.result.settle(e.Cheater)
	}
	a.finished = true
	return nil
}

// examine judges the last audits of a miner again, from their records alone.
func (a *arena) examine(ctx context.Context, r *Result, hotkey wallet.Address) error {
	trials, err := a.index.Trials(ctx, hotkey)
	if err != nil {
		return err
	}
	for _, t := range trials {
		if !t.Passed && t.Task == string(validator.TaskChallenge) {
			r.tries = append(r.tries, t.Tries)
		}
		if t.Dossier == nil {
			continue
		}
		d, err := receipt.ParseDossier(t.Dossier)
		if err != nil {
			return fmt.Errorf("the record of an audit of %s: %w", hotkey, err)
		}
		finding := d.Judge()
		r.Dossiers++
		switch {
		case finding.Ruling == receipt.Refuted:
			r.refuted = append(r.refuted, finding.Reasons...)
		case finding.Ruling == receipt.Confirmed:
			r.Confirmed++
		case !t.Passed && len(d.Proof) > 0:
			r.refuted = append(r.refuted, "a wrong answer that nobody else can tell to be wrong")
		}
	}
	return nil
}

// errSlot says that the chain gave the newcomer no UID of an honest miner.
var errSlot = errors.New("the newcomer did not replace an honest miner")

// replace has honest miners earn a score and then the newcomer take the UID of
// one of them.
func (a *arena) replace(ctx context.Context) error {
	const earning = 5 // steps
	for range earning {
		if err := a.step(ctx); err != nil {
			return err
		}
	}
	x, victim := a.newcomer, a.honest[0].Address()
	was, scores := a.uid(victim), a.role.Role.Scores()
	if err := a.register(ctx, x.coldkey, x.key); err != nil {
		return err
	}
	err := a.until(ctx, func(m *chain.Metagraph) bool {
		_, ok := m.ByHotkey(x.key.Address())
		return ok
	})
	if err != nil {
		return err
	}
	if now := a.uid(x.key.Address()); now != was || was < 0 || was >= len(scores) {
		return fmt.Errorf("%w: it has UID %d, the miner had %d", errSlot, now, was)
	}
	a.honest = a.honest[1:]
	if err := a.step(ctx); err != nil { // it does not serve yet and earns nothing
		return err
	}
	after := a.role.Role.Scores()
	for _, e := range a.entrants {
		e.result.takenOver, e.result.inherited = scores[was], after[was]
	}
	if err := a.serve(ctx, x); err != nil {
		return err
	}
	return a.until(ctx, func(m *chain.Metagraph) bool {
		n, _ := m.ByHotkey(x.key.Address())
		return n.Axon.Serving()
	})
}

// deed is how a miner did at a task in a step.
type deed struct {
	ok      bool
	seconds float64
	said    string
}

// observer collects a step's events.
type observer struct {
	mu   sync.Mutex // guards seen
	seen map[int]map[validator.Task]deed
}

func newObserver() *observer { return &observer{seen: map[int]map[validator.Task]deed{}} }

func (o *observer) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.seen)
}

func (o *observer) observe(e validator.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e.Task != validator.TaskChallenge && e.Task != validator.TaskRetrieve {
		return
	}
	for i, uid := range e.UIDs {
		at := int(uid)
		if o.seen[at] == nil {
			o.seen[at] = map[validator.Task]deed{}
		}
		o.seen[at][e.Task] = deed{e.Successful[i], e.CompletionTimes[i], e.StatusMessages[i]}
	}
}

func (o *observer) of(uid int) map[validator.Task]deed {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen[uid]
}
