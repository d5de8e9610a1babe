// Package redis is an index.KV in a Redis server or Redis Cluster, for a
// validator and gateways in several processes that share one index. It is not a
// cache and must not be run as one: what the server evicts or loses is lost, so
// switch appendonly on and leave maxmemory-policy at noeviction. Enter at Open.
package redis

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/filetao/filetao/index"
)

// keyPrefix begins every key, so that a database may be shared with others.
const keyPrefix = "filetao:"

// Option changes how Open does its work.
type Option func(*kv)

// WithLog has Open warn about settings of the server that can lose data. By
// default, and with nil, it does so to nobody.
func WithLog(log *slog.Logger) Option {
	return func(kv *kv) {
		if log != nil {
			kv.log = log
		}
	}
}

// Open connects to the index at a URL:
//
//	redis://[[user]:password@]host[:port][/database]
//	redis+cluster://[[user]:password@]host:port[,host:port…]
//
// and the same with rediss for TLS. One node of a cluster is enough, more are
// for when that one is down. Options of go-redis may follow as a query
// (?pool_size=20). It fails unless every server answers, is a writable master
// and at least Redis 6.2.
func Open(ctx context.Context, url string, options ...Option) (*index.Index, error) {
	client, err := connect(url)
	if err != nil {
		return nil, err
	}
	kv := &kv{client: client, log: slog.New(slog.DiscardHandler)}
	for _, option := range options {
		option(kv)
	}
	if err := kv.inspect(ctx); err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return index.New(kv), nil
}

// kv keeps a group as one hash.
type kv struct {
	client redis.UniversalClient
	log    *slog.Logger
	closed atomic.Bool
}

// Close closes all connections.
func (kv *kv) Close() error {
	if kv.closed.Swap(true) {
		return index.ErrClosed
	}
	return wrap(kv.client.Close())
}

// wrap says where an error comes from.
func wrap(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.ErrClosed):
		return index.ErrClosed
	default:
		return fmt.Errorf("redis: %w", err)
	}
}

// Get is one HMGET.
func (kv *kv) Get(ctx context.Context, group string, fields ...string) ([][]byte, error) {
	found, err := kv.client.HMGet(ctx, keyPrefix+group, fields...).Result()
	if err != nil {
		return nil, wrap(err)
	}
	values := make([][]byte, len(fields))
	for i, v := range found {
		if text, ok := v.(string); ok {
			values[i] = []byte(text)
		}
	}
	return values, nil
}

// commit is the script behind Commit. ARGV is the number of conditions, then
// three arguments for each condition and each change: field, "1" or "0" for
// there or not, value.
const commit = `
local at = 2
for _ = 1, tonumber(ARGV[1]) do
  local want = ARGV[at+1] == '1' and ARGV[at+2]
  if redis.call('HGET', KEYS[1], ARGV[at]) ~= want then return 0 end
  at = at + 3
end
while at <= #ARGV do
  if ARGV[at+1] == '1' then
    redis.call('HSET', KEYS[1], ARGV[at], ARGV[at+2])
  else
    redis.call('HDEL', KEYS[1], ARGV[at])
  end
  at = at + 3
end
return 1`

// Commit is one script on one key. It is sent once: after an error on the way
// nobody knows whether it was run, and running it again could count twice.
func (kv *kv) Commit(ctx context.Context, group string, when, then []index.Entry) error {
	args := make([]any, 0, 5+3*(len(when)+len(then)))
	args = append(args, "evalsha", redis.NewScript(commit).Hash(), 1, keyPrefix+group, len(when))
	for _, entries := range [][]index.Entry{when, then} {
		for _, e := range entries {
			args = append(args, e.Field, e.Value != nil, e.Value)
		}
	}
	done, err := kv.run(ctx, args)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		args[0], args[1] = "eval", commit
		done, err = kv.run(ctx, args)
	}
	if err != nil {
		return wrap(err)
	}
	if done == 0 {
		return index.ErrConflict
	}
	return nil
}

// once is a command go-redis does not repeat by itself.
type once struct{ *redis.Cmd }

func (once) NoRetry() bool { return true }

func (kv *kv) run(ctx context.Context, args []any) (int64, error) {
	cmd := once{redis.NewCmd(ctx, args...)}
	if err := kv.client.Process(ctx, cmd); err != nil {
		return 0, err
	}
	return cmd.Int64()
}

// page is how many entries a server looks at for one reply.
const page = 256

// Scan is a run of HSCAN.
func (kv *kv) Scan(ctx context.Context, group, prefix string) iter.Seq2[index.Entry, error] {
	return func(yield func(index.Entry, error) bool) {
		for cursor := uint64(0); ; {
			fields, next, err := kv.client.HScan(ctx, keyPrefix+group, cursor, prefix+"*", page).Result()
			if err != nil {
				yield(index.Entry{}, wrap(err))
				return
			}
			for i := 0; i+1 < len(fields); i += 2 {
				if !yield(index.Entry{Field: fields[i], Value: []byte(fields[i+1])}, nil) {
					return
				}
			}
			if cursor = next; cursor == 0 {
				return
			}
		}
	}
}

// Groups is a run of SCAN on every master.
func (kv *kv) Groups(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		masters, err := kv.masters(ctx)
		if err != nil {
			yield("", err)
			return
		}
		for _, master := range masters {
			for cursor := uint64(0); ; {
				keys, next, err := master.Scan(ctx, cursor, keyPrefix+prefix+"*", 4*page).Result()
				if err != nil {
					yield("", wrap(err))
					return
				}
				for _, key := range keys {
					if !yield(strings.TrimPrefix(key, keyPrefix), nil) {
						return
					}
				}
				if cursor = next; cursor == 0 {
					break
				}
			}
		}
	}
}

// masters are the servers that hold the keys.
func (kv *kv) masters(ctx context.Context) ([]*redis.Client, error) {
	cluster, ok := kv.client.(*redis.ClusterClient)
	if !ok {
		return []*redis.Client{kv.client.(*redis.Client)}, nil
	}
	var mu sync.Mutex // guards all: called for many at once
	var all []*redis.Client
	err := cluster.ForEachMaster(ctx, func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, c)
		return nil
	})
	return all, wrap(err)
}
