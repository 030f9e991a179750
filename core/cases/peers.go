//go:build cgo && linux && peers

package cases

// Not by pkg-config: libdpdk's flags ask for another processor, and would change
// what the core is compiled to. Only src/peers.c gets them.

// #cgo CFLAGS: -DBA_PEERS -I/usr/include/dpdk
// #cgo amd64 CFLAGS: -I/usr/include/x86_64-linux-gnu/dpdk
// #cgo arm64 CFLAGS: -I/usr/include/aarch64-linux-gnu/dpdk
// #cgo LDFLAGS: -lrte_ring -lrte_eal
import "C"
