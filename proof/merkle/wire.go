package merkle

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// maxWire is the longest wire form read: MaxSteps nodes of MaxNode bytes in hex
// with their keys, in base64, and room for white space.
const maxWire = 64 << 10

// Wire is the path as sent: base64 of the JSON text that Python's json.dumps
// writes, a list of one-key objects, each naming the side the sibling is on.
func (p Path) Wire() string {
	text := []byte{'['}
	for i, s := range p {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = fmt.Appendf(text, `{"%s": "%x"}`, s.side(), s.Sibling)
	}
	return base64.StdEncoding.EncodeToString(append(text, ']'))
}

func (s Step) side() string {
	if s.Left {
		return "left"
	}
	return "right"
}

// ParsePath reads what Wire writes, with any white space JSON allows. It
// returns ErrPath for all else: more than MaxSteps steps, siblings that are
// empty, above MaxNode bytes or not in lower-case hex.
func ParsePath(wire string) (Path, error) {
	if len(wire) > maxWire {
		return nil, fmt.Errorf("%w: %d characters", ErrPath, len(wire))
	}
	text, err := base64.StdEncoding.Strict().DecodeString(wire)
	if err != nil || strings.ContainsAny(wire, "\r\n") {
		return nil, fmt.Errorf("%w: not base64", ErrPath)
	}
	var steps []map[string]string
	if err := json.Unmarshal(text, &steps); err != nil || steps == nil {
		return nil, fmt.Errorf("%w: not a JSON list of steps", ErrPath)
	}
	if len(steps) > MaxSteps {
		return nil, fmt.Errorf("%w: %d steps", ErrPath, len(steps))
	}
	path := make(Path, len(steps))
	for i, s := range steps {
		if path[i], err = parseStep(s); err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
	}
	return path, nil
}

func parseStep(s map[string]string) (Step, error) {
	left, isLeft := s["left"]
	right, isRight := s["right"]
	if len(s) != 1 || isLeft == isRight {
		return Step{}, fmt.Errorf("%w: neither left nor right alone", ErrPath)
	}
	sibling, err := ParseNode(left + right)
	return Step{Left: isLeft, Sibling: sibling}, err
}

// ParseNode reads a node, a root or a sibling, from its lower-case hex. It
// returns ErrPath for all else, also for no bytes and more than MaxNode.
func ParseNode(text string) ([]byte, error) {
	if len(text) == 0 || len(text) > 2*MaxNode {
		return nil, fmt.Errorf("%w: a node of %d characters", ErrPath, len(text))
	}
	node, err := hex.DecodeString(text)
	if err != nil || !bytes.Equal(hex.AppendEncode(nil, node), []byte(text)) {
		return nil, fmt.Errorf("%w: a node that is not lower-case hex", ErrPath)
	}
	return node, nil
}
