package config

import (
	"bytes"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// errUnknown is for values that are read here. What is right stands in the variable's tag, and is told by Load.
var errUnknown = errors.New("not understood")

// Rate is how often something may be done.
type Rate struct {
	Count int
	Per   time.Duration
}

// UnmarshalText reads a rate such as 10/min.
func (r *Rate) UnmarshalText(text []byte) error {
	count, unit, _ := strings.Cut(string(text), "/")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	per := perUnit(strings.ToLower(strings.TrimSpace(unit)))
	if err != nil || n < 1 || per == 0 {
		return errUnknown
	}
	r.Count, r.Per = n, per
	return nil
}

// String writes the rate as it is read.
func (r Rate) String() string {
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "min", time.Hour: "hour", 24 * time.Hour: "day"}[r.Per]
	return strconv.Itoa(r.Count) + "/" + unit
}

func perUnit(unit string) time.Duration {
	switch unit {
	case "s", "sec", "second":
		return time.Second
	case "m", "min", "minute":
		return time.Minute
	case "h", "hour":
		return time.Hour
	case "d", "day":
		return 24 * time.Hour
	default:
		return 0
	}
}

// parsePrefixes reads networks and single addresses, separated by commas or spaces.
func parsePrefixes(text string) (any, error) {
	var prefixes []netip.Prefix
	for one := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == ',' || c == ' ' }) {
		if address, err := netip.ParseAddr(one); err == nil {
			address = address.Unmap().WithZone("")
			prefixes = append(prefixes, netip.PrefixFrom(address, address.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(one)
		if err != nil {
			return nil, errUnknown
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}

func upper(text []byte) string { return string(bytes.ToUpper(bytes.TrimSpace(text))) }
