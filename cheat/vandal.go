package cheat

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/filetao/filetao/receipt"
	"github.com/filetao/filetao/wire"
)

// vandal has everything, and answers questions and retrievals, and now and then
// tags, with what hurts who reads it: by turns values that are none, in messages
// that are, and messages that are none.
func vandal(x *axon) trick {
	values, wires, proofs, receipts := valueActs(), wireActs(), proofActs(), receiptActs()
	startValue, startWire := x.intN(len(values)), x.intN(len(wires))
	var turn, valueTurn, receiptTurn atomic.Int64
	return trick{
		tags: func(ctx context.Context, from wire.Caller, msg *wire.Tags) error {
			if err := x.honest[msg.Name()](ctx, from, msg); err != nil {
				return err
			}
			if n := int(receiptTurn.Add(1)); n%3 == 0 { // else there would be no audits
				msg.Receipt = receipts[n/3%len(receipts)](msg.Receipt)
			}
			return nil
		},
		audit: func(ctx context.Context, from wire.Caller, msg *wire.Audit) (float64, error) {
			if err := x.honest[msg.Name()](ctx, from, msg); err != nil {
				return 1, err
			}
			n := int(valueTurn.Add(1)) + startValue
			if n%3 == 0 {
				msg.Receipt = receipts[n/3%len(receipts)](msg.Receipt)
				return 1, nil
			}
			q, err := receipt.ParseQuestion(msg.Question)
			if err != nil {
				return 1, err
			}
			return 1, x.sign(msg, q, proofs[n%len(proofs)](msg.Proof))
		},
		challenge: func(ctx context.Context, from wire.Caller, msg *wire.Challenge) (float64, error) {
			if err := x.honest[msg.Name()](ctx, from, msg); err != nil {
				return 1, err
			}
			values[(int(valueTurn.Add(1))+startValue)%len(values)](msg)
			return 1, nil
		},
		retrieve: func(ctx context.Context, from wire.Caller, msg *wire.Retrieve) error {
			if err := x.honest[msg.Name()](ctx, from, msg); err != nil {
				return err
			}
			msg.Data = append(msg.Data, make([]byte, 8<<20)...)
			return nil
		},
		front: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			n := int64(1) // what is neither is answered well
			if asks(r) || r.URL.Path == "/Retrieve" {
				n = turn.Add(1)
			}
			if n%2 == 1 {
				next.ServeHTTP(w, r)
				return
			}
			_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 1<<20)) // whatever came of it
			wires[(int(n/2)+startWire)%len(wires)](w, r)
		},
	}
}

// valueActs spoil a right answer.
func valueActs() []func(*wire.Challenge) {
	point := func(x, y string) string { return hex.EncodeToString([]byte(x + "," + y)) }
	coordinates := func(m *wire.Challenge) (x, y string) {
		text, _ := hex.DecodeString(m.Commitment) // our own
		x, y, _ = strings.Cut(string(text), ",")
		return x, y
	}
	field, _ := new(big.Int).SetString("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", 16) // P-256's
	return []func(*wire.Challenge){
		func(m *wire.Challenge) { m.Commitment = point("1", "1") }, // off the curve
		func(m *wire.Challenge) { m.Commitment = point("0", "0") }, // infinite, as some write it
		func(m *wire.Challenge) { m.Commitment = "" },
		func(m *wire.Challenge) { m.Commitment = strings.ToUpper(m.Commitment) },
		func(m *wire.Challenge) { x, y := coordinates(m); m.Commitment = point("0"+x, y) },
		func(m *wire.Challenge) {
			x, y := coordinates(m)
			n, _ := new(big.Int).SetString(x, 10)
			m.Commitment = point(n.Add(n, field).String(), y) // the same point to who reduces
		},
		func(m *wire.Challenge) { m.Commitment = strings.Repeat("00", 1<<20) },
		func(m *wire.Challenge) { m.Randomness = nil },
		func(m *wire.Challenge) { m.Randomness = new(big.Int).Neg(m.Randomness) },
		func(m *wire.Challenge) { m.Randomness = new(big.Int).Lsh(big.NewInt(1), 100_000) },
		func(m *wire.Challenge) { m.DataChunk = nil },
		func(m *wire.Challenge) { m.DataChunk = append(m.DataChunk, 0) },
		func(m *wire.Challenge) { m.DataChunk = make([]byte, 8<<20) },
		func(m *wire.Challenge) { m.MerkleRoot = strings.ToUpper(m.MerkleRoot) + "AA" },
		func(m *wire.Challenge) { m.MerkleProof = "\x00" },
		func(m *wire.Challenge) {
			m.MerkleProof = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("["), 30_000))
		},
		func(m *wire.Challenge) {
			step := fmt.Sprintf(`{"left": "%x"},`, make([]byte, 32))
			m.MerkleProof = base64.StdEncoding.EncodeToString([]byte("[" + strings.TrimSuffix(strings.Repeat(step, 65), ",") + "]"))
		},
		func(m *wire.Challenge) { m.CommitmentProof = "0" + m.CommitmentProof },
		func(m *wire.Challenge) { m.CommitmentProof = "+" + m.CommitmentProof },
		func(m *wire.Challenge) { m.CommitmentProof = strings.Repeat("9", 1<<20) },
		func(m *wire.Challenge) { m.CommitmentHash, m.CommitmentProof = m.CommitmentProof, m.CommitmentHash },
		func(m *wire.Challenge) { m.CommitmentHash = "" },
	}
}

// wireActs answer with what is no message.
func wireActs() []http.HandlerFunc {
	endless := func(start, more string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			declareJSON(w)
			_, _ = io.WriteString(w, start) // forever sees whether the asker left
			forever(w, bytes.Repeat([]byte(more), 32<<10/len(more)))
		}
	}
	raw := func(start, more string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			hijacked(w, func(conn io.Writer) {
				_, _ = io.WriteString(conn, start) // likewise
				if more != "" {
					forever(conn, []byte(more))
				}
			})
		}
	}
	const good = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nbt_header_axon_status_code: 200\r\n"
	return []http.HandlerFunc{
		endless(`{"data_chunk": "`, "AAAA"),
		endless(`{"proof": "`, "AAAA"),
		endless(`{"proof": "AAAA", "receipt": "`, "AAAA"),
		endless(``, " "),
		endless(`{"a": `, "["),
		endless(`{"randomness": 1`, "0"),
		endless(`{`, `"a": 1, `),
		raw(good+"Content-Length: 1000000\r\n\r\n{", ""),
		raw(good+"Content-Length: 5\r\n\r\n{\"a\":", ""),
		raw(good+"Content-Length: -1\r\n\r\n{}", ""),
		raw(good+"Content-Length: 999999999999999\r\n\r\n{", " "),
		raw("HTTP/1.1 200 OK\r\n", "x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
		raw("", "HTTP/1.1 100 Continue\r\n\r\n"),
		raw("", "\x00\xff\x16\x03"),
		raw("HTTP/1.1 302 Found\r\nLocation: /Challenge\r\nContent-Length: 0\r\n\r\n", ""),
		raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", ""),
		func(w http.ResponseWriter, r *http.Request) { // nothing more than a header
			declareJSON(w)
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush() // the asker may be gone
			<-r.Context().Done()
		},
	}
}
