package scale

import (
	"fmt"
	"strings"
)

// Phase is when in a block an event happened: while the extrinsic of that
// index was applied, or one of the two below.
type Phase int64

// Events outside extrinsics.
const (
	Finalization   Phase = -1
	Initialization Phase = -2
)

// Event is something that a block has done.
type Event struct {
	Phase  Phase
	Pallet string
	Name   string
	Fields Fields // by position; names as far as the runtime gives them
	Topics [][]byte
}

// DecodeEvents reads the value of System.Events; no bytes are no events.
// ErrData; ErrValue when the runtime's records are unlike any known.
func (m *Metadata) DecodeEvents(b []byte) ([]Event, error) {
	entry, err := m.Storage("System", "Events")
	if err != nil {
		return nil, err
	}
	if len(b) == 0 {
		return nil, nil
	}
	v, err := m.Decode(entry.Value, b)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	records, err := v.Items()
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	events := make([]Event, len(records))
	for i, record := range records {
		if events[i], err = asEvent(record); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
	}
	return events, nil
}

func asEvent(record Value) (Event, error) {
	r := NewReader(record)
	phase, event, topics := r.Value("phase"), r.Value("event"), r.Items("topics")
	if r.Err() != nil {
		return Event{}, r.Err()
	}
	pallet, e, err := palletVariant(event)
	if err != nil {
		return Event{}, err
	}
	out := Event{Pallet: pallet, Name: e.Name, Fields: e.Fields}
	if out.Phase, err = asPhase(phase); err != nil {
		return Event{}, err
	}
	for _, topic := range topics {
		b, err := topic.Bytes()
		if err != nil {
			return Event{}, err
		}
		out.Topics = append(out.Topics, b)
	}
	return out, nil
}

func asPhase(v Value) (Phase, error) {
	e, err := v.Variant()
	if err != nil {
		return 0, err
	}
	switch e.Name {
	case "Initialization":
		return Initialization, nil
	case "Finalization":
		return Finalization, nil
	case "ApplyExtrinsic":
		index, err := e.Fields.At(0)
		if err != nil {
			return 0, err
		}
		n, err := index.Int64()
		return Phase(n), err
	}
	return 0, fmt.Errorf("%w: a phase %q", ErrValue, e.Name)
}

// EncodeEvents makes the value of System.Events; ErrValue.
func (m *Metadata) EncodeEvents(events []Event) ([]byte, error) {
	entry, err := m.Storage("System", "Events")
	if err != nil {
		return nil, err
	}
	records := make([]Value, len(events))
	for i, e := range events {
		phase := Enum("ApplyExtrinsic", Int(int64(e.Phase)))
		switch e.Phase {
		case Initialization:
			phase = Enum("Initialization")
		case Finalization:
			phase = Enum("Finalization")
		}
		topics := make([]Value, len(e.Topics))
		for j, topic := range e.Topics {
			topics[j] = Bytes(topic)
		}
		records[i] = Record(map[string]Value{
			"phase":  phase,
			"event":  Enum(e.Pallet, Enum(e.Name, e.Fields.Values...)),
			"topics": List(topics...),
		})
	}
	return entry.Encode(List(records...))
}

// DispatchError is why a call failed after it was taken into a block. It is an
// error.
type DispatchError struct {
	Pallet string // whose error it is; "" for one of the runtime itself
	Name   string // such as NotRegistered, BadOrigin, Token.FundsUnavailable
	Docs   string // the pallet's own words; may be empty
}

func (e *DispatchError) Error() string {
	s := e.Name
	if e.Pallet != "" {
		s = e.Pallet + "." + s
	}
	if e.Docs != "" {
		s += ": " + e.Docs
	}
	return s
}

// DispatchError names the error in a value of the type DispatchError, as in the
// events System.ExtrinsicFailed and Sudo.Sudid. ErrValue when v is no such
// value, ErrUnknown when the metadata does not know the error.
func (m *Metadata) DispatchError(v Value) (*DispatchError, error) {
	e, err := v.Variant()
	if err != nil {
		return nil, err
	}
	inner, err := e.Fields.At(0)
	if err != nil {
		return &DispatchError{Name: e.Name}, nil
	}
	if e.Name == "Module" {
		return m.moduleError(inner)
	}
	if detail, err := inner.Variant(); err == nil {
		return &DispatchError{Name: e.Name + "." + detail.Name}, nil
	}
	return &DispatchError{Name: e.Name, Docs: inner.String()}, nil
}

// moduleError looks a pallet's error up. The number is a byte, in later
// runtimes the first of four.
func (m *Metadata) moduleError(v Value) (*DispatchError, error) {
	r := NewReader(v)
	index, number := r.Uint64("index"), r.Value("error")
	if r.Err() != nil {
		return nil, r.Err()
	}
	code, err := number.Uint64()
	if b, isBytes := number.ref.([]byte); isBytes && len(b) > 0 {
		code, err = uint64(b[0]), nil
	}
	if err != nil || index > 255 || code > 255 {
		return nil, fmt.Errorf("%w: a module error %v", ErrValue, v)
	}
	p, ok := m.palletAt(uint8(index))
	if !ok || p.Errors == NoType {
		return nil, fmt.Errorf("%w: an error of pallet %d", ErrUnknown, index)
	}
	alt := m.types[p.Errors].variantAt(uint8(code))
	if alt == nil {
		return nil, fmt.Errorf("%w: error %d of %s", ErrUnknown, code, p.Name)
	}
	docs := strings.TrimSpace(strings.Join(alt.Docs, " "))
	return &DispatchError{Pallet: p.Name, Name: alt.Name, Docs: docs}, nil
}
