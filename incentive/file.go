package incentive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
)

// ErrRules says that rules cannot be used; the error names the field.
var ErrRules = errors.New("unusable rules of the incentive")

// MaxFile is the most that a file of rules may have, in bytes.
const MaxFile = 64 << 10

// rulesFile is a file of rules: docs/incentives.md has its fields.
type rulesFile struct {
	Base             string         `json:"base"`
	Tiers            []tierFile     `json:"tiers"`
	Measure          string         `json:"measure"`
	Success          float64        `json:"success"`
	StoreFailure     float64        `json:"store_failure"`
	ChallengeFailure float64        `json:"challenge_failure"`
	RetrieveFailure  float64        `json:"retrieve_failure"`
	Unavailable      float64        `json:"unavailable"`
	Fastest          int            `json:"fastest"`
	Scaling          string         `json:"scaling"`
	Alpha            float64        `json:"alpha"`
	Possession       possessionFile `json:"possession"`
	Capacity         capacityFile   `json:"capacity"`
}

// These have the fields of what they stand for, and only names of their own.
type (
	tierFile struct {
		Name         string  `json:"name"`
		StorageLimit int64   `json:"storage_limit"`
		MinScore     float64 `json:"min_score"`
		MinSuccesses uint64  `json:"min_successes"`
		Factor       float64 `json:"factor"`
		Boost        float64 `json:"boost"`
	}
	possessionFile struct {
		Exponent   float64 `json:"exponent"`
		Tolerance  float64 `json:"tolerance"`
		Penalty    float64 `json:"penalty"`
		MaxDebt    float64 `json:"max_debt"`
		Challenges float64 `json:"challenges"`
		Retrievals float64 `json:"retrievals"`
		Unproven   float64 `json:"unproven"`
	}
	capacityFile struct {
		Start  int64   `json:"start"`
		Growth float64 `json:"growth"`
	}
)

// The names of measures and scalings in a file.
var (
	measures = [...]string{WilsonOfAll: "wilson", LeastRate: "least-rate"}
	scalings = [...]string{BySigmoid: "sigmoid", ByMinMax: "min-max"}
)

// ParseRules reads rules from JSON: one object, whose base names a Profile, the
// default one if it is missing, and whose other fields replace the base's; tiers
// the whole table. Unknown fields are errors, and so is what Check refuses. It
// fails with ErrRules or ErrProfile.
func ParseRules(data []byte) (Rules, error) {
	if len(data) > MaxFile {
		return Rules{}, fmt.Errorf("%w: %d bytes, at most %d", ErrRules, len(data), MaxFile)
	}
	base := struct {
		Base string `json:"base"`
	}{DefaultProfile}
	if err := json.Unmarshal(data, &base); err != nil {
		return Rules{}, unreadable(err)
	}
	r, err := Profile(base.Base)
	if err != nil {
		return Rules{}, err
	}
	f := r.file(base.Base)
	f.Tiers = nil // else new ones would be laid over old ones
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return Rules{}, unreadable(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Rules{}, fmt.Errorf("%w: something after the object", ErrRules)
	}
	return f.rules(r.Tiers)
}

// unreadable names the field that JSON is wrong about.
func unreadable(err error) error {
	if t := (*json.UnmarshalTypeError)(nil); errors.As(err, &t) && t.Field != "" {
		return fmt.Errorf("%w: %s cannot be a %s", ErrRules, t.Field, t.Value)
	}
	return fmt.Errorf("%w: %w", ErrRules, err)
}

// EncodeRules writes rules as ParseRules reads them, every field of them, in lines.
// base names what they were made from. It fails with ErrRules.
func EncodeRules(base string, r Rules) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(r.file(base), "", "  ")
	return append(data, '\n'), err
}

func (r Rules) file(base string) rulesFile {
	f := rulesFile{
		Base: base, Measure: measures[r.Measure], Success: r.Success, StoreFailure: r.StoreFailure, ChallengeFailure: r.ChallengeFailure,
		RetrieveFailure: r.RetrieveFailure, Unavailable: r.Unavailable, Fastest: r.Fastest, Scaling: scalings[r.Scaling], Alpha: r.Alpha,
		Possession: possessionFile(r.Possession), Capacity: capacityFile(r.Capacity),
	}
	for _, t := range r.Tiers {
		f.Tiers = append(f.Tiers, tierFile(t))
	}
	return f
}

