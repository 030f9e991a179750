package kubernetes

import (
	_ "embed"
	"strings"
	"sync"
)

// schemaText is what k8s.io/api says about the fields of its objects, written
// by TestSchemaIsCurrent -update. The packages themselves stay out of the
// program: they add 9 MB to it and most of a millisecond to each start.
//
// Its lines are "kind GROUP/VERSION KIND TYPE", "type TYPE", and below that
// "FIELD TYPE" for each field. A TYPE is a name, a scalar (see scalars), []TYPE
// or map[]TYPE.
//
//go:embed schema.txt
var schemaText string

// object is a type with fields.
type object map[string]string // field -> type

// schema is schemaText, read.
type schema struct {
	kinds   map[string]string // "apps/v1 Deployment" -> type
	groups  map[string]bool   // "apps/v1" and "apps"
	objects map[string]object
}

var known = sync.OnceValue(func() *schema {
	s := &schema{kinds: map[string]string{}, groups: map[string]bool{}, objects: map[string]object{}}
	var fields object
	for line := range strings.Lines(schemaText) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case words[0] == "kind" && len(words) == 4:
			s.kinds[words[1]+" "+words[2]] = words[3]
			s.groups[words[1]] = true
			group, _, _ := strings.Cut(words[1], "/")
			s.groups[group] = true
		case words[0] == "type" && len(words) == 2 && !strings.HasPrefix(line, " "):
			fields = object{}
			s.objects[words[1]] = fields
		default:
			fields[words[0]] = words[1]
		}
	}
	return s
})

// removed names the versions of kinds that Kubernetes no longer serves, by the
// "Deprecated API Migration Guide" (kubernetes.io/docs/reference/using-api).
var removed = map[string]string{
	"extensions/v1beta1 Deployment":                                       "apps/v1 since 1.16",
	"extensions/v1beta1 DaemonSet":                                        "apps/v1 since 1.16",
	"extensions/v1beta1 ReplicaSet":                                       "apps/v1 since 1.16",
	"extensions/v1beta1 NetworkPolicy":                                    "networking.k8s.io/v1 since 1.16",
	"extensions/v1beta1 Ingress":                                          "networking.k8s.io/v1 since 1.22",
	"networking.k8s.io/v1beta1 Ingress":                                   "networking.k8s.io/v1 since 1.22",
	"networking.k8s.io/v1beta1 IngressClass":                              "networking.k8s.io/v1 since 1.22",
	"apps/v1beta1 Deployment":                                             "apps/v1 since 1.16",
	"apps/v1beta1 StatefulSet":                                            "apps/v1 since 1.16",
	"apps/v1beta2 Deployment":                                             "apps/v1 since 1.16",
	"apps/v1beta2 StatefulSet":                                            "apps/v1 since 1.16",
	"apps/v1beta2 DaemonSet":                                              "apps/v1 since 1.16",
	"apps/v1beta2 ReplicaSet":                                             "apps/v1 since 1.16",
	"batch/v1beta1 CronJob":                                               "batch/v1 since 1.25",
	"policy/v1beta1 PodDisruptionBudget":                                  "policy/v1 since 1.25",
	"policy/v1beta1 PodSecurityPolicy":                                    "nothing; Pod Security Admission takes its place since 1.25",
	"autoscaling/v2beta1 HorizontalPodAutoscaler":                         "autoscaling/v2 since 1.25",
	"autoscaling/v2beta2 HorizontalPodAutoscaler":                         "autoscaling/v2 since 1.26",
	"rbac.authorization.k8s.io/v1beta1 Role":                              "rbac.authorization.k8s.io/v1 since 1.22",
	"rbac.authorization.k8s.io/v1beta1 RoleBinding":                       "rbac.authorization.k8s.io/v1 since 1.22",
	"rbac.authorization.k8s.io/v1beta1 ClusterRole":                       "rbac.authorization.k8s.io/v1 since 1.22",
	"rbac.authorization.k8s.io/v1beta1 ClusterRoleBinding":                "rbac.authorization.k8s.io/v1 since 1.22",
	"apiextensions.k8s.io/v1beta1 CustomResourceDefinition":               "apiextensions.k8s.io/v1 since 1.22",
	"discovery.k8s.io/v1beta1 EndpointSlice":                              "discovery.k8s.io/v1 since 1.25",
	"storage.k8s.io/v1beta1 StorageClass":                                 "storage.k8s.io/v1 since 1.22",
	"storage.k8s.io/v1beta1 CSIDriver":                                    "storage.k8s.io/v1 since 1.22",
	"scheduling.k8s.io/v1beta1 PriorityClass":                             "scheduling.k8s.io/v1 since 1.22",
	"coordination.k8s.io/v1beta1 Lease":                                   "coordination.k8s.io/v1 since 1.22",
	"admissionregistration.k8s.io/v1beta1 ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1 since 1.22",
	"admissionregistration.k8s.io/v1beta1 MutatingWebhookConfiguration":   "admissionregistration.k8s.io/v1 since 1.22",
	"certificates.k8s.io/v1beta1 CertificateSigningRequest":               "certificates.k8s.io/v1 since 1.22",
	"node.k8s.io/v1beta1 RuntimeClass":                                    "node.k8s.io/v1 since 1.25",
}
