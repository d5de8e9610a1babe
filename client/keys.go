package client

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/filetao/filetao/envelope"
	"github.com/filetao/filetao/wallet"
)

// Keys are how a user's files are sealed and opened. Each is asked for once at
// most in a call, and only when it is needed; one that is nil is ErrNoKey then.
type Keys struct {
	// User is for files of our own format (envelope.UserKeyOf the coldkey): it
	// takes no time.
	User func() (envelope.UserKey, error)
	// Reference is for files of the reference's format (envelope.DeriveKey): it
	// takes seconds.
	Reference func() (envelope.Key, error)
}

func (k Keys) user() (envelope.UserKey, error) {
	if k.User == nil {
		return envelope.UserKey{}, fmt.Errorf("%w: the file is encrypted", ErrNoKey)
	}
	key, err := k.User()
	if err != nil {
		return key, fmt.Errorf("unlock: %w", err)
	}
	return key, nil
}

func (k Keys) reference() (envelope.Key, error) {
	if k.Reference == nil {
		return envelope.Key{}, fmt.Errorf("%w of the reference's format", ErrNoKey)
	}
	key, err := k.Reference()
	if err != nil {
		return key, fmt.Errorf("unlock: %w", err)
	}
	return key, nil
}

// fileKeys are one file's, all of which derive from its owner's key and one
// value: the salt, or the hash of a content that is stored in the open. The same
// content so is the same upload with the same masks, and a put that was broken
// off goes on.
type fileKeys struct {
	file    *envelope.FileKey // nil: the file is stored in the open
	payload string
	upload  [16]byte
	secret  envelope.ShardSecret
}

// The values are outputs of HKDF-Expand (RFC 5869) with SHA-256 under the owner's
// key. Each has an info of its own, followed by the 32 bytes of the value, so that
// none says anything of another; the manifest, which gateways read, has upload
// and secret. envelope.UserKey.FileKey is the third of the kind.
const (
	uploadInfo      = "filetao upload id v2"
	secretInfo      = "filetao shard secret v2"
	plainUploadInfo = "filetao plain upload id v2"
	plainSecretInfo = "filetao plain shard secret v2"
)

func sealedKeys(k envelope.UserKey, salt [32]byte) (fileKeys, error) {
	f := k.FileKey(salt)
	return derivedKeys(k, salt, fileKeys{file: &f, payload: envelope.Payload2(salt)}, uploadInfo, secretInfo)
}

// plainKeys are those of a file in the open. It has no key of its coldkey's; what
// is not to be guessed derives from the hotkey.
func plainKeys(hotkey *wallet.Keypair, value [32]byte) (fileKeys, error) {
	k := envelope.UserKeyOf(hotkey.PrivateKeyHex())
	return derivedKeys(k, value, fileKeys{payload: envelope.NoPayload}, plainUploadInfo, plainSecretInfo)
}

func derivedKeys(k envelope.UserKey, value [32]byte, f fileKeys, uploadInfo, secretInfo string) (fileKeys, error) {
	upload, err := hkdf.Expand(sha256.New, k[:], uploadInfo+string(value[:]), len(f.upload))
	if err != nil {
		return f, fmt.Errorf("upload: %w", err)
	}
	secret, err := hkdf.Expand(sha256.New, k[:], secretInfo+string(value[:]), len(f.secret))
	if err != nil {
		return f, fmt.Errorf("secret: %w", err)
	}
	f.upload, f.secret = [16]byte(upload), envelope.ShardSecret(secret)
	return f, nil
}

// keysOf are the keys of a file whose content has that hash; of one whose content
// is not known yet, random is drawn from instead of it.
func (c *Client) keysOf(o PutFileOptions, hash *[32]byte) (fileKeys, error) {
	var drawn [32]byte
	if hash == nil {
		if _, err := io.ReadFull(c.deps.Rand, drawn[:]); err != nil {
			return fileKeys{}, fmt.Errorf("randomness: %w", err)
		}
	}
	if o.Plain {
		if hash == nil {
			hash = &drawn
		}
		return plainKeys(c.deps.Hotkey, *hash)
	}
	k, err := o.Keys.user()
	if err != nil {
		return fileKeys{}, err
	}
	if hash != nil {
		drawn = k.Salt(*hash)
	}
	return sealedKeys(k, drawn)
}
