package incentive

import (
	"errors"
	"fmt"
)

// ErrProfile says that there is no such profile.
var ErrProfile = errors.New("no such incentive profile")

// DefaultProfile is the profile of DefaultRules.
const DefaultProfile = "v3"

const eib = 1 << 60

// Profiles are the names that Profile knows, the default first.
func Profiles() []string { return []string{DefaultProfile, "v3-plain", "v3-readme", "v2", "v1"} }

// Profile is a generation of the rules by its name. All but the default pay a
// success whatever the audits show, as the reference does; v3-plain is the
// default without that difference. It fails with ErrProfile.
func Profile(name string) (Rules, error) {
	r := DefaultRules()
	if name == DefaultProfile {
		return r, nil
	}
	r.Possession.Exponent = 0
	switch name {
	case "v3-plain":
	case "v3-readme":
		r.Tiers = v3Readme()
	case "v2":
		r.Tiers = v2()
	case "v1":
		r.Tiers, r.Measure, r.Fastest = v1(), LeastRate, 0
	default:
		return Rules{}, fmt.Errorf("%w: %q", ErrProfile, name)
	}
	return r, nil
}

// DefaultRules are those of the reference, 3.0, with possession.
func DefaultRules() Rules {
	return Rules{
		Tiers: V3(), Success: 1, RetrieveFailure: -0.01, Unavailable: -0.005,
		Fastest: 2, Alpha: 0.05,
		Possession: PossessionRules{
			Exponent: 16, Tolerance: 0.03, Penalty: 200, MaxDebt: 2000, Challenges: 32, Retrievals: 12, Unproven: 0.5,
		},
		Capacity: CapacityRules{Start: 1 << 30, Growth: 2},
	}
}

// v3Readme are the tiers of the prose of 3.0's README.
func v3Readme() Tiers {
	tiers := V3()
	for i, successes := range []uint64{15_000, 10_000, 8_000, 6_000, 4_000, 2_000, 500} {
		tiers[i].MinSuccesses = successes
	}
	for i, factor := range []float64{0.90, 0.85, 0.80, 0.75, 0.65, 0.65, 0.60} {
		tiers[i+1].Factor = factor
	}
	return tiers
}

func v2() Tiers {
	return Tiers{
		{"Super Saiyan", 1 * eib, 0.88, 10_000, 1.0, 1.02},
		{"Diamond", 1 * pib, 0.77, 5_000, 0.9, 1.05},
		{"Gold", 100 * tib, 0.66, 2_000, 0.8, 1.10},
		{"Silver", 10 * tib, 0.55, 1_000, 0.7, 1.15},
		{"Bronze", 1 * tib, 0, 0, 0.6, 1.20},
	}
}

func v1() Tiers {
	return Tiers{
		{"Super Saiyan", 1 * eib, 0.999, 100_000, 2.0, 1},
		{"Diamond", 1 * pib, 0.99, 50_000, 1.0, 1},
		{"Gold", 100 * tib, 0.975, 5_000, 0.888, 1},
		{"Silver", 10 * tib, 0.95, 1_000, 0.555, 1},
		{"Bronze", 1 * tib, 0, 0, 0.333, 1},
	}
}
