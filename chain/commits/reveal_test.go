package commits

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/wallet"
)

const net21 chain.NetUID = 21

// unsteady is a chain that fails as a test says; nil does not.
type unsteady struct {
	chain.Chain
	commit, reveal func(send func() error) error
	rules          func(chain.Hyperparameters, uint64) chain.Hyperparameters
	subscribe      func(ctx context.Context) (<-chan chain.Block, error)
	events         func() error
}

func (u *unsteady) CommitWeights(ctx context.Context, key *wallet.Keypair, net chain.NetUID, hash chain.Hash) error {
	send := func() error { return u.Chain.CommitWeights(ctx, key, net, hash) }
	if u.commit == nil {
		return send()
	}
	return u.commit(send)
}

func (u *unsteady) RevealWeights(ctx context.Context, key *wallet.Keypair, net chain.NetUID, row []chain.Weight, salt []uint16, version uint64) error {
	send := func() error { return u.Chain.RevealWeights(ctx, key, net, row, salt, version) }
	if u.reveal == nil {
		return send()
	}
	return u.reveal(send)
}

func (u *unsteady) Hyperparameters(ctx context.Context, net chain.NetUID) (chain.Hyperparameters, error) {
	h, err := u.Chain.Hyperparameters(ctx, net)
	if err != nil || u.rules == nil {
		return h, err
	}
	head, err := u.Chain.Head(ctx)
	return u.rules(h, head.Number), err
}

func (u *unsteady) Subscribe(ctx context.Context) (<-chan chain.Block, error) {
	if u.subscribe == nil {
		return u.Chain.Subscribe(ctx)
	}
	return u.subscribe(ctx)
}

func (u *unsteady) Events(ctx context.Context, block uint64) ([]chain.Event, error) {
	if u.events != nil {
		if err := u.events(); err != nil {
			return nil, err
		}
	}
	return u.Chain.Events(ctx, block)
}

// scene is a chain of commit-reveal with a validator, UID 0, in fake time.
type scene struct {
	*testing.T
	on   *unsteady
	key  *wallet.Keypair
	kept Folder
	said []string
}

