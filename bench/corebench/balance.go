package corebench

import (
	"context"
	"errors"
	"fmt"

	"github.com/bitactor/cf/bench"
	"github.com/bitactor/cf/core"
)

// The load of Balances: a ring that is smaller than a burst, so that it overflows;
// one kind that nobody handles.
const (
	balanceSlots  = 64
	balanceBurst  = 96
	balanceRounds = 200
	balanceKinds  = 4
)

// Balances puts a context under overload and checks that its telemetry leaves nothing
// out: what was sent was handled, refused, unhandled or still waits, and each number
// is told by all who count it. miscount falsifies the sender's own count, for tests.
func Balances(ctx context.Context, miscount uint64) ([]bench.Balance, error) {
	config := core.DefaultConfig()
	config.InboxSlots = balanceSlots
	x, err := core.NewContext(config)
	if err != nil {
		return nil, err
	}
	defer x.Free()
	var handled [balanceKinds]uint64
	for kind := range balanceKinds - 1 { // the last one has no handler
		x.On(uint8(kind), func(*core.Signal) { handled[kind]++ })
	}
	inbox := x.Inbox()
	var sent, refused, drained uint64
	for round := range balanceRounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i := range balanceBurst {
			s := core.Signal{}
			s.Kind = uint8((round + i) % balanceKinds)
			sent++
			switch err := inbox.Push(&s); {
			case errors.Is(err, core.ErrFull):
				refused++
			case err != nil:
				return nil, err
			}
		}
		if round == balanceRounds-1 {
			break // what is sent last waits
		}
		for {
			n, err := x.Drain(inbox, balanceSlots)
			drained += uint64(n)
			if errors.Is(err, core.ErrEmpty) || n == 0 {
				break
			}
			if err != nil {
				return nil, err
			}
		}
	}
	sent += miscount
	return balances(x, handled[:], sent, refused, drained), nil
}

func balances(x *core.Context, handled []uint64, sent, refused, drained uint64) []bench.Balance {
	s, inbox := x.Snapshot(), x.Inbox()
	waiting := uint64(inbox.Depth())
	var byHandlers, byKinds uint64
	for kind := range handled {
		byHandlers += handled[kind]
		byKinds += x.Count(uint8(kind))
	}
	sum := func(what, left string, a uint64, right string, b uint64) bench.Balance {
		return bench.Balance{What: what, Left: fmt.Sprintf("%s: %d", left, a), Right: fmt.Sprintf("%s: %d", right, b), Holds: a == b}
	}
	var events uint64
	for cursor := uint64(0); ; {
		_, err := x.Telemetry().Read(&cursor)
		if errors.Is(err, core.ErrLost) {
			continue
		}
		if err != nil {
			events = cursor
			break
		}
	}
	return []bench.Balance{
		sum("signals sent under overload", "sent", sent, "handled + unhandled + refused + waiting", byHandlers+s.Unhandled+refused+waiting),
		sum("refused reservations", "seen by the sender", refused, "counted by the ring", inbox.Overflow()),
		sum("the snapshot's overflow", "counted by the ring", inbox.Overflow(), "in the snapshot", s.InboxOverflow),
		sum("signals drained", "returned by drain", drained, "in the snapshot", s.Signals),
		sum("signals by kind", "handlers' calls + unhandled", byHandlers+s.Unhandled, "counters of the kinds", byKinds),
		sum("signals without a handler", "drained - handled", drained-byHandlers, "in the snapshot", s.Unhandled),
		sum("telemetry events", "read to the end of the ring", events, "ever written", x.Telemetry().Written()),
	}
}
