package core_test

import (
	"fmt"

	"github.com/bitactor/cf/core"
)

// A producer fills slots in place; the owner of a context drains them.
func Example() {
	context, err := core.NewContext(core.DefaultConfig())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer context.Free()
	const temperature = core.FirstUserKind
	hottest := uint64(0)
	context.On(temperature, func(s *core.Signal) { hottest = max(hottest, s.Payload[0]) })

	span, err := context.Inbox().Reserve(3)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range span.Slots {
		s := &span.Slots[i]
		s.Kind, s.Size, s.Sequence = temperature, 8, uint64(i)
		s.Payload[0] = 20 + uint64(i)
	}
	if err := context.Inbox().Commit(span, len(span.Slots)); err != nil {
		fmt.Println(err)
		return
	}

	handled, err := context.Drain(context.Inbox(), 64)
	fmt.Println(handled, err, hottest)
	// Output: 3 <nil> 22
}
