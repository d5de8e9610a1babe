package wire

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// The statuses of the wire: what a peer answered, or what the asker found out
// by itself (408, 422, 499, 503). This is the one table between errors and
// statuses; the constructors below make an error of each.
const (
	StatusOK           = 200
	StatusBadRequest   = 400 // a request that cannot be understood or satisfied
	StatusUnauthorized = 401 // signature or nonce
	StatusForbidden    = 403 // known, and not allowed
	StatusNotFound     = 404 // no such message, or no such data
	StatusTimeout      = 408 // no answer before the deadline
	StatusConflict     = 409 // not as things stand now
	StatusTooLarge     = 413 // over the limit of the message
	StatusUnparsable   = 422 // a body that is not what it should be
	StatusTooMany      = 429 // over the rate limit
	StatusCancelled    = 499 // the asker gave up: no fault of the peer
	StatusInternal     = 500 // the answerer failed
	StatusUnavailable  = 503 // unreachable, overloaded or not ready
	StatusFull         = 507 // no room for the data
)

// Error is a failed exchange. The asker sees the peer's status and text; a
// handler returns one to choose them. Err, if set, is the cause on this side
// and never travels.
type Error struct {
	Status int
	Text   string
	Err    error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("status %d: %s", e.Status, e.Text)
	if e.Err != nil && !strings.HasSuffix(s, e.Err.Error()) {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error. An error formatted with %w is its cause, and its text
// is part of what the peer sees.
func Errorf(status int, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Status: status, Text: err.Error(), Err: errors.Unwrap(err)}
}

// BadRequest is 400: the request cannot be understood or satisfied.
func BadRequest(format string, args ...any) *Error {
	return Errorf(StatusBadRequest, format, args...)
}

// Unauthorized is 401: signature or nonce are refused.
func Unauthorized(format string, args ...any) *Error {
	return Errorf(StatusUnauthorized, format, args...)
}

// Forbidden is 403: the caller is known and not allowed.
func Forbidden(format string, args ...any) *Error { return Errorf(StatusForbidden, format, args...) }

// NotFound is 404: the data or the message are not known here.
func NotFound(format string, args ...any) *Error { return Errorf(StatusNotFound, format, args...) }

// Timeout is 408: the deadline passed.
func Timeout(format string, args ...any) *Error { return Errorf(StatusTimeout, format, args...) }

// Conflict is 409: the request does not fit the present state.
func Conflict(format string, args ...any) *Error { return Errorf(StatusConflict, format, args...) }

// TooLarge is 413: the data are over the limit.
func TooLarge(format string, args ...any) *Error { return Errorf(StatusTooLarge, format, args...) }

// Unparsable is 422: a body is not what it should be.
func Unparsable(format string, args ...any) *Error { return Errorf(StatusUnparsable, format, args...) }

// TooMany is 429: the caller is over its rate limit.
func TooMany(format string, args ...any) *Error { return Errorf(StatusTooMany, format, args...) }

// Unavailable is 503: unreachable, overloaded or not ready yet.
func Unavailable(format string, args ...any) *Error {
	return Errorf(StatusUnavailable, format, args...)
}

// Full is 507: there is no room for the data.
func Full(format string, args ...any) *Error { return Errorf(StatusFull, format, args...) }

// StatusOf is the status of an error: 200 for nil, an Error's own wherever it
// is wrapped, 408 for a deadline, 499 for a cancelled context, 500 for all
// else.
func StatusOf(err error) int {
	var e *Error
	switch {
	case err == nil:
		return StatusOK
	case errors.As(err, &e):
		return e.Status
	case errors.Is(err, context.DeadlineExceeded):
		return StatusTimeout
	case errors.Is(err, context.Canceled):
		return StatusCancelled
	default:
		return StatusInternal
	}
}
