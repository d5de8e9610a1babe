package scale

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/blake2b"
)

// TxParams are what a transaction signs besides its call.
type TxParams struct {
	Era                Era
	Nonce              uint64 // of the signer's account
	Tip                uint64 // smallest unit
	SpecVersion        uint32 // of the runtime
	TransactionVersion uint32 // of the runtime
	Genesis            [32]byte
	Checkpoint         [32]byte // hash of block Era.Birth; of the genesis when immortal
}

// known are the signed extensions that carry or sign something, by name: what
// a transaction carries for them, and what is signed besides. All others must
// be of types without bytes.
func known(name string, p TxParams) (extra, additional []byte, ok bool) {
	le := binary.LittleEndian
	switch name {
	case "CheckSpecVersion":
		return nil, le.AppendUint32(nil, p.SpecVersion), true
	case "CheckTxVersion":
		return nil, le.AppendUint32(nil, p.TransactionVersion), true
	case "CheckGenesis":
		return nil, p.Genesis[:], true
	case "CheckMortality", "CheckEra":
		if p.Era.Immortal() {
			return p.Era.Append(nil), p.Genesis[:], true
		}
		return p.Era.Append(nil), p.Checkpoint[:], true
	case "CheckNonce":
		return AppendCompact(nil, p.Nonce), nil, true
	case "ChargeTransactionPayment", "ChargeTransactionPaymentWrapper":
		return AppendCompact(nil, p.Tip), nil, true
	case "CheckMetadataHash":
		return []byte{0}, []byte{0}, true // mode off, and no hash
	}
	return nil, nil, false
}

// extensionBytes are what the transaction carries and what is signed besides, each
// in the metadata's order. What they mean goes by name, and the bytes must be
// of the types that the metadata gives; else ErrExtension.
func (m *Metadata) extensionBytes(p TxParams) (extra, additional []byte, err error) {
	for _, ext := range m.extensions {
		carried, signed, ok := known(ext.Name, p)
		if !ok && (m.types[ext.Type].least > 0 || m.types[ext.Additional].least > 0) {
			return nil, nil, fmt.Errorf("%w: %s, which this version does not know", ErrExtension, ext.Name)
		}
		if _, err := m.Decode(ext.Type, carried); err != nil {
			return nil, nil, fmt.Errorf("%w: %s: carries something else than expected: %w", ErrExtension, ext.Name, err)
		}
		if _, err := m.Decode(ext.Additional, signed); err != nil {
			return nil, nil, fmt.Errorf("%w: %s: signs something else than expected: %w", ErrExtension, ext.Name, err)
		}
		extra, additional = append(extra, carried...), append(additional, signed...)
	}
	return extra, additional, nil
}

// Payload is what a signature is about: the call, what the transaction carries,
// and what both sides know. SigningPayload is what is signed. ErrExtension.
func (m *Metadata) Payload(call []byte, p TxParams) ([]byte, error) {
	extra, additional, err := m.extensionBytes(p)
	if err != nil {
		return nil, err
	}
	payload := make([]byte, 0, len(call)+len(extra)+len(additional))
	return append(append(append(payload, call...), extra...), additional...), nil
}

// SigningPayload is the message to sign: the payload, or its BLAKE2b-256 when
// that has more than 256 bytes. ErrExtension.
func (m *Metadata) SigningPayload(call []byte, p TxParams) ([]byte, error) {
	payload, err := m.Payload(call, p)
	if err != nil || len(payload) <= 256 {
		return payload, err
	}
	sum := blake2b.Sum256(payload)
	return sum[:], nil
}

// SignedExtrinsic is the whole transaction, with its length in front: call as
// of Call, the signer's public key, and its sr25519 signature of
// SigningPayload. Blake2_256.Hash of the result is the transaction's hash.
// ErrExtension, ErrValue.
func (m *Metadata) SignedExtrinsic(call []byte, signer [32]byte, signature [64]byte, p TxParams) ([]byte, error) {
	if err := m.versionKnown(); err != nil {
		return nil, err
	}
	extra, _, err := m.extensionBytes(p)
	if err != nil {
		return nil, err
	}
	body := []byte{signedBit | extrinsicVersion}
	if body, err = m.Append(body, m.extrinsic.address, m.either(m.extrinsic.address, "Id", signer[:])); err != nil {
		return nil, fmt.Errorf("signer: %w", err)
	}
	if body, err = m.Append(body, m.extrinsic.signature, m.either(m.extrinsic.signature, "Sr25519", signature[:])); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	body = append(append(body, extra...), call...)
	return append(AppendCompact(nil, uint64(len(body))), body...), nil
}

const (
	signedBit        = 0x80
	extrinsicVersion = 4
)

func (m *Metadata) versionKnown() error {
	if m.extrinsic.version != extrinsicVersion {
		return fmt.Errorf("%w: transactions of version %d", ErrUnknown, m.extrinsic.version)
	}
	return nil
}

