package wallet

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
)

// PasswordFromEnv looks for the password of a key file of the wallet named name
// in environ (as os.Environ gives it), under all conventions of bittensor, the
// newest first:
//
//   - BT_PW_<absolute path, / and . as _, upper case> (btwallet 2 and later):
//     base64 of the password XORed with the variable's name,
//   - BT_COLD_PW_<wallet name, - as _> in any case (btwallet 1.0.0): plain text,
//   - the first BT_COLD_PW_… that ends with the name of the file's folder without
//     its suffix (6.x; "hotkeys" for hotkeys): plain text.
//
// variable is the name it was found under, empty if there is none. An empty
// value counts as none. It fails with ErrPassword if a BT_PW_ value is not base64.
func PasswordFromEnv(environ []string, name, keyfile string) (password, variable string, err error) {
	abs, err := filepath.Abs(keyfile)
	if err != nil {
		return "", "", fmt.Errorf("password from environment: %w", err)
	}
	newest := "BT_PW_" + strings.ToUpper(strings.NewReplacer("/", "_", `\`, "_", ".", "_").Replace(abs))
	if key, value, ok := findVariable(environ, func(key string) bool { return key == newest }); ok {
		masked, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return "", key, fmt.Errorf("%w: %s is not base64; set it with btwallet, or use --password-file", ErrPassword, key)
		}
		return string(xorRepeated(masked, newest)), key, nil
	}
	const cold = "BT_COLD_PW_"
	exact := cold + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if key, value, ok := findVariable(environ, func(key string) bool { return strings.EqualFold(key, exact) }); ok {
		return value, key, nil
	}
	folder := filepath.Base(filepath.Dir(abs))
	if stem := strings.TrimSuffix(folder, filepath.Ext(folder)); stem != "" { // as in Python, ".name" has no suffix
		folder = stem
	}
	key, value, _ := findVariable(environ, func(key string) bool {
		key = strings.ToUpper(key)
		return strings.HasPrefix(key, cold) && strings.HasSuffix(key, strings.ToUpper(folder))
	})
	return value, key, nil
}

func findVariable(environ []string, match func(key string) bool) (key, value string, ok bool) {
	for _, pair := range environ {
		key, value, _ := strings.Cut(pair, "=")
		if value != "" && match(key) {
			return key, value, true
		}
	}
	return "", "", false
}

func xorRepeated(data []byte, key string) []byte {
	for i := range data {
		data[i] ^= key[i%len(key)]
	}
	return data
}
