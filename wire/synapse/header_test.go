package synapse

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/filetao/filetao/wire"
	"github.com/filetao/filetao/wire/wiretest"
)

func storeHeaders() http.Header {
	h := http.Header{}
	for k, v := range map[string]string{
		"timeout": "12.0", "bt_header_axon_port": "8091", "bt_header_dendrite_version": "722", "bt_header_dendrite_nonce": "3400709098974",
		"header_size": "640", "total_size": "3000", "bt_header_input_obj_encrypted_data": "IiI=", "bt_header_input_obj_curve": "IiI=",
		"bt_header_input_obj_g": "IiI=", "bt_header_input_obj_h": "IiI=", "bt_header_input_obj_seed": "IiI=",
	} {
		h.Set(k, v)
	}
	return h
}

func TestHeaders(t *testing.T) {
	fields := (&wire.Store{}).Fields()
	hd, err := parseHead("Store", storeHeaders(), fields)
	check(t, err)
	if hd.timeout != 12*time.Second || hd.version != 722 || hd.nonce != 3400709098974 || !hd.hasNonce {
		t.Errorf("read %+v", hd)
	}
	for key, want := range map[string]time.Duration{"0.5": 500 * time.Millisecond, "1e-05": 10 * time.Microsecond, "inf": 1<<31*time.Second - time.Second, "": 12 * time.Second} {
		h := storeHeaders()
		h.Set("timeout", key)
		if hd, err := parseHead("Store", h, fields); err != nil || hd.timeout != want {
			t.Errorf("timeout %q is %v (%v), want %v", key, hd.timeout, err, want)
		}
	}
	if hd, err := parseHead("Synapse", http.Header{}, nil); err != nil || hd.timeout != 12*time.Second || hd.hasNonce {
		t.Errorf("no headers are %+v (%v)", hd, err)
	}
	for key, values := range map[string][]string{
		"timeout": {"x", "nan", "0", "-1"}, "header_size": {"x", "1.5"}, "total_size": {"0x10"}, "bt_header_axon_port": {"http"},
		"bt_header_axon_nonce": {"n"}, "bt_header_axon_status_code": {"ok"}, "bt_header_axon_process_time": {"soon"}, "bt_header_axon_version": {"v1"},
		"bt_header_dendrite_nonce": {"1.0", "-1", "18446744073709551616", strings.Repeat("1", 300)}, "bt_header_dendrite_version": {"six", "-722"},
		"bt_header_dendrite_uuid": {strings.Repeat("u", maxHeaderText+1)}, "bt_header_dendrite_port": {"x"}, "bt_header_dendrite_status_code": {"x"},
		"bt_header_input_obj_seed": {"", "!", "bnVsbA==", "bnVs", "eA=="},
	} {
		for _, v := range values {
			h := storeHeaders()
			h.Set(key, v)
			if _, err := parseHead("Store", h, fields); wire.StatusOf(err) != wire.StatusBadRequest {
				t.Errorf("%s: %q gives %v", key, v, err)
			}
		}
	}
}

func TestStatusText(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "two\r\nlines\tand": "two  lines and", "é世界ÿ": "????", "\x00\x1b[31m\x7f": "[31m", " x ": "x", "\xff": "?",
	} {
		if got := statusText(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if n := len(statusText(strings.Repeat("é", 5000))); n > 1000 {
		t.Errorf("a status text of %d bytes", n)
	}
}

func TestSignedText(t *testing.T) {
	alice, bob := wiretest.Key(t, "//Alice").Address(), wiretest.Key(t, "//Bob").Address()
	want := "3400709098974.5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY.5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty." +
		"7127d55c-e57f-11f1-9bcf-02fc00000001." + emptyHash
	if got := signedText(3400709098974, alice, bob, "7127d55c-e57f-11f1-9bcf-02fc00000001", emptyHash); got != want {
		t.Errorf("signed is %s", got)
	}
	for _, bad := range []string{"", "0x", strings.Repeat("0", 130), "0x" + strings.Repeat("0", 126), "0x" + strings.Repeat("g", 128), "0x" + strings.Repeat("0", 130)} {
		if _, err := parseSignature(bad); err == nil {
			t.Errorf("%q is a signature", bad)
		}
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add("12.0", "3400709098974", "722", "IiI=", "text")
	f.Add("1e-05", "-5", "", "bnVsbA==", "é\r\n")
	f.Add("inf", "18446744073709551615", "7002000", "MA==", "")
	f.Fuzz(func(t *testing.T, timeout, nonce, version, input, text string) {
		h := http.Header{}
		h.Set("timeout", timeout)
		h.Set(dendritePrefix+"nonce", nonce)
		h.Set(dendritePrefix+"version", version)
		h.Set(inputPrefix+"data_hash", input)
		h.Set(dendritePrefix+"uuid", text)
		hd, err := parseHead("Delete", h, (&wire.Delete{}).Fields())
		if err != nil && wire.StatusOf(err) != wire.StatusBadRequest {
			t.Fatal(err)
		}
		if err == nil && (hd.timeout <= 0 && timeout != "" || len(hd.uuid) > maxHeaderText) {
			t.Fatalf("%+v", hd)
		}
		if s := statusText(text); len(s) > maxStatusText+4 || strings.ContainsAny(s, "\r\n") {
			t.Fatalf("%q", s)
		}
	})
}