// rules are the file's, with the base's tiers if it has none.
func (f rulesFile) rules(tiers Tiers) (Rules, error) {
	r := Rules{
		Tiers: tiers, Success: f.Success, StoreFailure: f.StoreFailure, ChallengeFailure: f.ChallengeFailure,
		RetrieveFailure: f.RetrieveFailure, Unavailable: f.Unavailable, Fastest: f.Fastest, Alpha: f.Alpha,
		Possession: PossessionRules(f.Possession), Capacity: CapacityRules(f.Capacity),
	}
	if f.Tiers != nil {
		r.Tiers = Tiers{}
		for _, t := range f.Tiers {
			r.Tiers = append(r.Tiers, Tier(t))
		}
	}
	measure, err := named("measure", f.Measure, measures[:])
	if err != nil {
		return Rules{}, err
	}
	scaling, err := named("scaling", f.Scaling, scalings[:])
	if err != nil {
		return Rules{}, err
	}
	r.Measure, r.Scaling = Measure(measure), Scaling(scaling)
	return r, r.Check()
}

func named(field, name string, names []string) (int, error) {
	for i, known := range names {
		if name == known {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%w: %s is %.40q, and there are %q", ErrRules, field, name, names)
}

// maxTiers and maxTierName bound a table.
const maxTiers, maxTierName = 64, 64

// Check says whether rules are such that scores, tiers and weights mean something:
// ErrRules, which names the first field that is out of range.
func (r Rules) Check() error {
	p, c := r.Possession, r.Capacity
	for _, f := range []struct {
		name            string
		is, least, most float64
	}{
		{"measure", float64(r.Measure), 0, float64(len(measures) - 1)}, {"scaling", float64(r.Scaling), 0, float64(len(scalings) - 1)},
		{"success", r.Success, 0, 100}, {"store_failure", r.StoreFailure, -100, 0}, {"challenge_failure", r.ChallengeFailure, -100, 0},
		{"retrieve_failure", r.RetrieveFailure, -100, 0}, {"unavailable", r.Unavailable, -100, 0},
		{"fastest", float64(r.Fastest), 0, 1000}, {"alpha", r.Alpha, 1e-6, 1},
		{"possession.exponent", p.Exponent, 0, 1000}, {"possession.tolerance", p.Tolerance, 0, 0.5},
		{"possession.penalty", p.Penalty, 0, 1e6}, {"possession.max_debt", p.MaxDebt, 0, 1e6},
		{"possession.challenges", p.Challenges, 1, 1e6}, {"possession.retrievals", p.Retrievals, 1, 1e6}, {"possession.unproven", p.Unproven, 0, 1},
		{"capacity.start", float64(c.Start), 1, eib}, {"capacity.growth", c.Growth, 1, 1000},
		{"number of tiers", float64(len(r.Tiers)), 1, maxTiers},
	} {
		if err := within(f.name, f.is, f.least, f.most); err != nil {
			return err
		}
	}
	return r.Tiers.check()
}

func within(name string, is, least, most float64) error {
	if is >= least && is <= most {
		return nil
	}
	return fmt.Errorf("%w: %s is %g, from %g to %g it may be", ErrRules, name, is, least, most)
}

func (t Tiers) check() error {
	seen := map[string]bool{}
	for i, tier := range t {
		where := fmt.Sprintf("tiers[%d]", i)
		switch {
		case tier.Name == "" || len(tier.Name) > maxTierName || seen[tier.Name]:
			return fmt.Errorf("%w: %s.name is %.80q: each has one of its own, of at most %d bytes", ErrRules, where, tier.Name, maxTierName)
		case i > 0 && (tier.MinScore > t[i-1].MinScore || tier.MinSuccesses > t[i-1].MinSuccesses):
			return fmt.Errorf("%w: %s asks for more than the one before it: the best is the first", ErrRules, where)
		case i == len(t)-1 && (tier.MinScore != 0 || tier.MinSuccesses != 0):
			return fmt.Errorf("%w: %s is the lowest, which is everybody's: it asks for no score and no successes", ErrRules, where)
		}
		seen[tier.Name] = true
		for _, f := range []struct {
			name            string
			is, least, most float64
		}{
			{"storage_limit", float64(tier.StorageLimit), 1, math.MaxInt64}, {"min_score", tier.MinScore, 0, 1},
			{"factor", tier.Factor, 0, 100}, {"boost", tier.Boost, 0, 100},
		} {
			if err := within(where+"."+f.name, f.is, f.least, f.most); err != nil {
				return err
			}
		}
	}
	return nil
}
