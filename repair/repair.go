package repair

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/internal/cycle"
	"github.com/filetao/filetao/internal/lifecycle"
	"github.com/filetao/filetao/placement"
	"github.com/filetao/filetao/wallet"
)

// ErrNotReady says that the metagraph has not been read yet.
var ErrNotReady = errors.New("the metagraph has not been read yet")

// Deps are what an Engine works with. Their owner closes them.
type Deps struct {
	// Fleet asks the miners; the engine has it exclude those that leave.
	Fleet *fleet.Fleet
	Index *index.Index
	// Key is the validator's hotkey, which signs receipts.
	Key *wallet.Keypair
	// Metagraph is the newest view of the subnet, nil before there is one.
	Metagraph func() *chain.Metagraph
	// Now is the clock of all that is kept; nil means time.Now.
	Now func() time.Time
	// Log and Metrics may be nil.
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Engine repairs. It is safe for concurrent use.
type Engine struct {
	cfg     Config
	deps    Deps
	log     *slog.Logger
	metrics *metrics

	health    *health
	drains    *drains
	suspects  *suspects
	queue     *queue
	busy      *busy
	census    *census
	bandwidth *pace // bytes
	scanning  *pace // segments and chunks looked at
	tellers   *tellers

	loops map[string]*cycle.Loop

	chunks *semaphore.Weighted // bytes of chunks in memory

	looking sync.Mutex       // guards known, and held during a look
	known   []wallet.Address // who held anything when the miners were pinged last

	loading sync.Mutex // guards loaded
	loaded  bool

	reading sync.Mutex // guards part, and held during a part of the scan
	part    int        // the next one
}

// New makes an engine. Nothing runs yet.
func New(cfg Config, deps Deps) *Engine {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	log := deps.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	cfg = cfg.withDefaults()
	e := &Engine{
		cfg: cfg, deps: deps, log: log, health: newHealth(), drains: newDrains(), suspects: newSuspects(),
		queue: newQueue(cfg.Retry, cfg.MaxRetry), busy: newBusy(), census: &census{},
		bandwidth: newPace(cfg.Bandwidth), scanning: newPace(cfg.ScanRate), tellers: newTellers(cfg.Retry, cfg.MaxRetry),
		chunks: semaphore.NewWeighted(placement.MaxChunk),
	}
	e.metrics = newMetrics(deps.Metrics, e)
	deps.Fleet.Exclude(e.drains.leaves)
	e.loops = map[string]*cycle.Loop{
		"look":       cycle.New(cfg.LookPeriod, e.logged("look", e.Look)),
		"scan":       cycle.New(max(1, cfg.ScanPeriod/scanParts), e.logged("scan", e.scanNext)),
		"distribute": cycle.New(cfg.DistributePeriod, e.logged("distribute", e.Distribute)),
		"upkeep":     cycle.New(cfg.UpkeepPeriod, e.logged("upkeep", e.Upkeep)),
		"sweep":      cycle.New(cfg.SweepPeriod, e.logged("sweep", e.Sweep)),
		"drops":      cycle.New(cfg.DropPeriod, e.logged("drops", e.TellDrops)),
		"damage":     cycle.New(cfg.DamagePeriod, e.logged("damage", e.AskDamage)),
	}
	return e
}

// Loop is one of the engine's periodic tasks, to be paused and triggered: look,
// scan (one part), distribute, upkeep, sweep, drops or damage. Nil for another name. What a
// triggered one fails with is logged and not returned.
func (e *Engine) Loop(name string) *cycle.Loop { return e.loops[name] }

// Run repairs until ctx ends. It fails when its state cannot be read at the start;
// what fails later is logged and tried again.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.load(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	g := lifecycle.New(e.log)
	for name, l := range e.loops {
		g.Add(name, l.Run)
	}
	g.Add("start", e.begin)
	g.Add("suspects", e.assessAll)
	for n := range e.cfg.Parallel {
		g.Add(fmt.Sprint("worker ", n), func(ctx context.Context) error {
			e.work(ctx, true)
			return nil
		})
	}
	return g.Run(ctx)
}

// begin looks at the miners as soon as there is a metagraph, and at everything once:
// what happened while nobody looked is not to wait for the scan's pace.
func (e *Engine) begin(ctx context.Context) error {
	look := e.logged("look", e.Look)
	for look(ctx) == nil && !e.census.ready() {
		timer := time.NewTimer(startPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
	scan := e.logged("scan", e.scanNext)
	for range scanParts {
		if err := scan(ctx); err != nil || ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// startPause is how long a metagraph is waited for at a time.
const startPause = time.Second

// logged has a failure of a task be logged: the next time it is tried again.
func (e *Engine) logged(what string, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := do(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ErrNotReady) {
			e.log.Error("repair: "+what+" failed", "err", err)
		}
		return nil
	}
}

// Pass is everything once: a look at the miners' health, a scan of all that is
// kept, and the work that is due by that, until there is none that can be done now.
// What a miner does wrong is no error.
func (e *Engine) Pass(ctx context.Context) error {
	if err := e.Look(ctx); err != nil {
		return err
	}
	if err := e.assessNow(ctx); err != nil {
		return err
	}
	for range scanParts {
		if err := e.scanNext(ctx); err != nil {
			return err
		}
	}
	var wg sync.WaitGroup
	errs := make([]error, e.cfg.Parallel)
	for n := range errs {
		wg.Go(func() { errs[n] = e.work(ctx, false) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// work does what is due, the most urgent first, and waits for more, or, if it is
// not to wait, returns with what went wrong on our side.
func (e *Engine) work(ctx context.Context, wait bool) error {
	var errs []error
	for {
		j, ok := e.queue.pop(ctx, wait)
		if !ok {
			return errors.Join(append(errs, ctx.Err())...)
		}
		within, cancel := context.WithTimeout(ctx, e.cfg.JobTimeout)
		err := e.do(within, j)
		cancel()
		e.queue.done(j, err != nil, e.deps.Now())
		switch {
		case err == nil || ctx.Err() != nil:
		case errors.Is(err, errStuck), errors.Is(err, fleet.ErrShort), errors.Is(err, fleet.ErrLost), errors.Is(err, fleet.ErrMissing), errors.Is(err, context.DeadlineExceeded):
			e.metrics.failures.Inc()
			e.log.Warn("repair is not possible at present", "kind", j.kind, "id", j.id, "margin", j.margin, "err", err)
		default:
			e.metrics.failures.Inc()
			errs = append(errs, err)
			e.log.Error("repair failed", "kind", j.kind, "id", j.id, "margin", j.margin, "err", err)
		}
	}
}

// do brings one thing to what it should be.
func (e *Engine) do(ctx context.Context, j job) error {
	if j.kind == index.KindShard {
		return e.repairSegment(ctx, j.id)
	}
	return e.repairChunk(ctx, j.id)
}

// errStuck says that no miner can be found that might take what is missing.
var errStuck = errors.New("no miner is free that holds nothing of it yet")
