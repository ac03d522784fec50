// argocd-parts is Argo CD's own code for what it does with objects, as a program for tests: no server, no repository, no Git.
//
//	argocd-parts lua ARGOCD-CM    health and actions of objects, by the Lua in this ConfigMap (a YAML file). One {"object", "action"} a line
//	                              of standard input, as JSON; one {"health", "actions", "result"} a line. Without an action no result.
//	argocd-parts sync             applies the object of standard input (JSON) as an Application does, by `kubectl apply`;
//	argocd-parts sync --server-side  the same with the sync option ServerSideApply=true.
//	argocd-parts diff ARGOCD-CM   compares the object of standard input (JSON) with the live one in every way that Argo CD has, and
//	                              answers {"clientSide", "structuredMerge", "serverSide"}, each Synced or OutOfSync.
//
// sync and diff talk to the cluster of KUBECONFIG.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/argo"
	argodiff "github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	argokube "github.com/argoproj/argo-cd/v3/util/kube"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/argo-cd/v3/util/settings"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"sigs.k8s.io/yaml"
)

func main() {
	logrus.SetLevel(logrus.ErrorLevel)
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	switch {
	case len(args) == 2 && args[0] == "lua":
		return runLua(args[1], in, out)
	case len(args) == 1 && args[0] == "sync":
		return sync(in, false)
	case len(args) == 2 && args[0] == "sync" && args[1] == "--server-side":
		return sync(in, true)
	case len(args) == 2 && args[0] == "diff":
		return compare(args[1], in, out)
	}
	return errors.New("usage: argocd-parts lua ARGOCD-CM | sync [--server-side] | diff ARGOCD-CM")
}

// overridesOf reads the customizations of a ConfigMap as Argo CD reads those of its own.
func overridesOf(file string) (map[string]v1alpha1.ResourceOverride, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	config := &corev1.ConfigMap{}
	if err := yaml.UnmarshalStrict(text, config); err != nil {
		return nil, err
	}
	const namespace = "argocd"
	config.Namespace = namespace
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Name: common.ArgoCDSecretName, Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"},
	}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return settings.NewSettingsManager(ctx, fake.NewClientset(config, secret), namespace).GetResourceOverrides()
}

type question struct {
	Object json.RawMessage `json:"object"`
	Action string          `json:"action"`
}

type answer struct {
	Health  *health.HealthStatus      `json:"health"`
	Actions []v1alpha1.ResourceAction `json:"actions"`
	Result  map[string]any            `json:"result,omitempty"`
}

func runLua(config string, in io.Reader, out io.Writer) error {
	overrides, err := overridesOf(config)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(out)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return err
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(asked.Object); err != nil {
			return err
		}
		answer, err := ask(overrides, object, asked.Action)
		if err != nil {
			return err
		}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

func ask(overrides map[string]v1alpha1.ResourceOverride, object *unstructured.Unstructured, action string) (*answer, error) {
	found, err := health.GetResourceHealth(object, lua.ResourceHealthOverrides(overrides))
	if err != nil {
		return nil, err
	}
	vm := lua.VM{ResourceOverrides: overrides}
	discovery, err := vm.GetResourceActionDiscovery(object)
	if err != nil {
		return nil, err
	}
	actions, err := vm.ExecuteResourceActionDiscovery(object, discovery)
	if err != nil || action == "" {
		return &answer{Health: found, Actions: actions}, err
	}
	definition, err := vm.GetResourceAction(object, action)
	if err != nil {
		return nil, err
	}
	impacted, err := vm.ExecuteResourceAction(object, definition.ActionLua, nil)
	if err != nil {
		return nil, err
	}
	if len(impacted) != 1 || impacted[0].K8SOperation != lua.PatchOperation {
		return nil, fmt.Errorf("%s does more than patch the object", action)
	}
	return &answer{Health: found, Actions: actions, Result: impacted[0].UnstructuredObj.Object}, nil
}

// target is the object as Argo CD makes it from what stands in Git: with its mark.
func target(in io.Reader) (*unstructured.Unstructured, error) {
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	return object, argo.NewResourceTracking().SetAppInstance(
		object, common.LabelKeyAppInstance, "maintenance-notifications", "", v1alpha1.TrackingMethodAnnotation, "")
}

func clusterConfig() (*rest.Config, error) {
	return clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
}

func sync(in io.Reader, serverSide bool) error {
	object, err := target(in)
	if err != nil {
		return err
	}
	config, err := clusterConfig()
	if err != nil {
		return err
	}
	kubectl, ok := argokube.NewKubectl().(*kube.KubectlCmd)
	if !ok {
		return errors.New("not the kubectl that was expected")
	}
	schemas, _, err := kubectl.LoadOpenAPISchema(config)
	if err != nil {
		return err
	}
	operations, cleanUp, err := kubectl.ManageResources(config, schemas)
	if err != nil {
		return err
	}
	defer cleanUp()
	_, err = operations.ApplyResource(
		context.Background(), object, cmdutil.DryRunNone, false, true, serverSide, common.ArgoCDSSAManager)
	return err
}

func compare(configMap string, in io.Reader, out io.Writer) error {
	overrides, err := overridesOf(configMap)
	if err != nil {
		return err
	}
	object, err := target(in)
	if err != nil {
		return err
	}
	config, err := clusterConfig()
	if err != nil {
		return err
	}
	kubectl := argokube.NewKubectl()
	live, err := kubectl.GetResource(
		context.Background(), config, object.GroupVersionKind(), object.GetName(), object.GetNamespace())
	if err != nil {
		return err
	}
	schemas, parser, err := kubectl.LoadOpenAPISchema(config)
	if err != nil {
		return err
	}
	applier, cleanUp, err := argokube.ManageServerSideDiffDryRuns(config, schemas, func(string) (kube.CleanupFunc, error) {
		return func() {}, nil
	})
	if err != nil {
		return err
	}
	defer cleanUp()

	answer := map[string]v1alpha1.SyncStatusCode{}
	for name, adjust := range map[string]func(*argodiff.DiffConfigBuilder){
		"clientSide":      func(*argodiff.DiffConfigBuilder) {},
		"structuredMerge": func(builder *argodiff.DiffConfigBuilder) { builder.WithStructuredMergeDiff(true) },
		"serverSide": func(builder *argodiff.DiffConfigBuilder) {
			builder.WithServerSideDiff(true).WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(applier))
		},
	} {
		// As the application controller sets it up, in CompareAppState.
		builder := argodiff.NewDiffConfigBuilder().
			WithDiffSettings(nil, overrides, false, normalizers.IgnoreNormalizerOpts{}).
			WithTracking(common.LabelKeyAppInstance, string(v1alpha1.TrackingMethodAnnotation)).
			WithNoCache().
			WithGVKParser(parser).
			WithManager(common.ArgoCDSSAManager)
		adjust(builder)
		settings, err := builder.Build()
		if err != nil {
			return err
		}
		result, err := argodiff.StateDiff(live, object, settings)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		answer[name] = v1alpha1.SyncStatusCodeSynced
		if result.Modified {
			answer[name] = v1alpha1.SyncStatusCodeOutOfSync
		}
	}
	return json.NewEncoder(out).Encode(answer)
}
