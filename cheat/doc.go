// Package cheat is the network's cheaters and the arena in which they meet the
// real validator: each wraps the real miner's handlers on a real axon and alters
// what it keeps or answers, and what the validator makes of it is counted and
// judged. Each plays twice: as a miner of ours, which takes tags and is audited
// natively, and as one of the reference's, which is challenged. It is not a test
// of messages: everything goes over sockets, signed, through the front door. And
// it proves nothing: it shows what these strategies get, no more.
//
// Enter at Run. Catalogue lists the cheaters with what is required of the
// validator. A new cheater is a function from an axon to a trick (see keepers.go
// for short ones) and a line in Catalogue that names it and says how it is
// judged.
package cheat