// either is b as it is, or as the variant of that name where the type is an
// enum.
func (m *Metadata) either(t TypeID, variant string, b []byte) Value {
	if m.types[t].Kind == VariantType {
		return Enum(variant, Bytes(b))
	}
	return Bytes(b)
}

// BareExtrinsic is an unsigned transaction with its length in front, such as
// the inherents that begin a block. ErrUnknown when the runtime's transactions
// are of an unknown version.
func (m *Metadata) BareExtrinsic(call []byte) ([]byte, error) {
	if err := m.versionKnown(); err != nil {
		return nil, err
	}
	b := append(AppendCompact(nil, uint64(len(call)+1)), extrinsicVersion)
	return append(b, call...), nil
}

// Extrinsic is a transaction, or an inherent.
type Extrinsic struct {
	Signed    bool
	Signer    Value            // as the metadata has it: MultiAddress.Id
	Signature Value            // as the metadata has it: MultiSignature.Sr25519
	Extra     []ExtensionValue // what it carries, in order
	Call      Call
	CallBytes []byte // the encoded call
}

// ExtensionValue is what a transaction carries for one signed extension.
type ExtensionValue struct {
	Name  string
	Raw   []byte
	Value Value
}

// DecodeExtrinsic reads a transaction of version 4 with its length in front;
// ErrData.
func (m *Metadata) DecodeExtrinsic(b []byte) (Extrinsic, error) {
	n, rest, err := DecodeCompact(b)
	if err != nil {
		return Extrinsic{}, err
	}
	if n != uint64(len(rest)) || n == 0 {
		return Extrinsic{}, fmt.Errorf("%w: a transaction of %d bytes in %d", ErrData, n, len(rest))
	}
	var x Extrinsic
	switch version := rest[0]; version {
	case extrinsicVersion:
		rest = rest[1:]
	case signedBit | extrinsicVersion:
		if rest, err = m.decodeSigned(&x, rest[1:]); err != nil {
			return Extrinsic{}, err
		}
	default:
		return Extrinsic{}, fmt.Errorf("%w: a transaction whose version byte is %#x", ErrData, version)
	}
	x.CallBytes = rest
	if x.Call, err = m.DecodeCall(rest); err != nil {
		return Extrinsic{}, fmt.Errorf("call: %w", err)
	}
	return x, nil
}

// decodeSigned reads signer, signature and extensions; rest is the call.
func (m *Metadata) decodeSigned(x *Extrinsic, b []byte) (rest []byte, err error) {
	x.Signed = true
	if x.Signer, b, err = m.DecodePrefix(m.extrinsic.address, b); err != nil {
		return nil, fmt.Errorf("signer: %w", err)
	}
	if x.Signature, b, err = m.DecodePrefix(m.extrinsic.signature, b); err != nil {
		return nil, fmt.Errorf("signature: %w", err)
	}
	for _, ext := range m.extensions {
		v, after, err := m.DecodePrefix(ext.Type, b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ext.Name, err)
		}
		x.Extra = append(x.Extra, ExtensionValue{Name: ext.Name, Raw: b[:len(b)-len(after)], Value: v})
		b = after
	}
	return b, nil
}

// Account is the signer's public key; ErrValue unless it is signed by one.
func (x Extrinsic) Account() ([32]byte, error) { return fixed[[32]byte](x.Signer, "Id") }

// Sr25519 is the signature; ErrValue unless it is of that kind.
func (x Extrinsic) Sr25519() ([64]byte, error) { return fixed[[64]byte](x.Signature, "Sr25519") }

// fixed is the bytes in v, or in the variant of that name.
func fixed[A [32]byte | [64]byte](v Value, variant string) (A, error) {
	var a A
	if e, ok := v.ref.(*Variant); ok && e.Name == variant && len(e.Fields.Values) == 1 {
		v = e.Fields.Values[0]
	}
	b, err := v.Bytes()
	if err != nil {
		return a, err
	}
	if len(b) != len(a) {
		return a, fmt.Errorf("%w: %d bytes where %d are wanted", ErrValue, len(b), len(a))
	}
	return A(b), nil
}

// Params are era, nonce and tip of a signed transaction; the versions and
// hashes that were signed are not in it, and are zero. With them filled in,
// SigningPayload of CallBytes is what the signature is about. ErrData.
func (x Extrinsic) Params() (TxParams, error) {
	var p TxParams
	for _, ext := range x.Extra {
		var err error
		switch ext.Name {
		case "CheckMortality", "CheckEra":
			p.Era, _, err = DecodeEra(ext.Raw)
		case "CheckNonce":
			p.Nonce, _, err = DecodeCompact(ext.Raw)
		case "ChargeTransactionPayment", "ChargeTransactionPaymentWrapper":
			p.Tip, _, err = DecodeCompact(ext.Raw)
		}
		if err != nil {
			return TxParams{}, fmt.Errorf("%s: %w", ext.Name, err)
		}
	}
	return p, nil
}
