// Package wire says what the participants of the network tell each other: the
// messages with their fields, who asks, how long it took, what can go wrong
// and its status, and the front door that decides who is let in. It moves no
// bytes: a transport does (wire/synapse is Bittensor's HTTP), and every
// transport passes the suite in wire/wiretest. Enter at Message for what is
// said, Transport for the asker, Handler and Door for the answerer.
package wire
