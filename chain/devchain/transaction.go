package devchain

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/wallet"
)

// The kinds of call. The numbers of those subtensor has are its own in pallet 7.
const (
	kindSetWeights    = 0
	kindAddStake      = 2
	kindServeAxon     = 4
	kindRegister      = 7
	kindCommitWeights = 96
	kindRevealWeights = 97
	kindTransfer      = 200
)

// signingDomain goes before every signed body, so that no signature made for
// anything else is one of a transaction.
const signingDomain = "FileTAO devchain transaction 1\n"

// maxTransaction is above the length of every transaction that has a meaning.
const maxTransaction = 512 << 10

const signatureSize = 64

// transaction is a signed call. Its encoding is canonical: one meaning, one text
// of bytes (all integers little-endian):
//
//	genesis hash 32, signer 32, nonce u64, kind u8, call, signature 64
type transaction struct {
	genesis   chain.Hash
	signer    wallet.Address
	nonce     uint64
	call      call
	body      []byte // the encoding without the signature
	signature []byte
}

// call is what a transaction does.
type call interface {
	kind() uint8
	appendTo(b []byte) ([]byte, error)
}

// setWeights: netuid u16, count u16, count × (uid u16, value u16), version u64.
type setWeights struct {
	net     chain.NetUID
	weights []chain.Weight
	version uint64
}

// addStake: netuid u16, hotkey 32, rao u64.
type addStake struct {
	net    chain.NetUID
	hotkey wallet.Address
	amount chain.Rao
}

// serveAxon: netuid u16, version u32, ip 16 (IPv4 mapped), ip type u8 (4 or 6),
// port u16, protocol u8.
type serveAxon struct {
	net  chain.NetUID
	axon chain.Axon
}

// register: netuid u16, hotkey 32.
type register struct {
	net    chain.NetUID
	hotkey wallet.Address
}

// commitWeights: netuid u16, hash 32.
type commitWeights struct {
	net  chain.NetUID
	hash chain.Hash
}

// revealWeights: netuid u16, count u16, count × (uid u16, value u16), count u16,
// count × salt u16, version u64.
type revealWeights struct {
	net     chain.NetUID
	weights []chain.Weight
	salt    []uint16
	version uint64
}

// transfer: coldkey 32, rao u64.
type transfer struct {
	to     wallet.Address
	amount chain.Rao
}

func (setWeights) kind() uint8    { return kindSetWeights }
func (addStake) kind() uint8      { return kindAddStake }
func (serveAxon) kind() uint8     { return kindServeAxon }
func (register) kind() uint8      { return kindRegister }
func (commitWeights) kind() uint8 { return kindCommitWeights }
func (revealWeights) kind() uint8 { return kindRevealWeights }
func (transfer) kind() uint8      { return kindTransfer }

func (c setWeights) appendTo(b []byte) ([]byte, error) {
	b, err := appendRow(binary.LittleEndian.AppendUint16(b, uint16(c.net)), c.weights)
	return binary.LittleEndian.AppendUint64(b, c.version), err
}

func (c commitWeights) appendTo(b []byte) ([]byte, error) {
	return append(binary.LittleEndian.AppendUint16(b, uint16(c.net)), c.hash[:]...), nil
}

func (c revealWeights) appendTo(b []byte) ([]byte, error) {
	if len(c.salt) > 1<<16-1 {
		return nil, fmt.Errorf("%w: a salt of %d", chain.ErrWeights, len(c.salt))
	}
	b, err := appendRow(binary.LittleEndian.AppendUint16(b, uint16(c.net)), c.weights)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(c.salt)))
	for _, v := range c.salt {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return binary.LittleEndian.AppendUint64(b, c.version), err
}

func appendRow(b []byte, weights []chain.Weight) ([]byte, error) {
	if len(weights) > 1<<16-1 {
		return nil, fmt.Errorf("%w: %d entries", chain.ErrWeights, len(weights))
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(weights)))
	for _, w := range weights {
		b = binary.LittleEndian.AppendUint16(b, uint16(w.UID))
		b = binary.LittleEndian.AppendUint16(b, w.Value)
	}
	return b, nil
}

func (c addStake) appendTo(b []byte) ([]byte, error) {
	b, err := appendAddress(binary.LittleEndian.AppendUint16(b, uint16(c.net)), c.hotkey)
	return binary.LittleEndian.AppendUint64(b, uint64(c.amount)), err
}

func (c serveAxon) appendTo(b []byte) ([]byte, error) {
	if !c.axon.IP.IsValid() || c.axon.IP.Zone() != "" {
		return nil, fmt.Errorf("%w: address %v", chain.ErrAxon, c.axon.IP)
	}
	ip := c.axon.IP.Unmap()
	ipType := uint8(6)
	if ip.Is4() {
		ipType = 4
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(c.net))
	b = binary.LittleEndian.AppendUint32(b, c.axon.Version)
	sixteen := ip.As16()
	b = append(append(b, sixteen[:]...), ipType)
	return append(binary.LittleEndian.AppendUint16(b, c.axon.Port), c.axon.Protocol), nil
}

