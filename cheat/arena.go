package cheat

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/chain/devchain"
	"github.com/filetao/filetao/fleet"
	"github.com/filetao/filetao/incentive"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/internal/lifecycle"
	"github.com/filetao/filetao/node"
	"github.com/filetao/filetao/validator"
	"github.com/filetao/filetao/wallet"
	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/synapse"
)

const (
	netUID    chain.NetUID = 21
	blockTime              = 25 * time.Millisecond
	// stake makes the validator one in everybody's eyes.
	stake = 5000 * chain.TAO
	// honestMiners are beside the cheaters, the real miner's object graph each;
	// those of the reference's protocol are the real miner without its answers
	// to Tags and Audit.
	honestMiners = 2
	// room is how much a miner may be given, in largest data.
	room  = 16
	never = 1 << 40 // of steps and blocks
)

// arena is a network of some cheaters, honest miners and the real validator,
// whose steps are made by hand. All its miners speak one protocol.
type arena struct {
	cfg      Config
	kind     kind
	protocol Protocol
	dir      string
	log      *slog.Logger

	group     *lifecycle.Group
	dev       *devchain.Devchain
	validator *wallet.Keypair // its hotkey
	honest    []*wallet.Keypair
	playing   string  // name of the cheater that is being made
	plain     []*axon // the honest ones that are axons
	axons     []*axon // the cheaters'
	newcomer  *axon   // registers only later; may be nil
	entrants  []*entrant
	index     *index.Index
	role      *node.Validator
	miners    []*node.Miner
	seen      *observer
	finished  bool // all is judged
}

// entrant is a cheater in an arena and what came of it.
type entrant struct {
	Cheater
	axons  []*axon // that count
	result Result
}

// newArena makes the arena of some cheaters of a kind, for a protocol. Nothing
// runs yet.
func newArena(cfg Config, k kind, p Protocol, dir string, cheaters []Cheater) *arena {
	a := &arena{cfg: cfg, kind: k, protocol: p, dir: dir, log: cfg.Log, group: lifecycle.New(nil), seen: newObserver()}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.validator = a.keypair("validator")
	for i := range honestMiners {
		name := fmt.Sprintf("honest%d", i)
		a.honest = append(a.honest, a.keypair(name))
		if p == Reference {
			a.plain = append(a.plain, a.newAxon(name))
		}
	}
	for _, c := range cheaters {
		e := &entrant{Cheater: c, result: Result{Number: c.Number, Name: c.Name, Protocol: p, Most: c.most}}
		a.playing = c.Name
		for _, x := range c.play(a) {
			if !x.silent {
				e.axons = append(e.axons, x)
			}
		}
		a.entrants = append(a.entrants, e)
	}
	return a
}

// axon makes an axon of the cheater that is being made. It is built later.
func (a *arena) axon(suffix string) *axon {
	x := a.newAxon(a.playing + suffix)
	a.axons = append(a.axons, x)
	return x
}

func (a *arena) newAxon(name string) *axon {
	return &axon{
		name: name, key: a.keypair(name), coldkey: a.keypair(name + " coldkey"), protocol: a.protocol,
		random: rand.New(rand.NewChaCha8(a.seed(name))),
	}
}

// closing has close called at the arena's end.
func (a *arena) closing(name string, close func() error) { a.group.AddCloser(name, close) }

// seed is what everything of that name is derived from.
func (a *arena) seed(name string) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name+"\x00"), a.cfg.Seed))
}

func (a *arena) keypair(name string) *wallet.Keypair {
	return wallet.KeypairFromSeed(a.seed("key of " + name))
}

