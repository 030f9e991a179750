//go:build cgo && linux && peers

package cases

// #cgo pkg-config: libdpdk ck
// #cgo CFLAGS: -DBA_PEERS
import "C"
