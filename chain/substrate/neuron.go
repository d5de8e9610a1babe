package substrate

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"

	"github.com/filetao/filetao/chain"
	"github.com/filetao/filetao/scale"
	"github.com/filetao/filetao/wallet"
)

// address reads an account.
func address(v scale.Value) (wallet.Address, error) {
	var key [32]byte
	b, err := v.Bytes()
	if err == nil && len(b) != len(key) {
		err = fmt.Errorf("an account of %d bytes", len(b))
	}
	if err != nil {
		return "", err
	}
	copy(key[:], b)
	return wallet.AddressOf(key), nil
}

// account makes a value of an address.
func account(a wallet.Address) (scale.Value, error) {
	key, err := a.PublicKey()
	if err != nil {
		return scale.Value{}, fmt.Errorf("account: %w", err)
	}
	return scale.Bytes(key[:]), nil
}

// axonOf reads an AxonInfo, whose fields have no fixed order: in 2024 some
// runtimes put the port before the address. An address that its own kind cannot
// hold is none.
func axonOf(v scale.Value) (chain.Axon, error) {
	r := scale.NewReader(v)
	a := chain.Axon{Block: r.Uint64("block"), Version: uint32(r.Uint64("version")), Port: uint16(r.Uint64("port")), Protocol: uint8(r.Uint64("protocol"))}
	ip, kind := r.Big("ip"), r.Uint64("ip_type")
	if err := r.Err(); err != nil {
		return chain.Axon{}, err
	}
	var b [16]byte
	switch {
	case kind == 4 && ip.BitLen() <= 32:
		a.IP = netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, uint32(ip.Uint64()))))
	case kind == 6 && ip.BitLen() <= 128:
		a.IP = netip.AddrFrom16([16]byte(ip.FillBytes(b[:]))).Unmap()
	}
	return a, nil
}

// axonArguments are those of serve_axon for an axon in a subnet; chain.ErrAxon.
func axonArguments(net chain.NetUID, a chain.Axon) (arguments, error) {
	ip := a.IP.Unmap()
	if !ip.IsValid() || ip.Zone() != "" || a.Port == 0 {
		return nil, fmt.Errorf("%w: address %s, port %d", chain.ErrAxon, a.IP, a.Port)
	}
	kind := uint8(6)
	if ip.Is4() {
		kind = 4
	}
	return arguments{
		"netuid": scale.Uint(net), "version": scale.Uint(a.Version), "ip": scale.Big(new(big.Int).SetBytes(ip.AsSlice())),
		"port": scale.Uint(a.Port), "ip_type": scale.Uint(kind), "protocol": scale.Uint(a.Protocol),
		"placeholder1": scale.Uint(uint8(0)), "placeholder2": scale.Uint(uint8(0)),
	}, nil
}
