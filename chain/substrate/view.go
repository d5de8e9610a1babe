package substrate

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

const (
	// keysPerRequest is how many storage values are asked for at once,
	// inFlight how many such requests go out before answers.
	keysPerRequest = 512
	inFlight       = 8
)

// view is the state after one block, as one node has it.
type view struct {
	client *Client
	s      *session
	block  chain.Block
	// types are those of the runtime that made the block and thus wrote the
	// state: after a block with an upgrade not those of the runtime in it.
	types *runtime
}

// newestView is the state after the node's newest block.
func (c *Client) newestView(ctx context.Context, s *session) (*view, error) {
	return c.viewOf(ctx, s, *s.newest.Load())
}

func (c *Client) viewOf(ctx context.Context, s *session, b chain.Block) (*view, error) {
	made := b.Parent
	if b.Number == 0 {
		made = b.Hash
	}
	types, err := s.runtimes.at(ctx, s, made)
	if err != nil {
		return nil, err
	}
	return &view{c, s, b, types}, nil
}

// want is a storage value that is wanted, and who takes it.
type want struct {
	pallet, item string
	keys         []scale.Value
	// take gets the value, or present false where there is none and no default.
	take func(v scale.Value, present bool) error
}

// has says whether this runtime has a storage item.
func (v *view) has(pallet, item string) bool {
	_, err := v.types.Storage(pallet, item)
	return err == nil
}

// number wants an integer or, without one, 0.
func number[T ~uint8 | ~uint16 | ~uint32 | ~uint64](into *T, item string, keys ...scale.Value) want {
	return want{"SubtensorModule", item, keys, func(v scale.Value, present bool) error {
		if !present {
			*into = 0
			return nil
		}
		n, err := v.Uint64()
		if err == nil && uint64(T(n)) != n {
			err = fmt.Errorf("%d does not fit", n)
		}
		*into = T(n)
		return err
	}}
}

func boolean(into *bool, item string, keys ...scale.Value) want {
	return want{"SubtensorModule", item, keys, func(v scale.Value, present bool) (err error) {
		if present {
			*into, err = v.Bool()
		}
		return err
	}}
}

// numbers wants a list of integers.
func numbers(into *[]uint64, item string, keys ...scale.Value) want {
	return want{"SubtensorModule", item, keys, func(v scale.Value, present bool) (err error) {
		if present {
			*into, err = v.Uints()
		}
		return err
	}}
}

// booleans wants a list of bool.
func booleans(into *[]bool, item string, keys ...scale.Value) want {
	return want{"SubtensorModule", item, keys, func(v scale.Value, present bool) (err error) {
		if present {
			*into, err = bools(v)
		}
		return err
	}}
}

