package think

import (
	"context"

	"github.com/bitactor/cf/engine/session"
	"github.com/bitactor/cf/event"
	"github.com/bitactor/cf/fault"
)

func (t *Thinker) followUp(context.Context, Input) (*session.Turn, error) {
	return nil, fault.New(fault.Failed, "unfinished", "follow-up")
}
func (t *Thinker) reason(context.Context, Input) (*session.Turn, error) {
	return nil, fault.New(fault.Failed, "unfinished", "reason")
}
func (t *Thinker) ask(context.Context, Input) (*session.Turn, error) {
	return nil, fault.New(fault.Failed, "unfinished", "ask")
}
func (t *Thinker) render(context.Context, Input) ([]event.Prompt, error) {
	return nil, fault.New(fault.Failed, "unfinished", "render")
}
