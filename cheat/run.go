package cheat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
)

// Config says what run it is. Zero values take the defaults.
type Config struct {
	// Challenges is how many settled audits are wanted of each cheater in each
	// protocol. Default 200.
	Challenges int
	// Size is the largest random datum of the validator, in bytes. Default
	// 64 KiB: the miners all share one machine.
	Size int64
	// Long is the median size in bytes of the data of cheaters that are asked
	// for samples of long data. Default 3.75 MB, some 900 blocks.
	Long int64
	// Protocols are those to play; none: all.
	Protocols []Protocol
	// Seed decides keys and choices of the cheaters. What the validator asks
	// is its own secret and differs from run to run.
	Seed uint64
	// Only names cheaters; none: all.
	Only []string
	// Dir is for what the miners keep; "" means a temporary folder that is
	// removed at the end.
	Dir string
	// Done is told every result as it comes, one call at a time; it may be nil.
	Done func(Result)
	// Log may be nil.
	Log *slog.Logger
}

// Reduced is a run that a test can afford.
func Reduced() Config { return Config{Challenges: 20, Size: 8 << 10, Long: 2 << 20} }

func (c Config) withDefaults() Config {
	if c.Challenges <= 0 {
		c.Challenges = 200
	}
	if c.Size <= 0 {
		c.Size = 64 << 10
	}
	if c.Long <= 0 {
		c.Long = 3_750_000
	}
	if len(c.Protocols) == 0 {
		c.Protocols = Protocols()
	}
	return c
}

// ErrUnknown says that no cheater has a name.
var ErrUnknown = errors.New("there is no such cheater")

// side is how many arenas play side by side, beside those that mostly wait.
const side = 3

// Run has cheaters play against the real validator and returns what came of
// each in each protocol, by number. It fails when the validator does, or
// something else on this side; what becomes of the cheaters is in the results.
func Run(ctx context.Context, cfg Config) (results []Result, err error) {
	cfg = cfg.withDefaults()
	byKind, err := chosen(cfg.Only)
	if err != nil {
		return nil, err
	}
	if cfg.Dir == "" {
		if cfg.Dir, err = os.MkdirTemp("", "filetao-cheat-"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(cfg.Dir)) }()
	}
	var mu sync.Mutex // guards results
	work, within := errgroup.WithContext(ctx)
	busy := semaphore.NewWeighted(side)
	for _, k := range []kind{slow, owing, holding, together, long, fresh, hostile} { // those that last longest first
		for _, p := range cfg.Protocols {
			cheaters := byKind[k]
			if len(cheaters) == 0 || !slices.Contains(k.protocols(), p) {
				continue
			}
			var weight int64 = 1
			switch k {
			case slow:
				weight = 0
			case hostile: // the process's memory is watched: nothing of weight beside it
				weight = side
			}
			if busy.Acquire(within, weight) != nil {
				continue // one has failed, or the caller gave up: no other begins
			}
			work.Go(func() error {
				defer busy.Release(weight)
				got, err := play(within, cfg, k, p, cheaters)
				mu.Lock()
				defer mu.Unlock()
				for _, r := range got {
					results = append(results, r)
					if cfg.Done != nil {
						cfg.Done(r)
					}
				}
				return err
			})
		}
	}
	if err = work.Wait(); err == nil {
		err = context.Cause(ctx)
	}
	slices.SortFunc(results, func(a, b Result) int {
		return cmp.Or(a.Number-b.Number, cmp.Compare(a.Name, b.Name), cmp.Compare(a.Protocol, b.Protocol))
	})
	return results, err
}

// play plays one arena.
func play(ctx context.Context, cfg Config, k kind, p Protocol, cheaters []Cheater) ([]Result, error) {
	a := newArena(cfg, k, p, filepath.Join(cfg.Dir, fmt.Sprintf("%d-%s", k, p)), cheaters)
	if err := a.run(ctx); err != nil {
		return nil, fmt.Errorf("%s arena of %s: %w", p, cheaters[0].Name, err)
	}
	var results []Result
	for _, e := range a.entrants {
		results = append(results, e.result)
	}
	return results, nil
}

// chosen are the wanted cheaters by kind.
func chosen(only []string) (map[kind][]Cheater, error) {
	byKind := map[kind][]Cheater{}
	found := map[string]bool{}
	for _, c := range Catalogue() {
		if len(only) == 0 || slices.Contains(only, c.Name) {
			byKind[c.kind] = append(byKind[c.kind], c)
			found[c.Name] = true
		}
	}
	for _, name := range only {
		if !found[name] {
			return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
		}
	}
	return byKind, nil
}

// Passed says whether no required verdict was missed.
func Passed(results []Result) bool {
	return !slices.ContainsFunc(results, func(r Result) bool { return r.Verdict == Missed })
}
