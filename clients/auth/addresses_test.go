package auth

import (
	"net/netip"
	"testing"
)

func TestLocalAddressesAreRefused(t *testing.T) {
	var closed Addresses
	for _, local := range []string{
		"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "0.1.2.3", "::", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"100.64.0.1", "169.254.169.254", "fe80::1%eth0", "fd00::1", "fec0::1", "224.0.0.1", "255.255.255.255", "ff02::1", "192.0.0.8", "198.18.0.1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2001::1",
	} {
		if !closed.refuses(netip.MustParseAddr(local)) {
			t.Errorf("%s is allowed", local)
		}
		open := Addresses{AllowLocal: true}
		if open.refuses(netip.MustParseAddr(local)) {
			t.Errorf("%s is refused where local addresses are allowed", local)
		}
	}
	for _, public := range []string{
		"1.1.1.1", "172.15.255.255", "172.32.0.1", "100.128.0.1", "192.167.255.255", "2606:4700::1", "64:ff9b::101:101", "::ffff:1.1.1.1",
	} {
		if closed.refuses(netip.MustParseAddr(public)) {
			t.Errorf("%s is refused", public)
		}
	}
}

func TestAddressRanges(t *testing.T) {
	a := Addresses{Allow: prefixes("10.1.0.0/16", "fd00::/8"), Reject: prefixes("10.1.2.0/24", "1.1.1.0/24")}
	for addr, want := range map[string]bool{
		"10.1.0.1": false, "::ffff:10.1.0.1": false, "10.1.2.1": true, "10.2.0.1": true, "fd12::1": false, "1.1.1.1": true, "1.1.2.1": false,
		"64:ff9b::101:101": true,
	} {
		if got := a.refuses(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: refused is %t", addr, got)
		}
	}
	a.AllowLocal = true
	if !a.refuses(netip.MustParseAddr("10.1.2.1")) {
		t.Error("a rejected address is allowed because it is local")
	}
}
