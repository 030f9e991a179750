//go:build !race

#include "textflag.h"

// func Release32(word *atomic.Uint32, value uint32)
TEXT ·Release32(SB), NOSPLIT, $0-12
	MOVD  word+0(FP), R0
	MOVW  value+8(FP), R1
	STLRW R1, (R0)
	RET

// func Release64(word *atomic.Uint64, value uint64)
TEXT ·Release64(SB), NOSPLIT, $0-16
	MOVD word+0(FP), R0
	MOVD value+8(FP), R1
	STLR R1, (R0)
	RET
