package substratetest

import (
	"bytes"
	"encoding/json"
	"slices"
)

// FaultKind is how a node fails.
type FaultKind int

const (
	// None is no fault.
	None FaultKind = iota
	// Drop breaks the connection instead of the message.
	Drop
	// Truncate announces the message, sends half of it and hangs up.
	Truncate
	// WrongID answers a request that nobody made.
	WrongID
	// LongLength puts a length of 2^30-1 in front of every encoded value in the
	// answer.
	LongLength
	// Oversize makes the message Size bytes long.
	Oversize
	// Stall says nothing.
	Stall
	// Refuse answers Code, Message and Data as an error.
	Refuse
	// Say says Data instead of what there is to say.
	Say
)

// Fault is one that a test switches on.
type Fault struct {
	Kind FaultKind
	// Method is whose answers fail, or which notifications (chain_newHead,
	// chain_finalizedHead, author_extrinsicUpdate, state_storage,
	// state_runtimeVersion); "" is all
	// answers and notifications.
	Method string
	// Skip is how many messages pass before, Times how many fail; 0 is all from
	// then on.
	Skip, Times int
	Size        int // of Oversize, in bytes
	Code        int // of Refuse
	Message     string
	Data        any // of Refuse and Say

	done bool
}

// Fail switches a fault on. The first that fits a message is the one that
// happens.
func (n *Node) Fail(f Fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = append(n.faults, &f)
}

// Heal switches all faults off. What stalled stays unanswered.
func (n *Node) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = nil
}

// fault is what happens to a message of that method; None mostly.
func (n *Node) fault(method string) Fault {
	for _, f := range n.faults {
		if f.Method != "" && f.Method != method {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times > 0 {
			f.Times--
			f.done = f.Times == 0
		}
		out := *f
		n.faults = slices.DeleteFunc(n.faults, func(f *Fault) bool { return f.done })
		return out
	}
	return Fault{}
}

// pad makes a message as long as the fault wants it.
func pad(text []byte, f Fault) []byte {
	if f.Kind != Oversize || len(text) >= f.Size {
		return text
	}
	return append(text, bytes.Repeat([]byte{' '}, f.Size-len(text))...)
}

// lie puts a length that is not there in front of whatever is written as hex
// digits.
func lie(result any) any {
	text, err := json.Marshal(result)
	if err != nil {
		return result
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return result
	}
	return lying(v)
}

func lying(v any) any {
	switch v := v.(type) {
	case string:
		if len(v) >= 2 && v[:2] == "0x" {
			return "0xfeffffff" + v[2:]
		}
	case []any:
		for i := range v {
			if pair, ok := v[i].([]any); ok && len(pair) == 2 {
				pair[1] = lying(pair[1]) // a key and its value
				continue
			}
			v[i] = lying(v[i])
		}
	case map[string]any:
		if changes, ok := v["changes"]; ok {
			v["changes"] = lying(changes)
		}
	}
	return v
}
