package incentive_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/filetao/filetao/incentive"
)

// TestAProfileIsAFile writes every profile and reads it again.
func TestAProfileIsAFile(t *testing.T) {
	for _, name := range incentive.Profiles() {
		want, err := incentive.Profile(name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := incentive.EncodeRules(name, want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := incentive.ParseRules(data); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s becomes %+v, %v", name, got, err)
		}
		got, err := incentive.ParseRules([]byte(`{"base":"` + name + `"}`))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("the base %s alone is %+v, %v", name, got, err)
		}
	}
	if got, err := incentive.ParseRules([]byte("{}")); err != nil || !reflect.DeepEqual(got, incentive.DefaultRules()) {
		t.Errorf("nothing is %+v, %v", got, err)
	}
}

// TestEveryRuleIsInTheFile changes each field alone and finds it again.
func TestEveryRuleIsInTheFile(t *testing.T) {
	fields := 0
	change := func(path string, rules *incentive.Rules, v reflect.Value) {
		fields++
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		switch v.Kind() {
		case reflect.Float64:
			v.SetFloat(v.Float()*1.1 - 0.25*float64(truth(strings.Contains(path, "Failure"))))
		case reflect.Int, reflect.Int64:
			v.SetInt(v.Int() ^ 1)
		case reflect.Uint64:
			v.SetUint(v.Uint() ^ 1)
		case reflect.String:
			v.SetString("Other")
		default:
			t.Fatalf("%s is a %s", path, v.Kind())
		}
		data, err := incentive.EncodeRules("v2", *rules)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if got, err := incentive.ParseRules(data); err != nil || !reflect.DeepEqual(got, *rules) {
			t.Errorf("%s is lost: %+v, %v", path, got, err)
		}
		v.Set(old)
	}
	rules := incentive.DefaultRules()
	var walk func(string, reflect.Value)
	walk = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			walk(path, v.Index(0))
		default:
			change(path, &rules, v)
		}
	}
	walk("", reflect.ValueOf(&rules).Elem())
	if fields < 20 {
		t.Errorf("only %d fields", fields)
	}
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestAFileReplacesWhatItNames(t *testing.T) {
	got, err := incentive.ParseRules([]byte(`{"base": "v2", "success": 2, "scaling": "min-max", "possession": {"exponent": 4}, "capacity": {"growth": 3},
		"tiers": [{"name": "Top", "storage_limit": 10, "min_score": 0.5, "factor": 1, "boost": 1}, {"name": "All", "storage_limit": 5, "factor": 0.5, "boost": 1}]}`))
	want, _ := incentive.Profile("v2")
	want.Success, want.Scaling, want.Possession.Exponent, want.Capacity.Growth = 2, incentive.ByMinMax, 4, 3
	want.Tiers = incentive.Tiers{{Name: "Top", StorageLimit: 10, MinScore: 0.5, Factor: 1, Boost: 1}, {Name: "All", StorageLimit: 5, Factor: 0.5, Boost: 1}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	tier := func(more string) string {
		return `{"tiers": [{"name": "A", "storage_limit": 5, "min_score": 0.5, "factor": 1, "boost": 1}, {"name": "B", "storage_limit": 5, "factor": 1, "boost": 1` + more + `}]}`
	}
	for _, c := range []struct{ file, says string }{
		{``, "end of JSON"}, {`[]`, "array"}, {`{} {}`, "after"}, {`{"base": "v9"}`, "v9"}, {`{"base": 3}`, "base"},
		{`{"sucess": 1}`, `"sucess"`}, {`{"possession": {"exponet": 1}}`, `"exponet"`}, {`{"success": "1"}`, "success cannot be a string"},
		{`{"success": 1e999}`, "success"}, {`{"success": 101}`, "success is 101"}, {`{"store_failure": 0.1}`, "store_failure"},
		{`{"alpha": 0}`, "alpha"}, {`{"alpha": 2}`, "alpha"}, {`{"fastest": -1}`, "fastest"}, {`{"fastest": 1.5}`, "fastest"},
		{`{"scaling": "linear"}`, "scaling"}, {`{"measure": ""}`, "measure"}, {`{"possession": {"tolerance": 1}}`, "possession.tolerance"},
		{`{"capacity": {"growth": 0.5}}`, "capacity.growth"}, {`{"capacity": {"start": 0}}`, "capacity.start"}, {`{"tiers": []}`, "number of tiers"},
		{tier(`, "min_score": 0.1`), "everybody"}, {tier(`, "min_score": 0.6`), "the best is the first"}, {tier(`, "name": "A"`), "tiers[1].name"},
		{tier(`, "boost": -1`), "tiers[1].boost"}, {tier(`, "storage_limit": 0`), "tiers[1].storage_limit"}, {tier(`, "min_successes": -1`), "min_successes"},
		{strings.Repeat(" ", incentive.MaxFile) + "{}", "at most"},
	} {
		_, err := incentive.ParseRules([]byte(c.file))
		if !errors.Is(err, incentive.ErrRules) && !errors.Is(err, incentive.ErrProfile) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%.80s: %v", c.file, err)
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		r := incentive.DefaultRules()
		r.Possession.Exponent = bad
		if _, err := incentive.EncodeRules("v3", r); !errors.Is(err, incentive.ErrRules) {
			t.Errorf("an exponent of %v: %v", bad, err)
		}
	}
}

func FuzzRulesAreReadOrRefused(f *testing.F) {
	for _, name := range incentive.Profiles() {
		r, _ := incentive.Profile(name)
		data, err := incentive.EncodeRules(name, r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"base":"v1","success":0,"tiers":[{"name":"é","storage_limit":9223372036854775807,"factor":1e-300}]}`))
	f.Add([]byte(`{"possession":null,"alpha":null,"tiers":null,"base":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := incentive.ParseRules(data)
		if err != nil {
			if !errors.Is(err, incentive.ErrRules) && !errors.Is(err, incentive.ErrProfile) {
				t.Fatal(err)
			}
			return
		}
		again, err := incentive.EncodeRules("v3", r)
		if err != nil {
			t.Fatalf("%q is read and not written: %v", data, err)
		}
		if got, err := incentive.ParseRules(again); err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("%q becomes %s, %v", data, again, err)
		}
	})
}