func (c register) appendTo(b []byte) ([]byte, error) {
	return appendAddress(binary.LittleEndian.AppendUint16(b, uint16(c.net)), c.hotkey)
}

func (c transfer) appendTo(b []byte) ([]byte, error) {
	b, err := appendAddress(b, c.to)
	return binary.LittleEndian.AppendUint64(b, uint64(c.amount)), err
}

func appendAddress(b []byte, a wallet.Address) ([]byte, error) {
	pub, err := a.PublicKey()
	return append(b, pub[:]...), err
}

// encodeBody is the encoding without the signature.
func encodeBody(genesis chain.Hash, signer [32]byte, nonce uint64, c call) ([]byte, error) {
	b := append(append([]byte(nil), genesis[:]...), signer[:]...)
	return c.appendTo(append(binary.LittleEndian.AppendUint64(b, nonce), c.kind()))
}

// sign makes a transaction and returns its encoding.
func sign(key *wallet.Keypair, genesis chain.Hash, nonce uint64, c call) ([]byte, error) {
	b, err := encodeBody(genesis, key.PublicKey(), nonce, c)
	if err != nil {
		return nil, err
	}
	sig, err := key.Sign(append([]byte(signingDomain), b...))
	if err != nil {
		return nil, fmt.Errorf("sign transaction: %w", err)
	}
	return append(b, sig...), nil
}

// verify checks that the transaction is for this chain and signed by its signer.
func (t *transaction) verify(genesis chain.Hash) error {
	if t.genesis != genesis {
		return fmt.Errorf("%w: made for chain %s, this is %s", chain.ErrTransaction, t.genesis, genesis)
	}
	if err := wallet.Verify(t.signer, append([]byte(signingDomain), t.body...), t.signature); err != nil {
		return fmt.Errorf("%w: %w", chain.ErrTransaction, err)
	}
	return nil
}

// decode reads one whole encoding, and only the canonical one. It checks no
// signature.
func decode(raw []byte) (*transaction, error) {
	if len(raw) > maxTransaction || len(raw) < signatureSize {
		return nil, fmt.Errorf("%w: %d bytes", chain.ErrTransaction, len(raw))
	}
	body, signature := raw[:len(raw)-signatureSize], raw[len(raw)-signatureSize:]
	r := &reader{rest: body}
	t := &transaction{body: body, signature: signature}
	copy(t.genesis[:], r.take(32))
	t.signer, t.nonce = r.address(), r.u64()
	t.call = r.call()
	if r.bad || len(r.rest) != 0 {
		return nil, fmt.Errorf("%w: malformed", chain.ErrTransaction)
	}
	return t, nil
}

// raw is the whole encoding.
func (t *transaction) raw() []byte { return append(append([]byte(nil), t.body...), t.signature...) }

// reader takes fields from the front; once anything was wrong it stays bad and
// yields zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad || len(r.rest) < n {
		r.bad = true
		return make([]byte, n)
	}
	field := r.rest[:n]
	r.rest = r.rest[n:]
	return field
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u16() uint16 { return binary.LittleEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.LittleEndian.Uint64(r.take(8)) }

func (r *reader) address() wallet.Address { return wallet.AddressOf([32]byte(r.take(32))) }

func (r *reader) call() call {
	switch r.u8() {
	case kindSetWeights:
		return setWeights{chain.NetUID(r.u16()), r.row(), r.u64()}
	case kindAddStake:
		return addStake{chain.NetUID(r.u16()), r.address(), chain.Rao(r.u64())}
	case kindServeAxon:
		c := serveAxon{net: chain.NetUID(r.u16())}
		c.axon.Version = r.u32()
		c.axon.IP = r.ip()
		c.axon.Port, c.axon.Protocol = r.u16(), r.u8()
		return c
	case kindRegister:
		return register{chain.NetUID(r.u16()), r.address()}
	case kindCommitWeights:
		return commitWeights{chain.NetUID(r.u16()), chain.Hash(r.take(32))}
	case kindRevealWeights:
		return revealWeights{chain.NetUID(r.u16()), r.row(), r.numbers(), r.u64()}
	case kindTransfer:
		return transfer{r.address(), chain.Rao(r.u64())}
	}
	r.bad = true
	return nil
}

func (r *reader) row() (weights []chain.Weight) {
	for n := r.u16(); n > 0 && !r.bad; n-- {
		weights = append(weights, chain.Weight{UID: chain.UID(r.u16()), Value: r.u16()})
	}
	return weights
}

func (r *reader) numbers() (list []uint16) {
	for n := r.u16(); n > 0 && !r.bad; n-- {
		list = append(list, r.u16())
	}
	return list
}

func (r *reader) ip() netip.Addr {
	ip := netip.AddrFrom16([16]byte(r.take(16)))
	switch ipType := r.u8(); {
	case ipType == 4 && ip.Is4In6():
		return ip.Unmap()
	case ipType == 6 && !ip.Is4In6():
		return ip
	}
	r.bad = true
	return netip.Addr{}
}
