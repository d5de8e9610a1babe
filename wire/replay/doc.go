// Package replay remembers when the requests that a server let in were signed, so
// that none is let in again, whatever becomes of the clock and of the process. It
// is not what tells one request from another: the servers of wire/synapse and
// wire/stream do that for as long as they remember each. Enter at Open.
package replay
