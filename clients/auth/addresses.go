package auth

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// Addresses says which addresses keys may be fetched from. Its zero value refuses those that are not on the public internet, so that
// no URI, redirect or DNS answer makes weir ask services of its own network.
type Addresses struct {
	Reject     []netip.Prefix // refused in any case
	Allow      []netip.Prefix // allowed even if local
	AllowLocal bool           // all local ones are allowed
}

// special are ranges that netip has no word for and that are not on the public internet (RFC 6890 and its successors).
var special = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"240.0.0.0/4", "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
)

// nat64 embeds an IPv4 address in its last four bytes, and leads there.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// refuses says whether nothing may be fetched from addr.
func (a *Addresses) refuses(addr netip.Addr) bool {
	addr = plain(addr)
	in := func(p netip.Prefix) bool { return p.Contains(addr) }
	switch {
	case slices.ContainsFunc(a.Reject, in):
		return true
	case a.AllowLocal, slices.ContainsFunc(a.Allow, in):
		return false
	}
	return !addr.IsGlobalUnicast() || addr.IsPrivate() || slices.ContainsFunc(special, in)
}

// plain returns the address that addr really leads to: an IPv4 one can be written in several ways.
func plain(addr netip.Addr) netip.Addr {
	addr = addr.WithZone("").Unmap()
	if nat64.Contains(addr) {
		b := addr.As16()
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return addr
}

// control is a net.Dialer's: it sees each address after all look-ups and right before the connection.
func (a *Addresses) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %s: %w", address, err)
	}
	if a.refuses(at.Addr()) {
		return &refusedAddressError{at.Addr()}
	}
	return nil
}

// refusedAddressError says that a URI leads to where nothing may be fetched from.
type refusedAddressError struct{ addr netip.Addr }

func (e *refusedAddressError) Error() string {
	return fmt.Sprintf("address %s is local or rejected: if keys are to come from there, list it in auth.jwks_allow_ip_ranges "+
		"and not in auth.jwks_reject_ip_ranges", e.addr)
}
