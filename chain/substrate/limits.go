package substrate

import (
	"bytes"
	"encoding/json"
	"fmt"
)

const (
	// maxSmall bounds what is small from an honest node, in bytes of JSON:
	// headers, hashes, statuses, versions.
	maxSmall = 64 << 10
	// maxBody bounds a block with its transactions: subtensor's have at most
	// 5 MiB, twice as much in hex digits.
	maxBody = 32 << 20
	// maxExtrinsics is how many transactions a block may have.
	maxExtrinsics = 1 << 16
	// maxKeys is how many keys are listed at most, those of a subnet's neurons,
	// and maxKey how many bytes one may have.
	maxKeys = 1 << 16
	maxKey  = 256
	// maxSpecName bounds a runtime's name.
	maxSpecName = 64
)

// maxAnswer bounds the answer to a method, in bytes; 0 leaves it to
// Config.MaxMessage.
func maxAnswer(method string) int {
	switch method {
	case "chain_getBlock":
		return maxBody
	case "state_queryStorageAt", "state_getStorage", "state_getKeysPaged", "state_call", "state_getMetadata":
		return 0
	}
	return maxSmall
}

// list reads a JSON list item by item, so that one of very many very small
// items costs no more than max of them.
func list[T any](text []byte, max int) ([]T, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('[') {
		if err == nil && open != nil {
			err = fmt.Errorf("%.40q is no list", text)
		}
		return nil, err // null is an empty list
	}
	var items []T
	for d.More() {
		if len(items) == max {
			return nil, fmt.Errorf("a list of more than %d", max)
		}
		var item T
		if err := d.Decode(&item); err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	_, err := d.Token()
	return items, err
}

// extrinsics are a block's transactions.
type extrinsics []hexBytes

func (x *extrinsics) UnmarshalJSON(text []byte) (err error) {
	*x, err = list[hexBytes](text, maxExtrinsics)
	return err
}

// keyPage is a page of storage keys.
type keyPage []hexBytes

func (p *keyPage) UnmarshalJSON(text []byte) (err error) {
	*p, err = list[hexBytes](text, keysPerRequest)
	return err
}

// changes are storage keys and values, for one request's keys at most.
type changes [][2]*hexBytes

func (c *changes) UnmarshalJSON(text []byte) (err error) {
	*c, err = list[[2]*hexBytes](text, keysPerRequest)
	return err
}

// changeSets are the changes of blocks: of one, as only one is asked for.
type changeSets []struct {
	Changes changes `json:"changes"`
}

func (s *changeSets) UnmarshalJSON(text []byte) (err error) {
	*s, err = list[struct {
		Changes changes `json:"changes"`
	}](text, 1)
	return err
}
