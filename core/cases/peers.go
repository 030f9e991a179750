//go:build cgo && peers

package cases

// #cgo pkg-config: libdpdk ck
// #cgo CFLAGS: -DBA_PEERS
import "C"
