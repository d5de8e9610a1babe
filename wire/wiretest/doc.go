// Package wiretest holds what every transport must pass: one suite of
// exchanges between an asker and an answerer over real sockets. It is not a
// transport and has no fakes. Enter at Run.
package wiretest
