package cheat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Config says what run it is. Zero values take the defaults.
type Config struct {
	// Challenges is how many are wanted of each cheater. Default 200.
	Challenges int
	// Size is the largest random datum of the validator, in bytes. Default
	// 64 KiB: the miners all share one machine.
	Size int64
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
func Reduced() Config { return Config{Challenges: 20, Size: 8 << 10} }

func (c Config) withDefaults() Config {
	if c.Challenges <= 0 {
		c.Challenges = 200
	}
	if c.Size <= 0 {
		c.Size = 64 << 10
	}
	return c
}

// ErrUnknown says that no cheater has a name.
var ErrUnknown = errors.New("there is no such cheater")

// side is how many arenas play side by side: some of them mostly wait.
const side = 2

// Run has cheaters play against the real validator and returns what came of
// each, by number. It fails when the validator does, or something else on this
// side; what becomes of the cheaters is in the results.
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
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(side)
	for _, k := range []kind{hostile, slow, holding, together, fresh} { // those that wait most first
		cheaters := byKind[k]
		if len(cheaters) == 0 {
			continue
		}
		work.Go(func() error {
			a := newArena(cfg, k, filepath.Join(cfg.Dir, fmt.Sprint(k)), cheaters)
			err := a.run(ctx)
			if err != nil {
				return fmt.Errorf("arena of %s: %w", cheaters[0].Name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, e := range a.entrants {
				results = append(results, e.result)
				if cfg.Done != nil {
					cfg.Done(e.result)
				}
			}
			return nil
		})
	}
	err = work.Wait()
	slices.SortStableFunc(results, func(a, b Result) int { return a.Number - b.Number })
	return results, err
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

// Passed says whether no required verdict was missed. Known gaps are not
// missed, and not refused either.
func Passed(results []Result) bool {
	return !slices.ContainsFunc(results, func(r Result) bool { return r.Verdict == Missed })
}
