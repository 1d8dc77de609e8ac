package account

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"traitortrack/internal/errs"
)

// Keyring seals the secrets of authenticator apps. Each key is derived from one of SECRET_KEY and SECRET_KEY_OLD by
// HKDF-SHA256, and has an id that is derived beside it. What an old key sealed is sealed anew when it is next used. The
// zero value seals and opens nothing.
type Keyring struct{ keys []sealingKey }

type sealingKey struct {
	id   string
	aead cipher.AEAD
}

// NewKeyring makes a keyring that seals with current and opens with former keys, too. An empty current key gives one
// that refuses.
func NewKeyring(current string, former ...string) (Keyring, error) {
	var k Keyring
	if current == "" {
		return k, nil
	}
	for _, secret := range append([]string{current}, former...) {
		key, err := deriveKey(secret)
		if err != nil {
			return Keyring{}, err
		}
		k.keys = append(k.keys, key)
	}
	return k, nil
}

func deriveKey(secret string) (sealingKey, error) {
	raw, err := hkdf.Key(sha256.New, []byte(secret), nil, "traitortrack totp secret v1", 32)
	if err != nil {
		return sealingKey{}, fmt.Errorf("derive a key: %w", err)
	}
	id, err := hkdf.Key(sha256.New, []byte(secret), nil, "traitortrack totp key id v1", 8)
	if err != nil {
		return sealingKey{}, fmt.Errorf("derive a key's id: %w", err)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return sealingKey{}, fmt.Errorf("make a cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	return sealingKey{id: hex.EncodeToString(id), aead: aead}, err
}

// seal gives the key's id, and the nonce and the sealed secret in one. A secret opens for its own user only.
func (k Keyring) seal(secret []byte, orgID, userID int64) (string, []byte, error) {
	if len(k.keys) == 0 {
		return "", nil, errs.New(errs.Unavailable, "no_secret_key", "Two-factor login needs a SECRET_KEY, and this server has none. Tell whoever runs it.")
	}
	nonce := make([]byte, k.keys[0].aead.NonceSize())
	_, _ = rand.Read(nonce) // it cannot fail
	return k.keys[0].id, k.keys[0].aead.Seal(nonce, nonce, secret, owner(orgID, userID)), nil
}

var errNoKey = errors.New("neither SECRET_KEY nor SECRET_KEY_OLD has the key that sealed it")

// open gives a secret, and reports whether the current key had sealed it.
func (k Keyring) open(keyID string, sealed []byte, orgID, userID int64) ([]byte, bool, error) {
	for i, key := range k.keys {
		if key.id != keyID || len(sealed) < key.aead.NonceSize() {
			continue
		}
		nonce, text := sealed[:key.aead.NonceSize()], sealed[key.aead.NonceSize():]
		secret, err := key.aead.Open(nil, nonce, text, owner(orgID, userID))
		if err != nil {
			return nil, false, fmt.Errorf("open under key %s: %w", keyID, err)
		}
		return secret, i == 0, nil
	}
	return nil, false, errNoKey
}

func owner(orgID, userID int64) []byte { return fmt.Appendf(nil, "%d/%d", orgID, userID) }
