// Package all is the list of cf's checkers. Who only needs the types of package
// check does not link them.
package all

import (
	"github.com/bitactor/cf/check"
	"github.com/bitactor/cf/check/beam"
	"github.com/bitactor/cf/check/clang"
	"github.com/bitactor/cf/check/data"
	"github.com/bitactor/cf/check/docker"
	"github.com/bitactor/cf/check/golang"
	"github.com/bitactor/cf/check/kubernetes"
	"github.com/bitactor/cf/check/markdown"
	"github.com/bitactor/cf/check/prometheus"
	"github.com/bitactor/cf/check/python"
	"github.com/bitactor/cf/check/rust"
	"github.com/bitactor/cf/check/shell"
	"github.com/bitactor/cf/check/web"
	"github.com/bitactor/cf/check/workflow"
)

// All returns the checkers in the order of reports: languages first, then
// formats. It makes them anew each time; that costs nothing, a checker looks for
// its tools when it runs.
func All() []check.Checker {
	list := []check.Checker{
		golang.New(),
		clang.New(),
		beam.NewElixir(),
		beam.NewErlang(),
		python.New(),
		shell.New(),
		web.NewJavaScript(),
		web.NewTypeScript(),
		rust.New(),
	}
	list = append(list, data.New()...)
	return append(
		list,
		markdown.New(),
		docker.New(),
		workflow.New(),
		kubernetes.New(),
		prometheus.New(),
	)
}
