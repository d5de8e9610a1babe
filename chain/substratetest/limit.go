package substratetest

import (
	"bytes"
	"fmt"

	"github.com/filetao/filetao/scale"
)

// limitIndex is register_limit's place among the calls of the runtimes of 2026,
// and its error's among theirs.
const limitIndex = 134

// priceExceeded is register_limit's error.
const priceExceeded = "RegistrationPriceLimitExceeded"

// addRegisterLimit puts register_limit(netuid, hotkey, limit_price) and its
// error among what encoded metadata describes, as the runtimes of 2026 have it.
func addRegisterLimit(raw []byte) ([]byte, error) {
	m, err := scale.ParseMetadata(raw)
	if err != nil {
		return nil, err
	}
	p, _ := m.Pallet(pallet)
	calls, err := m.Type(p.Calls)
	if err != nil {
		return nil, err
	}
	failures, err := m.Type(p.Errors)
	if err != nil {
		return nil, err
	}
	types := map[string]scale.TypeID{} // by call and field
	for _, v := range calls.Variants {
		for _, f := range v.Fields {
			types[v.Name+"."+f.Name] = f.Type
		}
	}
	call := append(metaText("register_limit"), 3<<2)
	for _, f := range []struct{ name, like string }{
		{"netuid", "burned_register.netuid"}, {"hotkey", "burned_register.hotkey"}, {"limit_price", "add_stake.amount_staked"},
	} {
		call = append(append(call, 1), metaText(f.name)...)
		call = append(scale.AppendCompact(call, uint64(types[f.like])), 0, 0) // neither a type's name nor a comment
	}
	if raw, err = addVariant(raw, calls, append(call, limitIndex, 0)); err != nil {
		return nil, err
	}
	return addVariant(raw, failures, append(metaText(priceExceeded), 0, limitIndex, 0))
}

// addVariant puts an encoded alternative before those of an enum: behind their
// number, which goes before the first's name.
func addVariant(raw []byte, enum *scale.Type, encoded []byte) ([]byte, error) {
	first, n := metaText(enum.Variants[0].Name), uint64(len(enum.Variants))
	head := append(scale.AppendCompact(nil, n), first...)
	if found := bytes.Count(raw, head); found != 1 {
		return nil, fmt.Errorf("%d enums have %d alternatives and begin with %s", found, n, enum.Variants[0].Name)
	}
	before, after, _ := bytes.Cut(raw, head)
	out := scale.AppendCompact(bytes.Clone(before), n+1)
	return append(append(append(out, encoded...), first...), after...), nil
}

// metaText is a name in encoded metadata.
func metaText(name string) []byte {
	return append(scale.AppendCompact(nil, uint64(len(name))), name...)
}

// registerLimit is register_limit: burned_register, unless that costs more.
func (o *origin) registerLimit() error {
	net, err := o.existing()
	if err != nil {
		return err
	}
	if o.num("Burn", net) > o.Uint64("limit_price") {
		return refuse(priceExceeded)
	}
	return o.register()
}