// run plays until every cheater was asked often enough, or can no longer be.
func (a *arena) run(ctx context.Context) (err error) {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return errors.Join(err, a.group.Close())
	}
	rules := devchain.DefaultHyperparameters()
	rules.Tempo, rules.ServingRateLimit, rules.ImmunityPeriod = 60_000, 0, 1
	if a.newcomer != nil {
		rules.MaxUIDs = uint16(len(a.honest) + len(a.axons)) // the newcomer's slot is the validator's
	}
	a.dev, err = devchain.Open(devchain.Config{
		BlockTime: blockTime, NetUID: netUID, Hyperparameters: rules, Seed: fmt.Sprint(a.cfg.Seed),
	}, devchain.Deps{})
	if err != nil {
		return errors.Join(err, a.group.Close())
	}
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	chainCtx, stop := context.WithCancel(context.WithoutCancel(ctx)) // outlives the nodes
	ended := make(chan error, 1)
	go func() {
		ended <- a.dev.Run(chainCtx)
		cancel()
	}()
	if err = a.playIn(ctx); err == nil && !a.finished {
		err = context.Cause(outer) // the group takes the end of its context for an orderly one
	}
	stop()
	if chainErr := <-ended; !errors.Is(chainErr, context.Canceled) {
		err = errors.Join(err, chainErr)
	}
	return errors.Join(err, a.dev.Close())
}

// playIn registers everybody, builds the nodes and plays.
func (a *arena) playIn(ctx context.Context) error {
	err := a.registerAll(ctx)
	if err == nil {
		err = a.build(ctx)
	}
	if err != nil {
		return errors.Join(err, a.group.Close())
	}
	ctx, done := context.WithCancel(ctx)
	defer done()
	a.group.Add("rounds", func(ctx context.Context) error {
		defer done()
		return a.play(ctx)
	})
	return a.group.Run(ctx)
}

// registerAll registers all hotkeys but the newcomer's, honest miners first.
func (a *arena) registerAll(ctx context.Context) error {
	for i, key := range a.honest {
		if err := a.register(ctx, a.keypair(fmt.Sprintf("honest%d coldkey", i)), key); err != nil {
			return err
		}
	}
	work, wctx := errgroup.WithContext(ctx)
	for _, x := range a.axons {
		if x != a.newcomer {
			work.Go(func() error { return a.register(wctx, x.coldkey, x.key) })
		}
	}
	work.Go(func() error {
		coldkey := a.keypair("validator coldkey")
		if err := a.register(wctx, coldkey, a.validator); err != nil {
			return err
		}
		return a.dev.AddStake(wctx, coldkey, netUID, a.validator.Address(), stake)
	})
	return work.Wait()
}

// register pays for a hotkey's registration out of the genesis account.
func (a *arena) register(ctx context.Context, coldkey, hotkey *wallet.Keypair) error {
	alice, err := wallet.KeypairFromURI("//Alice")
	if err != nil {
		return err
	}
	if err := a.dev.Transfer(ctx, alice, coldkey.Address(), stake+100*chain.TAO); err != nil {
		return fmt.Errorf("fund a neuron: %w", err)
	}
	if err := a.dev.Register(ctx, coldkey, netUID, hotkey.Address(), 0); err != nil {
		return fmt.Errorf("register a neuron: %w", err)
	}
	return nil
}

// build makes the nodes.
func (a *arena) build(ctx context.Context) error {
	if a.protocol == Native {
		if err := a.buildMiners(); err != nil {
			return err
		}
	}
	door := wire.DoorDeps{
		Standing: func(h wallet.Address) (wire.Standing, error) { return a.standing(ctx, h) },
		Height:   func() uint64 { return 0 },
	}
	for _, x := range slices.Concat(a.plain, a.axons) {
		if err := x.build(a.group, a.dir, door); err != nil {
			return err
		}
	}
	var err error
	if a.index, err = index.Open(filepath.Join(a.dir, "index"), index.Options{}); err != nil {
		return err
	}
	a.group.AddCloser("index", a.index.Close)
	rules := incentive.DefaultRules()
	rules.Tiers = slices.Clone(rules.Tiers)
	for i := range rules.Tiers {
		rules.Tiers[i].StorageLimit = room * a.largest()
	}
	a.role, err = node.NewValidator(node.ValidatorConfig{
		Common: a.common(a.validator, "validator"), Index: a.index, Fleet: a.kind.fleet(rules.Tiers),
		Validator: a.validatorConfig(rules), Observe: a.seen.observe,
	})
	if err != nil {
		return err
	}
	a.group.Add("validator", a.role.Run)
	return nil
}

