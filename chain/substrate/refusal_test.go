package substrate

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/filetao/filetao/chain"
)

// What Chopsticks and nodes answer to a transaction they do not take.
func TestPoolRefusals(t *testing.T) {
	for text, want := range map[string]error{
		`{"code":1010,"message":"{\"invalid\":{\"badProof\":null}}"}`:                                                                          chain.ErrTransaction,
		`{"code":1010,"message":"{\"invalid\":{\"stale\":null}}"}`:                                                                             chain.ErrNonce,
		`{"code":1010,"message":"{\"invalid\":{\"payment\":null}}"}`:                                                                           chain.ErrBalanceTooLow,
		`{"code":1010,"message":"{\"invalid\":{\"exhaustsResources\":null}}"}`:                                                                 chain.ErrRateLimit,
		`{"code":1010,"message":"{\"invalid\":{\"custom\":11}}"}`:                                                                              chain.ErrAxon,
		`{"code":1010,"message":"{\"invalid\":{\"custom\":10}}"}`:                                                                              chain.ErrNotRegistered,
		`{"code":1010,"message":"{\"invalid\":{\"custom\":255}}"}`:                                                                             chain.ErrTransaction,
		`{"code":1010,"message":"{\"invalid\":{\"custom\":\"x\"}}"}`:                                                                           chain.ErrTransaction,
		`{"code":1010,"message":"Invalid Transaction","data":"Custom error: 6"}`:                                                               chain.ErrRateLimit,
		`{"code":1010,"message":"Invalid Transaction","data":"Custom error: 12"}`:                                                              chain.ErrRateLimit,
		`{"code":1010,"message":"Invalid Transaction","data":"Transaction has a bad signature"}`:                                               chain.ErrTransaction,
		`{"code":1010,"message":"Invalid Transaction","data":"Transaction is outdated"}`:                                                       chain.ErrNonce,
		`{"code":1010,"message":"Invalid Transaction","data":"Inability to pay some fees (e.g. account balance too low)"}`:                     chain.ErrBalanceTooLow,
		`{"code":1010,"message":"Invalid Transaction","data":"Transaction call is not expected"}`:                                              errInvalidCall,
		`{"code":1010,"message":"Invalid Transaction","data":{"what":"is this"}}`:                                                              chain.ErrTransaction,
		`{"code":1014,"message":"Priority is too low: (1 vs 1)","data":"The transaction has too low priority to replace another transaction"}`: chain.ErrNonce,
		`{"code":1012,"message":"Transaction is temporarily banned"}`:                                                                          chain.ErrTransaction,
		`{"code":1013,"message":"Transaction Already Imported"}`:                                                                               chain.ErrInFlight,
		`{"code":-32000,"message":"upstream timed out"}`:                                                                                       chain.ErrInFlight,
		`{"code":1016,"message":"Immediately Dropped"}`:                                                                                        chain.ErrUnavailable,
		`{"code":1002,"message":"Verification Error: Runtime error","data":"RuntimeApi(\"...\")"}`:                                             chain.ErrTransaction,
		`{"code":-32601,"message":"Method not found"}`:                                                                                         chain.ErrUnavailable,
	} {
		var e rpcError
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		if err := poolRefusal(&e, 300); !errors.Is(err, want) || errors.Is(err, chain.ErrInFlight) != (want == chain.ErrInFlight) || err.Error() == "" {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
	if err := poolRefusal(errLost, 300); !errors.Is(err, chain.ErrInFlight) || !errors.Is(err, chain.ErrUnavailable) {
		t.Error(err)
	}
}

// Every name in the table is one of an error that a recorded runtime has, or
// one of the few known from later ones.
func TestNamesOfErrorsAreTheRuntimes(t *testing.T) {
	known := map[string]bool{"Token.FundsUnavailable": true, "Token.NotExpendable": true, "IncorrectCommitRevealVersion": true,
		"RegistrationPriceLimitExceeded": true}
	eachRecording(t, func(t *testing.T, r *recording) {
		for _, p := range r.types.Pallets() {
			if errs, err := r.types.Type(p.Errors); err == nil {
				for _, e := range errs.Variants {
					known[e.Name] = true
				}
			}
		}
	})
	for name := range byName() {
		if !known[name] {
			t.Errorf("no runtime has an error %s", name)
		}
	}
}

func TestEmitted(t *testing.T) {
	for _, c := range []struct{ in, want []uint16 }{
		{[]uint16{50, 25, 0, 1}, []uint16{65535, 32768, 1311}}, // 32767.5 to even
		{[]uint16{300, 100}, []uint16{65535, 21845}},
		{[]uint16{65535, 32768, 100}, []uint16{65535, 32768, 100}},
		{[]uint16{0, 0}, []uint16{}},
		{nil, []uint16{}},
	} {
		var weights []chain.Weight
		for i, v := range c.in {
			weights = append(weights, chain.Weight{UID: chain.UID(i), Value: v})
		}
		once := emitted(weights)
		twice := emitted(once)
		if len(once) != len(c.want) {
			t.Fatalf("%v becomes %v", c.in, once)
		}
		for i := range once {
			if once[i].Value != c.want[i] || twice[i] != once[i] {
				t.Errorf("%v becomes %v, then %v, want %v", c.in, once, twice, c.want)
			}
		}
	}
}