func bools(v scale.Value) ([]bool, error) {
	items, err := v.Items()
	if err != nil {
		return nil, err
	}
	out := make([]bool, len(items))
	for i, item := range items {
		if out[i], err = item.Bool(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// read fetches all that is wanted.
func (v *view) read(ctx context.Context, wants ...want) error {
	entries, keys := make([]scale.Entry, len(wants)), make([]hexBytes, len(wants))
	for i, w := range wants {
		if i > 0 && wants[i-1].item == w.item && wants[i-1].pallet == w.pallet {
			entries[i] = entries[i-1]
		} else {
			var err error
			if entries[i], err = v.types.Storage(w.pallet, w.item); err != nil {
				return v.unreadable(err)
			}
		}
		key, err := entries[i].Key(w.keys...)
		if err != nil {
			return v.unreadable(err)
		}
		keys[i] = key
	}
	values, err := v.query(ctx, keys)
	if err != nil {
		return err
	}
	for i, w := range wants {
		value, present, err := entries[i].Decode(values[string(keys[i])])
		if err == nil {
			err = w.take(value, present)
		}
		if err != nil {
			return v.unreadable(fmt.Errorf("%s.%s: %w", w.pallet, w.item, err))
		}
	}
	return nil
}

// unreadable is an error of a node that sends what its metadata does not
// describe, or of a runtime unlike all this package knows.
func (v *view) unreadable(err error) error {
	v.s.runtimes.doubt(v.types)
	return fmt.Errorf("%w: block %d, runtime %d: %w", chain.ErrUnreadable, v.block.Number, v.types.Spec, err)
}

// query fetches stored values by their keys; nil stands for none.
func (v *view) query(ctx context.Context, keys []hexBytes) (map[string]hexBytes, error) {
	parts := make([]map[string]hexBytes, (len(keys)+keysPerRequest-1)/keysPerRequest)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	for i := range parts {
		some := keys[i*keysPerRequest : min(len(keys), (i+1)*keysPerRequest)]
		group.Go(func() (err error) {
			if len(some) == 1 {
				parts[i], err = v.queryEach(ctx, some)
				return err
			}
			parts[i], err = v.queryTogether(ctx, some)
			var refused *rpcError
			if errors.As(err, &refused) && refused.Code == codeNoMethod {
				parts[i], err = v.queryEach(ctx, some)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := make(map[string]hexBytes, len(keys))
	for _, part := range parts {
		for key, value := range part {
			all[key] = value
		}
	}
	return all, nil
}

func (v *view) queryTogether(ctx context.Context, keys []hexBytes) (map[string]hexBytes, error) {
	var answer changeSets
	if err := v.s.call(ctx, &answer, "state_queryStorageAt", keys, v.block.Hash); err != nil {
		return nil, err
	}
	values := make(map[string]hexBytes, len(keys))
	for _, set := range answer {
		for _, change := range set.Changes {
			if change[0] == nil {
				continue
			}
			values[string(*change[0])] = nil
			if change[1] != nil {
				values[string(*change[0])] = *change[1]
			}
		}
	}
	for _, key := range keys {
		if _, answered := values[string(key)]; !answered {
			return nil, fmt.Errorf("%w: %w: no answer for storage key %x", chain.ErrUnavailable, errProtocol, []byte(key))
		}
	}
	return values, nil
}

// queryEach asks key by key, for nodes without state_queryStorageAt.
func (v *view) queryEach(ctx context.Context, keys []hexBytes) (map[string]hexBytes, error) {
	found := make([]*hexBytes, len(keys))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8 * inFlight)
	for i, key := range keys {
		group.Go(func() error { return v.s.call(ctx, &found[i], "state_getStorage", key, v.block.Hash) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	values := make(map[string]hexBytes, len(keys))
	for i, value := range found {
		if value != nil {
			values[string(keys[i])] = *value
		}
	}
	return values, nil
}

// keysUnder lists the storage keys that begin with a prefix, page by page.
func (v *view) keysUnder(ctx context.Context, prefix hexBytes) ([]hexBytes, error) {
	var all []hexBytes
	var last *hexBytes
	for {
		var page keyPage
		if err := v.s.call(ctx, &page, "state_getKeysPaged", prefix, keysPerRequest, last, v.block.Hash); err != nil {
			return nil, err
		}
		for i, key := range page {
			previous := last
			if i > 0 {
				previous = &page[i-1]
			}
			if len(key) > maxKey || len(key) < len(prefix) || string(key[:len(prefix)]) != string(prefix) || previous != nil && string(key) <= string(*previous) {
				return nil, fmt.Errorf("%w: %w: key %.100x out of place", chain.ErrUnavailable, errProtocol, []byte(key))
			}
		}
		if all = append(all, page...); len(all) > maxKeys {
			return nil, fmt.Errorf("%w: %w: over %d keys begin with %x", chain.ErrUnavailable, errProtocol, maxKeys, []byte(prefix))
		}
		if len(page) < keysPerRequest {
			return all, nil
		}
		last = &page[len(page)-1]
	}
}

// ask calls a function of the runtime. ErrUnknown of scale is one that this
// runtime does not describe: none is before metadata 15.
func (v *view) ask(ctx context.Context, function string, args ...scale.Value) (scale.Value, error) {
	rt, err := v.next(ctx)
	if err != nil {
		return scale.Value{}, err
	}
	call, err := rt.RuntimeAPI(function)
	if err != nil {
		return scale.Value{}, err
	}
	input, err := call.Encode(args...)
	if err != nil {
		return scale.Value{}, v.unreadable(err)
	}
	var raw hexBytes
	if err := v.s.call(ctx, &raw, "state_call", function, hexBytes(input), v.block.Hash); err != nil {
		return scale.Value{}, err
	}
	answer, err := call.Decode(raw)
	if err != nil {
		return scale.Value{}, v.unreadable(err)
	}
	return answer, nil
}
