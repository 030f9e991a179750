//go:build !linux && !darwin

package ollama

import "context"

// SystemMemory returns nothing: on this system cf does not know how to ask.
func SystemMemory(context.Context) Memory { return Memory{} }
