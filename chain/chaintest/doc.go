// Package chaintest is what every implementation of chain.Chain has to pass. It
// is no test double: it drives a chain that makes blocks, through the interface
// only. Enter at Run.
package chaintest