// buildMiners makes the honest nodes.
func (a *arena) buildMiners() error {
	for i, key := range a.honest {
		m, err := node.NewMiner(node.MinerConfig{Common: a.common(key, fmt.Sprintf("honest%d", i)), MinFree: -1})
		if err != nil {
			return err
		}
		a.miners = append(a.miners, m)
		a.group.Add(fmt.Sprintf("honest miner %d", i), m.Run)
	}
	return nil
}

func (a *arena) common(key *wallet.Keypair, name string) node.Common {
	return node.Common{
		Chain: a.dev, NetUID: netUID, Hotkey: key, Listen: "127.0.0.1:0", Dir: filepath.Join(a.dir, name),
		Door: wire.DoorConfig{RequestsPerWindow: -1}, Log: a.log.With("node", name),
	}
}

// standing is the chain as a cheater's front door sees it.
func (a *arena) standing(ctx context.Context, hotkey wallet.Address) (wire.Standing, error) {
	m, err := a.dev.Metagraph(ctx, netUID)
	if err != nil {
		return wire.Standing{}, err
	}
	n, ok := m.ByHotkey(hotkey)
	return wire.Standing{Registered: ok, UID: uint16(n.UID), Stake: uint64(n.Stake), ValidatorPermit: n.ValidatorPermit}, nil
}

// serve announces an axon.
func (a *arena) serve(ctx context.Context, x *axon) error {
	return a.dev.ServeAxon(ctx, x.key, netUID, chain.Axon{
		Version: synapse.Version, IP: x.addr.Addr(), Port: x.addr.Port(), Protocol: 4,
	})
}

// largest is the length in bytes that data has at most.
func (a *arena) largest() int64 {
	if a.kind == long {
		return 2 * a.cfg.Long
	}
	return a.cfg.Size
}

// validatorConfig is the network's but for who is due, all, for the size of the
// data, and for the pauses before a question is put again, which take no time;
// steps are made by hand.
func (a *arena) validatorConfig(rules incentive.Rules) validator.Config {
	c := validator.DefaultConfig()
	c.BlocksPerStep, c.EpochBlocks, c.CheckpointBlocks, c.DisableWeights = never, never, never, true
	all := len(a.honest) + len(a.axons)
	c.StoreSample, c.ChallengeSample, c.RetrieveSample, c.MonitorSample = all, all, all, all
	c.RetrieveEvery, c.UniformSize, c.Rules = 4, a.cfg.Size, rules
	if a.kind == long {
		c.UniformSize, c.MedianSize, c.SizeSigma, c.MaxSize = 0, a.cfg.Long, 0.1, a.largest()
	}
	for i := range c.Repeats {
		c.Repeats[i] = 1
	}
	return c
}

// shortLimit is that of exchanges with who wastes time.
const shortLimit = time.Second

// fleet has the limits of exchanges: patient where only what is held is in
// question, for the machine may be busy.
func (k kind) fleet(tiers incentive.Tiers) fleet.Config {
	c := fleet.Config{Tiers: tiers}
	c.StoreTimeout, c.ChallengeTimeout, c.RetrieveTimeout, c.AuditTimeout = 20*time.Second, 20*time.Second, 20*time.Second, 20*time.Second
	if k == hostile || k == slow {
		c.ChallengeTimeout, c.RetrieveTimeout, c.AuditTimeout = shortLimit, shortLimit, shortLimit
	}
	c.PingTimeout, c.DeleteTimeout = 10*time.Second, 10*time.Second
	return c
}
