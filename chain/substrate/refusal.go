package substrate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
)

// Codes of author_submitAndWatchExtrinsic's errors (sc-rpc-api, author/error.rs).
const (
	codeBadFormat    = 1001
	codeInvalid      = 1010
	codeUnknown      = 1011
	codeBanned       = 1012
	codeImported     = 1013
	codeLowPriority  = 1014
	codePoolFull     = 1016
	codeVerification = 1002
)

// errInvalidCall is the pool's InvalidTransaction::Call: older runtimes say so
// of weights set with too little stake.
var errInvalidCall = fmt.Errorf("%w: the runtime does not take this call from this account now", chain.ErrTransaction)

// byName is what the errors of runtime modules mean, whatever the pallet. The
// names changed in mid-2024: both are here.
func byName() map[string]error {
	return map[string]error{
		"NetworkDoesNotExist": chain.ErrNoSubnet, "SubNetworkDoesNotExist": chain.ErrNoSubnet, "SubnetNotExists": chain.ErrNoSubnet,
		"NotRegistered": chain.ErrNotRegistered, "HotKeyNotRegisteredInSubNet": chain.ErrNotRegistered,
		"HotKeyNotRegisteredInNetwork": chain.ErrNotRegistered, "HotKeyAccountNotExists": chain.ErrNotRegistered,
		"AlreadyRegistered": chain.ErrAlreadyRegistered, "HotKeyAlreadyRegisteredInSubNet": chain.ErrAlreadyRegistered,
		"NoNeuronIdAvailable": chain.ErrFull, "RegistrationDisabled": chain.ErrFull, "SubNetRegistrationDisabled": chain.ErrFull,
		"NonAssociatedColdKey": chain.ErrNotOwner, "HotKeyNotDelegateAndSignerNotOwnHotKey": chain.ErrNotOwner,
		"SettingWeightsTooFast": chain.ErrRateLimit, "CommittingWeightsTooFast": chain.ErrRateLimit,
		"ServingRateLimitExceeded": chain.ErrRateLimit, "TxRateLimitExceeded": chain.ErrRateLimit,
		"StakeRateLimitExceeded": chain.ErrRateLimit, "StakingRateLimitExceeded": chain.ErrRateLimit,
		"StakingOperationRateLimitExceeded": chain.ErrRateLimit,
		"TooManyRegistrationsThisBlock":     chain.ErrRateLimit, "TooManyRegistrationsThisInterval": chain.ErrRateLimit,
		"TooManyUnrevealedCommits": chain.ErrRateLimit,
		"NoValidatorPermit":        chain.ErrNoPermit, "NeuronNoValidatorPermit": chain.ErrNoPermit,
		"NotEnoughStakeToSetWeights": chain.ErrStakeTooLow, "NotEnoughStake": chain.ErrStakeTooLow,
		"NotEnoughBalanceToStake": chain.ErrBalanceTooLow, "NotEnoughBalance": chain.ErrBalanceTooLow,
		"InsufficientBalance": chain.ErrBalanceTooLow, "BalanceWithdrawalError": chain.ErrBalanceTooLow,
		"RegistrationPriceLimitExceeded": chain.ErrBurn,
		"ZeroBalanceAfterWithdrawn":      chain.ErrBalanceTooLow, "Token.FundsUnavailable": chain.ErrBalanceTooLow, "Token.NotExpendable": chain.ErrBalanceTooLow,
		"IncorrectNetworkVersionKey": chain.ErrVersionKey, "IncorrectWeightVersionKey": chain.ErrVersionKey,
		"WeightVecNotEqualSize": chain.ErrWeights, "DuplicateUids": chain.ErrWeights, "InvalidUid": chain.ErrWeights,
		"UidVecContainInvalidOne": chain.ErrWeights, "NotSettingEnoughWeights": chain.ErrWeights,
		"WeightVecLengthIsLow": chain.ErrWeights, "MaxWeightExceeded": chain.ErrWeights, "TooManyUids": chain.ErrWeights,
		"UidsLengthExceedUidsInSubNet": chain.ErrWeights,
		"CommitRevealEnabled":          chain.ErrCommitReveal, "CommitRevealDisabled": chain.ErrReveal,
		"CommitNotAllowed": chain.ErrReveal, "NoCommitFound": chain.ErrReveal, "NoWeightsCommitFound": chain.ErrReveal,
		"InvalidRevealTempo": chain.ErrReveal, "InvalidReveal": chain.ErrReveal,
		"InvalidRevealCommitHashNotMatch": chain.ErrReveal, "ExpiredWeightCommit": chain.ErrReveal, "RevealTooEarly": chain.ErrReveal,
		"IncorrectCommitRevealVersion": chain.ErrTimelock,
		"InvalidIpType":                chain.ErrAxon, "InvalidIpAddress": chain.ErrAxon, "InvalidPort": chain.ErrAxon, "InvalidModality": chain.ErrAxon,
	}
}

