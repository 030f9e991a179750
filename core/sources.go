package core

import "embed"

// Sources holds the C library: *.c, include/bitactor.h, include/signal.def and
// include/bitactor/*.h, for projects that build it themselves (the scaffold's NIF).
// That the build hashes embedded files also makes it see a changed header, which
// cgo alone does not below the package's folder.
//
//go:embed *.c include
var Sources embed.FS
