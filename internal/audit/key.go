package audit

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Keys prove seals. The newest one signs; older ones still prove what they signed. The database has none of them: who
// rewrites its rows cannot make seals that fit.
type Keys struct{ keys [][]byte } // newest first

// NewKeys derives the keys from the secret in force and from earlier ones, newest first.
func NewKeys(secret string, earlier ...string) (Keys, error) {
	var k Keys
	for _, s := range append([]string{secret}, earlier...) {
		if s == "" {
			return Keys{}, errors.New("the key of the audit seals: the secret is empty")
		}
		key, err := hkdf.Key(sha256.New, []byte(s), nil, "traitortrack audit seals", sha256.Size)
		if err != nil {
			return Keys{}, fmt.Errorf("derive the key of the audit seals: %w", err)
		}
		k.keys = append(k.keys, key)
	}
	return k, nil
}

func (k Keys) sign(message []byte) []byte { return sign(k.keys[0], message) }

// signer tells which key made a signature, 0 for the newest, or -1 for none of them.
func (k Keys) signer(message, mac []byte) int {
	for i, key := range k.keys {
		if hmac.Equal(sign(key, message), mac) {
			return i
		}
	}
	return -1
}

func sign(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

// canon builds the one byte form of some values, for hashing: each value's length before it, so that no two lists of
// values have the same form.
type canon []byte

const absent = ^uint32(0) // the length of a value that is not there

func (c *canon) bytes(v []byte) {
	*c = binary.BigEndian.AppendUint32(*c, uint32(len(v))) //nolint:gosec // PostgreSQL holds no value of over a gigabyte
	*c = append(*c, v...)
}

func (c *canon) text(v string) {
	*c = binary.BigEndian.AppendUint32(*c, uint32(len(v))) //nolint:gosec // PostgreSQL holds no value of over a gigabyte
	*c = append(*c, v...)
}

func (c *canon) null() { *c = binary.BigEndian.AppendUint32(*c, absent) }

func (c *canon) int(v int64) {
	*c = binary.BigEndian.AppendUint32(*c, 8)
	*c = binary.BigEndian.AppendUint64(*c, uint64(v)) //nolint:gosec // the bits are what is hashed
}

func (c *canon) optional(v *int64) {
	if v == nil {
		c.null()
		return
	}
	c.int(*v)
}

// time keeps microseconds, as the database does.
func (c *canon) time(v time.Time) { c.int(v.UnixMicro()) }
