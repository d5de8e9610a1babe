package wallet

import (
	"encoding/base64"
	"errors"
	"testing"
)

// masked is the value btwallet stores: the password XORed with the name.
func masked(password, variable string) string {
	out := make([]byte, len(password))
	for i := range out {
		out[i] = password[i] ^ variable[i%len(variable)]
	}
	return base64.StdEncoding.EncodeToString(out)
}

func TestPasswordFromEnvironment(t *testing.T) {
	const newest = "BT_PW__ROOT__BITTENSOR_WALLETS_MY-WALLET_COLDKEY"
	const cold, hot = "/root/.bittensor/wallets/my-wallet/coldkey", "/root/.bittensor/wallets/my-wallet/hotkeys/default"
	long := "a password which is longer than the variable's name, so that the name repeats"
	for name, c := range map[string]struct {
		environ            []string
		file               string
		password, variable string
	}{
		"nothing":        {[]string{"HOME=/root", "BT_COLD_PW_OTHER=x"}, cold, "", ""},
		"newest first":   {[]string{"BT_COLD_PW_MY_WALLET=second", newest + "=" + masked(long, newest)}, cold, long, newest},
		"1.0.0":          {[]string{"BT_COLD_PW_X_MY-WALLET=third", "BT_COLD_PW_MY_WALLET=second"}, cold, "second", "BT_COLD_PW_MY_WALLET"},
		"1.0.0 any case": {[]string{"bt_cold_pw_my_wallet=second"}, cold, "second", "bt_cold_pw_my_wallet"},
		"6.x":            {[]string{"BT_COLD_PW_=x", "bt_cold_pw_team_my-wallet=third", "BT_COLD_PW_MY-WALLET=fourth"}, cold, "third", "bt_cold_pw_team_my-wallet"},
		"6.x hotkey":     {[]string{"BT_COLD_PW_HOTKEYS=third"}, hot, "third", "BT_COLD_PW_HOTKEYS"},
		"1.0.0 hotkey":   {[]string{"BT_COLD_PW_MY_WALLET=second"}, hot, "second", "BT_COLD_PW_MY_WALLET"},
		"equals sign":    {[]string{"BT_COLD_PW_MY_WALLET=a=b"}, cold, "a=b", "BT_COLD_PW_MY_WALLET"},
		"empty":          {[]string{"BT_COLD_PW_MY_WALLET="}, cold, "", ""},
	} {
		password, variable, err := PasswordFromEnv(c.environ, "my-wallet", c.file)
		if err != nil || password != c.password || variable != c.variable {
			t.Errorf("%s: %q from %q, %v", name, password, variable, err)
		}
	}
	if password, _, err := PasswordFromEnv([]string{"BT_COLD_PW_MY=x"}, "my.wallet", "/w/my.wallet/coldkey"); err != nil || password != "x" {
		t.Errorf("folder with a suffix: %q, %v", password, err)
	}
	if _, variable, err := PasswordFromEnv([]string{newest + "=plain text"}, "my-wallet", cold); !errors.Is(err, ErrPassword) || variable != newest {
		t.Errorf("not base64: %q, %v", variable, err)
	}
}
