package substratetest

import (
	"errors"
	"fmt"

	"github.com/filetao/filetao/scale"
)

// refusal is why a call fails: an error of a pallet, under the first of its
// names that the runtime knows.
type refusal struct {
	pallet string
	names  []string
}

func (r *refusal) Error() string { return fmt.Sprintf("%s.%s", r.pallet, r.names[0]) }

// refuse is an error of SubtensorModule under its names over the years.
func refuse(names ...string) error { return &refusal{pallet, names} }

// errOrigin is the runtime's own BadOrigin.
var errOrigin = errors.New("BadOrigin")

// execution is a block in the making.
type execution struct {
	*state
	number uint64
	events []scale.Event
	phase  scale.Phase
}

// emit adds an event; runtimes without such an event have none.
func (x *execution) emit(pallet, name string, fields ...scale.Value) {
	if x.rt.event(pallet, name) == len(fields) {
		x.events = append(x.events, scale.Event{Phase: x.phase, Pallet: pallet, Name: name, Fields: scale.Fields{Values: fields}})
	}
}

// dispatchError makes the runtime's value of a call's failure.
func (x *execution) dispatchError(err error) scale.Value {
	var r *refusal
	if !errors.As(err, &r) {
		return scale.Enum("BadOrigin")
	}
	for _, name := range r.names {
		if v, known := x.rt.moduleError(r.pallet, name); known {
			return v
		}
	}
	x.fail(fmt.Errorf("no error %s.%v", r.pallet, r.names))
	return scale.Enum("CannotLookup")
}

// apply runs a transaction that the pool has let pass, and returns its
// failure's name, "" for none.
func (x *execution) apply(p *pooled) string {
	x.change(p.account, x.balance(p.account)-p.params.Tip, true)
	err := x.dispatch(p.account, p.x.Call)
	info := scale.Record(map[string]scale.Value{
		"weight":   scale.Record(map[string]scale.Value{"ref_time": scale.Uint(uint64(1_000_000)), "proof_size": scale.Uint(uint64(0))}),
		"class":    scale.Enum("Normal"),
		"pays_fee": scale.Enum("No"),
	})
	x.emit("TransactionPayment", "TransactionFeePaid", account(p.account), scale.Uint(p.params.Tip), scale.Uint(p.params.Tip))
	if err == nil {
		x.emit("System", "ExtrinsicSuccess", info)
		return ""
	}
	value := x.dispatchError(err)
	x.emit("System", "ExtrinsicFailed", value, info)
	named, nameErr := x.rt.types.DispatchError(value)
	if nameErr != nil {
		x.fail(nameErr)
		return err.Error()
	}
	return named.Name
}

// inherent puts the time into the block, as its first transaction.
func (x *execution) inherent(ms uint64) (hexBytes, error) {
	call, err := x.rt.types.Call("Timestamp", "set", map[string]scale.Value{"now": scale.Uint(ms)})
	if err != nil {
		return nil, err
	}
	x.set("Timestamp", "Now", scale.Uint(ms))
	x.emit("System", "ExtrinsicSuccess", scale.Record(map[string]scale.Value{
		"weight":   scale.Record(map[string]scale.Value{"ref_time": scale.Uint(uint64(268_717_000)), "proof_size": scale.Uint(uint64(1493))}),
		"class":    scale.Enum("Mandatory"),
		"pays_fee": scale.Enum("Yes"),
	}))
	return x.rt.types.BareExtrinsic(call)
}