// renumbered is the runtime from which on the pool's custom codes have names of
// their own: before, 1 to 3 were too little stake to commit to, reveal and set
// weights.
const renumbered = 233

// byCustom is what subtensor's custom codes of the pool mean (CustomTransactionError
// from that runtime on).
func byCustom(spec uint32) map[uint64]error {
	codes := map[uint64]error{
		1: chain.ErrStakeTooLow, 2: chain.ErrBalanceTooLow, 3: chain.ErrNoSubnet, 4: chain.ErrNotRegistered,
		5: chain.ErrRateLimit, // of registrations, until early 2025; later of calls not made here
		6: chain.ErrRateLimit, 10: chain.ErrNotRegistered, 11: chain.ErrAxon, 12: chain.ErrRateLimit,
		13: chain.ErrAxon, 16: chain.ErrReveal, 17: chain.ErrReveal, 18: chain.ErrWeights, 19: chain.ErrWeights,
		25: chain.ErrNotOwner,
	}
	if spec < renumbered {
		codes[2], codes[3] = chain.ErrStakeTooLow, chain.ErrStakeTooLow
	}
	return codes
}

// byCause is what the pool's own causes mean, as Chopsticks names them and as a
// node puts them into words (sp_runtime's InvalidTransaction).
func byCause() []struct {
	name, words string
	err         error
} {
	return []struct {
		name, words string
		err         error
	}{
		{"stale", "is outdated", chain.ErrNonce},
		{"future", "valid in the future", chain.ErrNonce},
		{"payment", "pay some fees", chain.ErrBalanceTooLow},
		{"exhaustsResources", "exhaust the block limits", chain.ErrRateLimit},
		{"call", "call is not expected", errInvalidCall},
		{"badProof", "bad signature", errOutdated},
		{"ancientBirthBlock", "ancient birth block", errOutdated},
		{"badSigner", "invalid signing address", chain.ErrTransaction},
	}
}

// poolRefusal puts a node's answer to a submitted transaction into the chain's
// terms, by the runtime that would have made the block. It is chain.ErrInFlight
// when there was no answer, or one that does not say that the pool has not taken
// the transaction.
func poolRefusal(err error, spec uint32) error {
	var e *rpcError
	if !errors.As(err, &e) {
		return fmt.Errorf("%w: %w", chain.ErrInFlight, err)
	}
	switch e.Code {
	case codeInvalid:
		return fmt.Errorf("%w: %s", poolCause(e, spec), e.text())
	case codeBadFormat, codeVerification: // as a rule it was made for another runtime
		return fmt.Errorf("%w: %s", errOutdated, e.text())
	case codeUnknown, codeBanned:
		return fmt.Errorf("%w: %s", chain.ErrTransaction, e.text())
	case codeLowPriority:
		return fmt.Errorf("%w: another transaction with its number waits: %s", chain.ErrNonce, e.text())
	case codePoolFull, codeNoMethod:
		return fmt.Errorf("%w: %s", chain.ErrUnavailable, e.text())
	}
	return fmt.Errorf("%w: %s", chain.ErrInFlight, e.text())
}

// text is the node's message and data without what JSON adds.
func (e *rpcError) text() string {
	var data string
	if json.Unmarshal(e.Data, &data) != nil {
		data = string(e.Data)
	}
	return strings.TrimSuffix(fmt.Sprintf("%.400s: %.400s", e.Message, data), ": ")
}

// poolCause finds why the pool holds a transaction invalid: Chopsticks writes
// {"invalid":{"custom":11}} into the message, a node words into the data.
func poolCause(e *rpcError, spec uint32) error {
	var cause struct {
		Invalid map[string]json.RawMessage `json:"invalid"`
	}
	if json.Unmarshal([]byte(e.Message), &cause) == nil {
		if code, ok := cause.Invalid["custom"]; ok {
			return customCause(string(code), spec)
		}
	}
	text := e.text()
	if _, code, ok := strings.Cut(text, "Custom error: "); ok {
		return customCause(code, spec)
	}
	for _, known := range byCause() {
		if _, named := cause.Invalid[known.name]; named || strings.Contains(text, known.words) {
			return known.err
		}
	}
	return chain.ErrTransaction
}

func customCause(text string, spec uint32) error {
	code, err := strconv.ParseUint(text, 10, 8)
	if known, ok := byCustom(spec)[code]; ok && err == nil {
		return known
	}
	return chain.ErrTransaction
}

// dispatchRefusal puts the error of a transaction that is in a block, but
// failed, into the chain's terms. One that means nothing to this package has no
// sentinel, only words.
func dispatchRefusal(e *scale.DispatchError) error {
	if known, ok := byName()[e.Name]; ok {
		return fmt.Errorf("%w: %w", known, e)
	}
	return fmt.Errorf("transaction failed: %w", e)
}
