package wire

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"testing"
)

// The messages as the reference declares them: names, order, what is required
// (!) and what is hashed (#). A change here is a change of the protocol.
func TestFields(t *testing.T) {
	for _, c := range []struct {
		msg  Message
		name string
		want []string
	}{
		{&Ping{}, "Synapse", nil},
		{&Store{}, "Store", []string{"encrypted_data!", "curve!#", "g!#", "h!#", "seed!#", "randomness#>", "commitment#>", "signature#>", "commitment_hash#>", "ttl"}},
		{&Challenge{}, "Challenge", []string{
			"challenge_hash!", "challenge_index!", "chunk_size!", "g!", "h!", "curve!", "seed!",
			"commitment_hash#>", "commitment_proof#>", "commitment#>", "data_chunk#>", "randomness#>", "merkle_proof#>", "merkle_root#>",
		}},
		{&Retrieve{}, "Retrieve", []string{"data_hash!#", "seed!#", "data#>", "commitment_hash#>", "commitment_proof>"}},
		{&Delete{}, "Delete", []string{"data_hash!#", "deleted>"}},
		{&StoreUser{}, "StoreUser", []string{"encrypted_data!#", "encryption_payload!#", "data_hash>", "ttl"}},
		{&RetrieveUser{}, "RetrieveUser", []string{"data_hash!#", "encrypted_data>", "encryption_payload>"}},
		{&Explain{}, "Explain", []string{"last!#", "explanation>"}},
		{&DeleteUser{}, "DeleteUser", []string{"data_hash!#", "encryption_payload", "deleted>"}},
	} {
		var got []string
		for _, f := range c.msg.Fields() {
			s := f.Name
			if f.Required {
				s += "!"
			}
			if f.Hashed {
				s += "#"
			}
			if f.Answer {
				s += ">"
			}
			got = append(got, s)
			switch f.Value.(type) {
			case *string, **string, *[]byte, *int64, **int64, **big.Int, *bool:
			default:
				t.Errorf("%s.%s is a %T", c.name, f.Name, f.Value)
			}
		}
		if c.msg.Name() != c.name || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.msg.Name(), got, c.want)
		}
	}
}

func TestStatusOf(t *testing.T) {
	cause := errors.New("cause")
	for _, c := range []struct {
		err    error
		status int
	}{
		{nil, 200}, {cause, 500}, {context.DeadlineExceeded, 408}, {fmt.Errorf("x: %w", context.Canceled), 499},
		{NotFound("x"), 404}, {fmt.Errorf("outer: %w", Full("x")), 507}, {&Error{Status: 422, Err: context.Canceled}, 422},
		{BadRequest("x"), 400}, {Unauthorized("x"), 401}, {Forbidden("x"), 403}, {Timeout("x"), 408}, {Conflict("x"), 409},
		{TooLarge("x"), 413}, {Unparsable("x"), 422}, {TooMany("x"), 429}, {Unavailable("x"), 503},
	} {
		if got := StatusOf(c.err); got != c.status {
			t.Errorf("%v has status %d, want %d", c.err, got, c.status)
		}
	}
	hidden := &Error{Status: 404, Text: "gone", Err: cause}
	if hidden.Error() != "status 404: gone: cause" {
		t.Errorf("error %q", hidden)
	}
	err := NotFound("piece %d: %w", 7, cause)
	if !errors.Is(err, cause) || err.Text != "piece 7: cause" || err.Error() != "status 404: piece 7: cause" {
		t.Errorf("error %q, text %q", err, err.Text)
	}
}

func TestReserve(t *testing.T) {
	if err := Reserve(t.Context(), 1<<60); err != nil {
		t.Errorf("without a budget: %v", err)
	}
	var asked int64
	ctx := WithMemory(t.Context(), func(_ context.Context, n int64) error { asked += n; return nil })
	if err := Reserve(ctx, 5); err != nil || asked != 5 {
		t.Errorf("%d bytes were asked for (%v)", asked, err)
	}
}
