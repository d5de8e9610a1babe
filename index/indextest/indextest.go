// Package indextest is the one suite every index.KV has to pass, written
// against index.Index. It has no tests of its own: a backend's test calls Run.
package indextest

import (
	"context"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/filetao/filetao/cid"
	"github.com/filetao/filetao/index"
	"github.com/filetao/filetao/proof"
	"github.com/filetao/filetao/wallet"
)

// Store is one backend under test, empty at first.
type Store struct {
	// Open opens it, again after a Close. It fails the test on error.
	Open func(t *testing.T) *index.Index
	// Shared: it can be open several times at once.
	Shared bool
}

// Run runs the suite; fresh makes a store for one test.
func Run(t *testing.T, fresh func(t *testing.T) Store) {
	for _, test := range append([]test{
		{"File", testFile},
		{"Owners", testOwners},
		{"OrderOfChunks", testOrderOfChunks},
		{"SharedChunk", testSharedChunk},
		{"SecondGateway", testSecondGateway},
		{"InvalidFiles", testInvalidFiles},
		{"Holding", testHolding},
		{"Holders", testHolders},
		{"Expire", testExpire},
		{"Kinds", testKinds},
		{"RandomHolding", testRandomHolding},
		{"ChangeWhileListing", testChangeWhileListing},
		{"ManyHoldings", testManyHoldings},
		{"InvalidHoldings", testInvalidHoldings},
		{"Audit", testAudit},
		{"Replica", testReplica},
		{"Trials", testTrials},
		{"InvalidTrials", testInvalidTrials},
		{"Pending", testPending},
		{"Uploads", testUploads},
		{"Parts", testParts},
		{"KeepUpload", testKeepUpload},
		{"LongUpload", testLongUpload},
		{"Shards", testShards},
		{"Lives", testLives},
		{"RenewShard", testRenewShard},
		{"InvalidShards", testInvalidShards},
		{"InvalidSegments", testInvalidSegments},
		{"Objects", testObjects},
		{"EndLeft", testEndLeft},
		{"ListObjects", testListObjects},
		{"InvalidObjects", testInvalidObjects},
		{"Changes", testChanges},
		{"News", testNews},
		{"Drops", testDrops},
		{"DropsOfTries", testDropsOfTries},
		{"DropsOfSeen", testDropsOfSeen},
		{"Seeds", testSeeds},
		{"SeedsOfHonestMiner", testSeedsOfHonestMiner},
		{"Stats", testStats},
		{"ResetRecord", testResetRecord},
		{"ResetOnce", testResetOnce},
		{"State", testState},
		{"Restart", testRestart},
		{"Ends", testEnds},
	}, parallel()...) {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

// test is one of the suite.
type test struct {
	name string
	run  func(*testing.T, Store)
}

// parallel are the tests in which much happens at once.
func parallel() []test {
	return []test{
		{"ParallelStats", testParallelStats},
		{"ParallelResets", testParallelResets},
		{"ParallelFiles", testParallelFiles},
		{"ParallelHoldings", testParallelHoldings},
		{"ParallelAudits", testParallelAudits},
		{"ParallelTrials", testParallelTrials},
		{"ParallelSegments", testParallelSegments},
		{"Model", testModel},
	}
}

// Address is a made-up hotkey, the same for the same numbers.
func Address(n ...uint32) wallet.Address { return wallet.AddressOf(proof.Sum(pack("address", n))) }

// Hash is a made-up datum's hash.
func Hash(n ...uint32) string { return proof.Sum(pack("datum", n)).String() }

// CID is a made-up file's.
func CID(n ...uint32) string { return cid.Sum(pack("file", n)) }

func pack(what string, numbers []uint32) []byte {
	b := []byte(what)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

var day = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// file is a made-up file of chunks, each 100 bytes longer than its number.
func file(n uint32, chunks ...uint32) index.File {
	f := index.File{CID: CID(n), Payload: `{"nonce":"00"}`, Stored: day}
	for _, c := range chunks {
		f.Chunks = append(f.Chunks, index.Chunk{Hash: Hash(c), Size: int64(100 + c)})
		f.Size += int64(100 + c)
	}
	return f
}

func owner(n uint32) index.Ownership {
	return index.Ownership{Owner: Address(n), Payload: `{"a":"<é>"}`, Stored: day, TTL: time.Hour + 1}
}

func holding(holder, datum uint32, kind index.Kind) index.Holding {
	return index.Holding{Holder: Address(holder), Hash: Hash(datum), Kind: kind, Size: int64(100 + datum), Seed: "seed", Stored: day, TTL: time.Hour}
}

func put(t *testing.T, x *index.Index, holdings ...index.Holding) {
	t.Helper()
	for _, h := range holdings {
		ok(t, x.PutHolding(t.Context(), h))
	}
}

// tb is a test, or one round of a rapid check.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func ok(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t tb, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func equal[T comparable](t tb, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func sameFile(t tb, got, want index.File) {
	t.Helper()
	if got.CID != want.CID || got.Size != want.Size || got.Payload != want.Payload || !got.Stored.Equal(want.Stored) || !slices.Equal(got.Chunks, want.Chunks) {
		t.Fatalf("got file %+v\nwant %+v", got, want)
	}
}

// holdings lists, and checks against it what else is known of, a holder.
func holdings(t tb, ctx context.Context, x *index.Index, holder wallet.Address) map[string]index.Holding {
	t.Helper()
	all, bytes := map[string]index.Holding{}, int64(0)
	for h, err := range x.Holdings(ctx, holder) {
		if err != nil {
			t.Fatal(err)
		}
		if _, again := all[h.Hash]; !again {
			bytes += h.Size
		}
		all[h.Hash] = h
	}
	if stored, err := x.StoredBytes(ctx, holder); err != nil || stored != bytes {
		t.Fatalf("StoredBytes %d, %v; the holdings have %d", stored, err, bytes)
	}
	drawn := map[string]bool{}
	for r := range len(all) {
		h, err := x.RandomHolding(ctx, holder, uint64(r))
		if err != nil || !reflect.DeepEqual(h, all[h.Hash]) {
			t.Fatalf("RandomHolding(%d) = %v, %v; listed is %v", r, h, err, all[h.Hash])
		}
		drawn[h.Hash] = true
	}
	if len(drawn) != len(all) {
		t.Fatalf("%d draws found %d of %d holdings", len(all), len(drawn), len(all))
	}
	for hash := range all {
		holders, err := x.Holders(ctx, hash)
		if err != nil || !slices.Contains(holders, holder) {
			t.Fatalf("Holders(%s) = %v, %v; missing %s", hash, holders, err, holder)
		}
	}
	return all
}
