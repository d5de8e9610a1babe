package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/filetao/filetao/wallet"
	"github.com/spf13/cobra"
)

// maxSigned bounds what is read to be signed or verified, in bytes: it has to
// be in memory.
const maxSigned = 1 << 30

// messageFlags say what is signed; exactly one is given.
type messageFlags struct{ text, hex, file string }

func (m *messageFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&m.text, "message", "", "the text itself")
	f.StringVar(&m.hex, "hex", "", "bytes in hex, with or without 0x")
	f.StringVar(&m.file, "file", "", "content of a file (- for standard input)")
	cmd.MarkFlagsMutuallyExclusive("message", "hex", "file")
}

// message reads the bytes; a missing one is asked for at a terminal.
func (c *cli) message(cmd *cobra.Command, m messageFlags) ([]byte, error) {
	switch {
	case cmd.Flags().Changed("message"):
		return []byte(m.text), nil
	case cmd.Flags().Changed("hex"):
		raw, err := hex.DecodeString(strings.TrimPrefix(m.hex, "0x"))
		if err != nil {
			return nil, usagef("--hex: %v", err)
		}
		return raw, nil
	case m.file == "":
		text, err := c.ask("Message: ", false)
		if errors.Is(err, errNoTerminal) {
			err = usagef("no message is given: use --message, --hex or --file")
		}
		return []byte(text), err
	}
	in := c.in
	if m.file != "-" {
		f, err := os.Open(m.file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxSigned+1))
	if err == nil && len(data) > maxSigned {
		err = usagef("%s is longer than %d bytes: sign a hash of it instead", m.file, maxSigned)
	}
	return data, err
}

func (c *cli) walletSignCommand() *cobra.Command {
	var from messageFlags
	cmd := &cobra.Command{
		Use: "sign [hotkey | coldkey]", Short: "Sign a message, with the hotkey unless told otherwise",
		Example: `  filetao wallet sign --message "I own this hotkey"
  filetao wallet sign coldkey --file letter.txt`,
		Args: keyWords, ValidArgs: []string{coldkeyWord, hotkeyWord},
		RunE: func(cmd *cobra.Command, args []string) error {
			msg, err := c.message(cmd, from)
			if err != nil {
				return err
			}
			k, err := c.key(strings.Join(args, ""))
			if err != nil {
				return err
			}
			sig, err := k.Sign(msg)
			if err != nil {
				return err
			}
			answer := struct {
				Address   wallet.Address `json:"address"`
				Signature string         `json:"signature"`
			}{k.Address(), "0x" + hex.EncodeToString(sig)}
			return c.print(answer, func() { fmt.Fprintln(c.out, answer.Signature) })
		},
	}
	from.flags(cmd)
	return cmd
}

func (c *cli) walletVerifyCommand() *cobra.Command {
	var from messageFlags
	var address, signature string
	cmd := &cobra.Command{
		Use: "verify", Short: "Check a signature",
		Long: `Check a signature. Signatures of browser extensions, which wrap the message in
<Bytes>…</Bytes>, are good as well. A wrong signature ends with exit code 4.`,
		Example: `  filetao wallet verify --address 5Grw… --signature 0x… --message "I own this hotkey"`,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := wallet.ParseAddress(address)
			if err != nil {
				return fmt.Errorf("--address: %w", err)
			}
			sig, err := hex.DecodeString(strings.TrimPrefix(signature, "0x"))
			if err != nil {
				return usagef("--signature: %v", err)
			}
			msg, err := c.message(cmd, from)
			if err != nil {
				return err
			}
			if err := wallet.VerifyLenient(a, msg, sig); err != nil {
				return err
			}
			return c.print(map[string]bool{"valid": true}, func() { fmt.Fprintln(c.out, "valid") })
		},
	}
	f := cmd.Flags()
	f.StringVar(&address, "address", "", "SS58 address of the signer")
	f.StringVar(&signature, "signature", "", "128 hex digits, with or without 0x")
	from.flags(cmd)
	for _, name := range []string{"address", "signature"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic("--" + name + ": " + err.Error()) // the flag was defined above
		}
	}
	return cmd
}
