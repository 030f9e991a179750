package kubernetes_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/bitactor/cf/check/kubernetes"
	"github.com/bitactor/cf/check/source/sourcetest"
)

// groups are the API groups that schema.txt holds.
var groups = []func(*runtime.Scheme) error{
	admissionv1.AddToScheme, appsv1.AddToScheme, autoscalingv1.AddToScheme, autoscalingv2.AddToScheme, batchv1.AddToScheme, certificatesv1.AddToScheme,
	coordinationv1.AddToScheme, corev1.AddToScheme, discoveryv1.AddToScheme, eventsv1.AddToScheme, flowcontrolv1.AddToScheme, networkingv1.AddToScheme,
	nodev1.AddToScheme, policyv1.AddToScheme, rbacv1.AddToScheme, resourcev1.AddToScheme, schedulingv1.AddToScheme, storagev1.AddToScheme,
}

// special are types that read JSON in their own way.
var special = map[string]string{
	"k8s.io/apimachinery/pkg/api/resource.Quantity":   "quantity",
	"k8s.io/apimachinery/pkg/util/intstr.IntOrString": "intstr",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Time":       "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.MicroTime":  "time",
	"k8s.io/apimachinery/pkg/apis/meta/v1.Duration":   "duration",
	"k8s.io/apimachinery/pkg/apis/meta/v1.FieldsV1":   "any",
	"k8s.io/apimachinery/pkg/runtime.RawExtension":    "any",
}

// generator writes schema.txt from Go types.
type generator struct {
	t     *testing.T
	types map[string][]string
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

func (g *generator) name(t reflect.Type) string {
	switch id := t.PkgPath() + "." + t.Name(); {
	case special[id] != "":
		return special[id]
	case t.Kind() == reflect.Pointer:
		return g.name(t.Elem())
	case reflect.PointerTo(t).Implements(unmarshaler):
		g.t.Fatalf("%s reads JSON in its own way; say how in special", id)
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int32, reflect.Int64:
		return t.Kind().String()
	case reflect.Float64:
		return "float"
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return "bytes"
		}
		return "[]" + g.name(t.Elem())
	case reflect.Map:
		return "map[]" + g.name(t.Elem())
	case reflect.Struct:
		name := strings.NewReplacer("k8s.io/api/", "", "k8s.io/apimachinery/pkg/apis/", "").Replace(t.PkgPath()) + "." + t.Name()
		if _, ok := g.types[name]; !ok {
			g.types[name] = nil
			g.types[name] = g.fields(t)
		}
		return name
	}
	g.t.Fatalf("no way to write %s", t)
	return ""
}

func (g *generator) fields(t reflect.Type) []string {
	var fields []string
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case tag == "-" || !f.IsExported():
		case tag == "" && (f.Anonymous || strings.Contains(options, "inline")):
			fields = append(fields, g.fields(f.Type)...)
		default:
			fields = append(fields, tag+" "+g.name(f.Type))
		}
	}
	slices.Sort(fields)
	return fields
}

func generate(t *testing.T) string {
	s := runtime.NewScheme()
	for _, add := range groups {
		if err := add(s); err != nil {
			t.Fatal(err)
		}
	}
	g := generator{t: t, types: map[string][]string{}}
	var b strings.Builder
	var kinds []string
	for k, typ := range s.AllKnownTypes() {
		if strings.HasPrefix(typ.PkgPath(), "k8s.io/api/") {
			kinds = append(kinds, fmt.Sprintf("kind %s %s %s\n", k.GroupVersion(), k.Kind, g.name(typ)))
		}
	}
	slices.Sort(kinds)
	fmt.Fprintf(&b, "# From k8s.io/api %s; go test ./check/kubernetes -update\n%s", strings.Fields(list(t, "{{.Version}}"))[0], strings.Join(kinds, ""))
	for _, name := range slices.Sorted(maps.Keys(g.types)) {
		fmt.Fprintf(&b, "type %s\n", name)
		for _, f := range g.types[name] {
			fmt.Fprintf(&b, " %s\n", f)
		}
	}
	return b.String()
}

// list asks the go command about the module k8s.io/api.
func list(t *testing.T, format string) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", format, "k8s.io/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestSchemaIsCurrent holds schema.txt against the module in go.mod.
func TestSchemaIsCurrent(t *testing.T) {
	want := generate(t)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile("schema.txt", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("schema.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("schema.txt is not what k8s.io/api says; run go test ./check/kubernetes -update")
	}
}

// TestEveryFieldDecodes feeds the objects that k8s.io/api keeps of each kind,
// with every field filled in: none may be unknown or of the wrong type.
func TestEveryFieldDecodes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(list(t, "{{.Dir}}"), "testdata", "HEAD", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data of k8s.io/api: %v", err)
	}
	seen := 0
	for _, file := range files {
		for _, ext := range []string{".yaml", ".json"} {
			text, err := os.ReadFile(strings.TrimSuffix(file, ".yaml") + ext)
			if err != nil {
				t.Fatal(err)
			}
			head := "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n  ") + "\n"
			if ext == ".json" {
				head = `{"apiVersion": "v1", "kind": "List", "items": [` + string(text) + "]}"
			}
			out := sourcetest.Check(t, kubernetes.New(), map[string]string{"a" + ext: head})
			if len(out.Gaps) == 0 {
				seen++
			}
			for _, d := range out.Diagnostics {
				if d.Code == "unknown-field" || d.Code == "wrong-type" || d.Code == "syntax" {
					t.Errorf("%s: %s: %s", filepath.Base(file), d.Code, d.Message)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d files were checked in full", seen)
	}
}
