package bus

import (
	"fmt"
	"net"
)

// Loopback is the interface for tasks of this machine only.
const Loopback = "127.0.0.1"

// address finds the one address that a server binds: of a network interface by its name ("ib0"), or an address of this machine as it is. An
// address that stands for all interfaces is refused.
func address(iface string) (string, error) {
	if ip := net.ParseIP(iface); ip != nil {
		if ip.IsUnspecified() {
			return "", fmt.Errorf("bus_interface %s: name one interface, not all of them", iface)
		}
		return iface, nil
	}
	i, err := net.InterfaceByName(iface)
	if err != nil {
		return "", fmt.Errorf("bus_interface %s: %w", iface, err)
	}
	addrs, err := i.Addrs()
	if err != nil {
		return "", fmt.Errorf("bus_interface %s: %w", iface, err)
	}
	best := ""
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.IsLinkLocalUnicast() {
			continue
		}
		if n.IP.To4() != nil {
			return n.IP.String(), nil
		}
		if best == "" {
			best = n.IP.String()
		}
	}
	if best == "" {
		return "", fmt.Errorf("bus_interface %s has no address", iface)
	}
	return best, nil
}
