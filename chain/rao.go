package chain

import (
	"fmt"
	"strconv"
	"strings"
)

// Rao is an amount of money, 10^9 to the TAO.
type Rao uint64

// TAO is one TAO.
const TAO Rao = 1_000_000_000

// String is the amount in TAO without needless zeros: "1.5 TAO".
func (r Rao) String() string {
	whole := strconv.FormatUint(uint64(r/TAO), 10)
	if rest := r % TAO; rest != 0 {
		whole += strings.TrimRight(fmt.Sprintf(".%09d", uint64(rest)), "0")
	}
	return whole + " TAO"
}

// ParseRao reads an amount in TAO, at most nine decimals, with or without the
// unit: "1.5", "1.5 TAO".
func ParseRao(s string) (Rao, error) {
	text := strings.TrimSpace(strings.TrimSuffix(s, "TAO"))
	whole, decimals, point := strings.Cut(text, ".")
	if len(decimals) > 9 || point && decimals == "" {
		return 0, fmt.Errorf("amount %.40q: want TAO with up to nine decimals", s)
	}
	w, err := strconv.ParseUint(whole, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("amount %.40q: %w", s, err)
	}
	d, err := strconv.ParseUint((decimals + "000000000")[:9], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("amount %.40q: %w", s, err)
	}
	total := w*uint64(TAO) + d
	if w > (1<<64-1-d)/uint64(TAO) {
		return 0, fmt.Errorf("amount %.40q: too large", s)
	}
	return Rao(total), nil
}
