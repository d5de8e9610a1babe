// Package commits makes weights that are committed first and revealed later, by
// hand: it keeps what reveals a commitment in a file from before it is sent, and
// reveals it in its time, however often it fails until then. It is not the
// validator, which keeps its commitments in its own state, and makes no weights.
// Enter at Folder.
package commits
