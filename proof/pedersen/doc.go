// Package pedersen makes and opens the Pedersen commitments of the FileTAO
// protocol on P-256: C = m·G + r·H for bases G and H that the asker draws anew
// for every request. Nothing here is secret once an answer is sent, and the
// many-commitments path does not run in constant time: it is no signature
// library and no key may pass through it. Enter at ParseBases (to answer) or
// NewBases (to ask); CommitAll is the fast way to many commitments.
package pedersen
