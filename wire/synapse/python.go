package synapse

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// pyFloat writes f as Python's repr does: shortest digits that read back the
// same, always with a point or an exponent.
func pyFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "nan"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	e := strconv.FormatFloat(f, 'e', -1, 64)
	exp, err := strconv.Atoi(e[strings.IndexByte(e, 'e')+1:])
	if err == nil && (exp < -4 || exp >= 16) {
		return e
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// maxDigits bounds whole numbers: twice what 2^256 needs, and some.
const maxDigits = 200

// pyInt reads a whole number as Python's int(str) does, within reason: spaces
// around it and a sign are allowed.
func pyInt(s string) (*big.Int, error) {
	s = strings.TrimSpace(s)
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || len(digits) > maxDigits || strings.Trim(digits, "0123456789") != "" {
		return nil, fmt.Errorf("%.40q is not a whole number", s)
	}
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return nil, fmt.Errorf("%.40q is not a whole number", s)
	}
	return n, nil
}

// pyBool is Python's text of a truth value.
func pyBool(b bool) string {
	if b {
		return "True"
	}
	return "False"
}

// pyNone is Python's text of null.
const pyNone = "None"
