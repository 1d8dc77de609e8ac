package audit

import "net/netip"

// The prefixes that an anonymised address keeps: enough to tell a site, not a household.
const (
	keptIPv4 = 24
	keptIPv6 = 48
)

// Anonymize truncates a network address, IPv4 to /24 and IPv6 to /48. What is no address is dropped.
func Anonymize(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	ip = ip.Unmap().WithZone("")
	bits := keptIPv4
	if ip.Is6() {
		bits = keptIPv6
	}
	return netip.PrefixFrom(ip, bits).Masked().Addr().String()
}
