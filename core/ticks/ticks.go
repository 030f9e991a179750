// Package ticks reads the processor's constant-rate counter, the clock of the
// core's accounting. It must never be used as a clock of the day: only
// differences on one machine mean something.
//
// amd64: the time stamp counter. arm64: the virtual counter. Elsewhere: the
// nanoseconds of the monotonic clock.
package ticks
