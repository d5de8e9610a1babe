// Package scale speaks SCALE, the encoding of Substrate chains, driven by the
// types that a runtime describes in its metadata (versions 14 and 15). Nothing
// of a chain's layout is built in: storage keys and values, calls, events,
// errors, signed extensions and runtime calls are all looked up by name, so a
// runtime upgrade that moves indexes or fields needs new metadata only.
//
// It is no client: it opens no connection, keeps no key and signs nothing.
//
// Enter at ParseMetadata. A storage entry gives its key and reads its value:
//
//	entry, err := m.Storage("SubtensorModule", "Axons")
//	key, err := entry.Key(scale.Uint(netuid), scale.Bytes(hotkey))
//	value, present, err := entry.Decode(raw) // raw from state_getStorage
//	r := scale.NewReader(value)
//	ip, port := r.Big("ip"), r.Uint64("port")
//	err = r.Err()
//
// Metadata.Call makes a call, Metadata.SigningPayload what is to be signed, and
// Metadata.SignedExtrinsic the transaction; DecodeEvents and DispatchError tell
// what became of it.
//
// # Values
//
// A decoded Value is one of few kinds, told by its type:
//
//	()  and any type that takes no bytes           KindUnit
//	bool                                           KindBool
//	u8 ... u256, i8 ... i256, char, Compact        KindInteger
//	Vec<u8>, [u8; N]                               KindBytes
//	str                                            KindText
//	BitVec                                         KindBits
//	Vec, [T; N], tuple, struct of unnamed fields   KindList
//	struct of named fields                         KindRecord
//	enum, thus also Option and Result              KindVariant
//
// A struct of exactly one unnamed field is its field: AccountId32 and H256 are
// KindBytes, a BoundedVec is a list, Perbill an integer. Whether an integer is
// compact or how wide it is comes from the type. A Value encodes to the bytes
// it was decoded from.
//
// # Limits
//
// Decoding is strict (one encoding for each value: no padded compact integers,
// booleans other than 0 and 1, or bytes left over) and bounded: 256 levels,
// 524,288 values and 1,024 elements without bytes in a list, and no allocation
// for a length that the input cannot hold. That keeps one decoding under about
// 64 MiB whatever the input. Metadata is at most 2 MiB. No input makes anything
// here panic.
package scale
