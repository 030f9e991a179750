//go:build !race

#include "textflag.h"

// A plain store is a release on amd64 (Intel SDM vol. 3, 10.2.2: stores are not
// reordered with older loads or stores).

// func Release32(word *atomic.Uint32, value uint32)
TEXT ·Release32(SB), NOSPLIT, $0-12
	MOVQ word+0(FP), AX
	MOVL value+8(FP), BX
	MOVL BX, (AX)
	RET

// func Release64(word *atomic.Uint64, value uint64)
TEXT ·Release64(SB), NOSPLIT, $0-16
	MOVQ word+0(FP), AX
	MOVQ value+8(FP), BX
	MOVQ BX, (AX)
	RET
