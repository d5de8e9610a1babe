package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/filetao/filetao/gateway"
	"github.com/filetao/filetao/wallet"
)

// maxQuotas bounds the file of --api.quotas in bytes.
const maxQuotas = 16 << 20

// readQuotas reads the limits that some hotkeys have instead of the others'. What a
// hotkey's entry leaves out is not limited.
func readQuotas(path string) (map[wallet.Address]gateway.Quota, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(expandHome(path))
	if err != nil {
		return nil, fmt.Errorf("--api.quotas: %w", err)
	}
	defer f.Close() // it was read only
	text, err := io.ReadAll(io.LimitReader(f, maxQuotas+1))
	if err != nil {
		return nil, fmt.Errorf("--api.quotas: %w", err)
	}
	if len(text) > maxQuotas {
		return nil, usagef("--api.quotas: %s has more than %d bytes", path, maxQuotas)
	}
	var all map[string]struct {
		Bytes, Objects, Segments, Uploads int64
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		return nil, usagef("--api.quotas: %s: %v", path, err)
	}
	quotas := make(map[wallet.Address]gateway.Quota, len(all))
	for name, q := range all {
		hotkey, err := wallet.ParseAddress(name)
		if err != nil {
			return nil, usagef("--api.quotas: %s: %v", path, err)
		}
		if q.Bytes < 0 || q.Objects < 0 || q.Segments < 0 || q.Uploads < 0 {
			return nil, usagef("--api.quotas: %s: a limit of %s is below 0", path, hotkey)
		}
		quotas[hotkey] = gateway.Quota(q)
	}
	return quotas, nil
}