func staged(t *testing.T, play func(*scene)) {
	synctest.Test(t, func(t *testing.T) {
		h := devchain.DefaultHyperparameters()
		h.Tempo, h.WeightsRateLimit, h.CommitReveal, h.RevealPeriod, h.WeightsVersion = 20, 0, true, 1, 7
		dev, err := devchain.Open(devchain.Config{BlockTime: 12 * time.Second, NetUID: net21, Hyperparameters: h}, devchain.Deps{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- dev.Run(ctx) }()
		defer func() {
			cancel()
			<-done
			if err := dev.Close(); err != nil {
				t.Error(err)
			}
		}()
		alice, err := wallet.KeypairFromURI("//Alice")
		if err != nil {
			t.Fatal(err)
		}
		s := &scene{T: t, on: &unsteady{Chain: dev}, kept: Folder(t.TempDir() + "/commits")}
		if s.key, err = wallet.KeypairFromURI("//Bob"); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(dev.Register(ctx, alice, net21, s.key.Address(), 0), dev.AddStake(ctx, alice, net21, s.key.Address(), 2000*chain.TAO)); err != nil {
			t.Fatal(err)
		}
		play(s)
	})
}

func (s *scene) revealer() *Revealer {
	return &Revealer{Chain: s.on, Key: s.key, Kept: s.kept, Say: func(sentence string) { s.said = append(s.said, sentence) }}
}

func (s *scene) draw(version uint64) Commit {
	s.Helper()
	head, err := s.on.Head(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	c, err := Draw(rand.Reader, chain.Hash{1}, net21, s.key.Address(), []chain.Weight{{UID: 0, Value: 65535}}, version, head.Number)
	if err != nil {
		s.Fatal(err)
	}
	return c
}

// pass lets fake time pass.
func (s *scene) pass(d time.Duration) {
	s.Helper()
	if err := wait(s.Context(), d); err != nil {
		s.Fatal(err)
	}
}

// pending are the files that wait.
func (s *scene) pending() []Commit {
	s.Helper()
	list, err := s.kept.List(chain.Hash{1}, net21, s.key.Address())
	if err != nil {
		s.Fatal(err)
	}
	return list
}

// set says that the weights are on the chain and nothing waits any more.
func (s *scene) set(want bool) {
	s.Helper()
	rows, err := s.on.Weights(s.Context(), net21)
	if err != nil || (len(rows[0]) > 0) != want || len(s.pending()) > 0 {
		s.Errorf("rows %v, %v, waiting %v; weights set: want %v", rows, err, s.pending(), want)
	}
}

func TestKeptBeforeSentAndForgottenWhenRevealed(t *testing.T) {
	staged(t, func(s *scene) {
		c := s.draw(7)
		s.on.commit = func(send func() error) error {
			info, err := os.Stat(s.kept.Path(c))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("before it is sent its file is %v, %v", info, err)
			}
			return send()
		}
		if err := errors.Join(s.revealer().Commit(s.Context(), c), s.revealer().Reveal(s.Context(), c)); err != nil {
			t.Fatal(err)
		}
		s.set(true)
		if len(s.said) != 1 {
			t.Errorf("said %q", s.said)
		}
	})
}

func TestRevealIsTriedUntilItIsDone(t *testing.T) {
	lost, sent := fmt.Errorf("%w: connection lost", chain.ErrUnavailable), 0
	for name, reveal := range map[string]func(tried int, send func() error) error{
		"never sent": func(tried int, send func() error) error {
			if tried <= 3 {
				return lost
			}
			return send()
		},
		"sent, answer lost": func(_ int, send func() error) error { return errors.Join(send(), lost) },
		"in flight for some blocks": func(_ int, send func() error) error {
			if sent++; sent > 1 {
				t.Error("sent twice while the first was on its way")
			}
			go func() { _ = send() }() // into the next block
			return chain.ErrInFlight
		},
	} {
		t.Run(name, func(t *testing.T) {
			staged(t, func(s *scene) {
				tried := 0
				s.on.reveal = func(send func() error) error { tried++; return reveal(tried, send) }
				c := s.draw(7)
				if err := errors.Join(s.revealer().Commit(s.Context(), c), s.revealer().Reveal(s.Context(), c)); err != nil {
					t.Fatal(err)
				}
				s.set(true)
			})
		})
	}
}

func TestResumedFromItsFile(t *testing.T) {
	staged(t, func(s *scene) {
		c := s.draw(7)
		s.on.commit = func(send func() error) error { return errors.Join(send(), context.Canceled) } // Ctrl-C meanwhile
		if err := s.revealer().Commit(s.Context(), c); !errors.Is(err, context.Canceled) || len(s.pending()) != 1 {
			t.Fatalf("a broken off commitment: %v, kept %v", err, s.pending())
		}
		ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
		defer cancel()
		if err := s.revealer().Reveal(ctx, s.pending()[0]); !errors.Is(err, context.DeadlineExceeded) || s.pending()[0].Block == 0 {
			t.Fatalf("a broken off reveal: %v, kept %v", err, s.pending())
		}
		if err := s.revealer().Reveal(s.Context(), s.pending()[0]); err != nil {
			t.Fatal(err)
		}
		s.set(true)
	})
}

// TestTheWindowMoves: the subnet's owner changes the tempo between the commitment
// and the reveal.
func TestTheWindowMoves(t *testing.T) {
	staged(t, func(s *scene) {
		s.on.rules = func(h chain.Hyperparameters, head uint64) chain.Hyperparameters {
			if head < 15 {
				h.Tempo = 60
			}
			return h
		}
		c := s.draw(7)
		if err := errors.Join(s.revealer().Commit(s.Context(), c), s.revealer().Reveal(s.Context(), c)); err != nil {
			t.Fatal(err)
		}
		s.set(true)
		if len(s.said) != 2 {
			t.Errorf("of two windows it said %q", s.said)
		}
	})
}

func TestSubscriptionsThatEnd(t *testing.T) {
	staged(t, func(s *scene) {
		times := 0
		s.on.subscribe = func(ctx context.Context) (<-chan chain.Block, error) {
			times++
			if times%2 == 0 {
				return nil, fmt.Errorf("%w: connection refused", chain.ErrUnavailable)
			}
			closed := make(chan chain.Block)
			close(closed)
			return closed, nil
		}
		c := s.draw(7)
		if err := errors.Join(s.revealer().Commit(s.Context(), c), s.revealer().Reveal(s.Context(), c)); err != nil {
			t.Fatal(err)
		}
		s.set(true)
	})
}

func TestCommitmentsThatComeToNothing(t *testing.T) {
	t.Run("missed", func(t *testing.T) {
		staged(t, func(s *scene) {
			c := s.draw(7)
			if err := s.revealer().Commit(s.Context(), c); err != nil {
				t.Fatal(err)
			}
			s.pass(time.Hour)
			if err := s.revealer().Reveal(s.Context(), c); !errors.Is(err, ErrMissed) {
				t.Errorf("an hour later: %v", err)
			}
			s.set(false)
		})
	})
	t.Run("in no block", func(t *testing.T) {
		staged(t, func(s *scene) {
			c := s.draw(7)
			s.on.commit = func(func() error) error { return chain.ErrInFlight }
			if err := s.revealer().Commit(s.Context(), c); !Unsure(err) {
				t.Fatalf("an unknown end: %v", err)
			}
			if err := s.revealer().Reveal(s.Context(), c); !errors.Is(err, ErrNoCommit) {
				t.Errorf("without a commitment: %v", err)
			}
			s.set(false)
		})
	})
	t.Run("never sent", func(t *testing.T) {
		staged(t, func(s *scene) {
			s.on.commit = func(func() error) error { return chain.ErrUnavailable }
			if err := s.revealer().Commit(s.Context(), s.draw(7)); Unsure(err) || err == nil {
				t.Errorf("never sent: %v", err)
			}
			s.set(false)
		})
	})
	t.Run("refused", func(t *testing.T) {
		staged(t, func(s *scene) {
			s.on.commit = func(func() error) error { return chain.ErrStakeTooLow }
			if err := s.revealer().Commit(s.Context(), s.draw(7)); !errors.Is(err, chain.ErrStakeTooLow) {
				t.Errorf("refused: %v", err)
			}
			s.set(false)
		})
	})
	t.Run("refused at the reveal", func(t *testing.T) {
		staged(t, func(s *scene) {
			c := s.draw(6)
			if err := errors.Join(s.revealer().Commit(s.Context(), c), s.revealer().Reveal(s.Context(), c)); !errors.Is(err, chain.ErrVersionKey) {
				t.Errorf("an old version key: %v", err)
			}
			if len(s.pending()) != 1 {
				t.Error("what the owner may still change is forgotten")
			}
		})
	})
}

func TestTimelocked(t *testing.T) {
	staged(t, func(s *scene) {
		c := s.draw(7)
		if err := s.revealer().Commit(s.Context(), c); err != nil {
			t.Fatal(err)
		}
		s.on.rules = func(h chain.Hyperparameters, _ uint64) chain.Hyperparameters { h.CommitRevealVersion = 4; return h }
		if err := s.revealer().Reveal(s.Context(), c); !errors.Is(err, chain.ErrTimelock) || !strings.Contains(err.Error(), "version 4") || len(s.pending()) != 1 {
			t.Errorf("timelocked since: %v, kept %v", err, s.pending())
		}
	})
	if err := Timelocked(21, chain.Hyperparameters{CommitRevealVersion: 4}); err != nil {
		t.Errorf("without commit-reveal: %v", err)
	}
}

// TestFoundInItsBlock: another update of the hotkey is not taken for the
// commitment, and a node without old events is believed.
func TestFoundInItsBlock(t *testing.T) {
	staged(t, func(s *scene) {
		first := s.draw(7)
		if err := s.revealer().Commit(s.Context(), first); err != nil {
			t.Fatal(err)
		}
		if err := s.revealer().Commit(s.Context(), s.draw(7)); err != nil {
			t.Fatal(err)
		}
		s.pass(40 * 12 * time.Second)
		for i, c := range s.pending() {
			block := fmt.Sprintf("committed at block %d,", first.Drawn+1+uint64(i))
			if err := s.revealer().Reveal(s.Context(), c); !errors.Is(err, ErrMissed) || !strings.Contains(err.Error(), block) {
				t.Errorf("want %q: %v", block, err)
			}
		}
		s.set(false)
	})
	staged(t, func(s *scene) {
		s.on.events = func() error { return chain.ErrNoBlock }
		c := s.draw(7)
		if err := errors.Join(s.revealer().Commit(s.Context(), c), s.revealer().Reveal(s.Context(), c)); err != nil {
			t.Fatal(err)
		}
		s.set(true)
	})
}
