// flux-parts is Flux's own code for what it does with objects, as a program for tests: no controller, no source, no Git.
//
//	flux-parts read EXPRESSIONS         how kstatus and the health check expressions (JSON, as in a Kustomization) read objects.
//	                                    One object a line of standard input, as JSON; one answer a line.
//	flux-parts apply                    applies the manifests of standard input as kustomize-controller does, and says of each
//	                                    whether it was created, configured or unchanged.
//	flux-parts wait EXPRESSIONS TIMEOUT waits for the objects of the manifests on standard input as a Kustomization with wait: true and
//	                                    these expressions does.
//	flux-parts prune TIMEOUT            deletes what apply applied, and waits until it is gone, as a Kustomization with
//	                                    deletionPolicy: WaitForTermination does when it is deleted.
//	flux-parts drift NAMESPACE RELEASE  what a HelmRelease's drift detection finds for the manifests of a release on standard
//	                                    input: a line for each that is not as it should be, a patch with it.
//
// All but the first talk to the cluster of KUBECONFIG.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/kstatus/polling/engine"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/jsondiff"
	"github.com/fluxcd/pkg/ssa/normalize"
	"github.com/fluxcd/pkg/ssa/utils"
	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Whom the API server takes us for.
const (
	kustomizeController = "kustomize-controller"
	helmController      = "helm-controller"
)

// The Kustomization that the objects come from.
const (
	kustomization          = "maintenance-notifications"
	kustomizationNamespace = "flux-system"
)

func main() {
	log.SetLogger(logr.Discard())
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	switch {
	case len(args) == 2 && args[0] == "read":
		return read(args[1], in, out)
	case len(args) == 1 && args[0] == "apply":
		return apply(in, out)
	case len(args) == 3 && args[0] == "wait":
		return wait(args[1], args[2], in)
	case len(args) == 2 && args[0] == "prune":
		return prune(args[1], in, out)
	case len(args) == 3 && args[0] == "drift":
		return drift(args[1], args[2], in, out)
	}
	return errors.New("usage: flux-parts read EXPRESSIONS | apply | wait EXPRESSIONS TIMEOUT | prune TIMEOUT | drift NAMESPACE RELEASE")
}

type reading struct {
	Status  status.Status `json:"status"`
	Message string        `json:"message,omitempty"`
}

func readerOf(expressions string) (func(meta.RESTMapper) engine.StatusReader, error) {
	var checks []kustomize.CustomHealthCheck
	if err := json.Unmarshal([]byte(expressions), &checks); err != nil {
		return nil, err
	}
	return cel.NewStatusReader(checks)
}

func read(expressions string, in io.Reader, out io.Writer) error {
	newReader, err := readerOf(expressions)
	if err != nil {
		return err
	}
	reader := newReader(nil)
	encoder := json.NewEncoder(out)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		// Not by encoding/json alone: numbers must be int64, as a Kubernetes client makes them.
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(lines.Bytes()); err != nil {
			return err
		}
		plain, err := status.Compute(object)
		if err != nil {
			return err
		}
		byExpressions, err := reader.ReadStatusForObject(context.Background(), nil, object)
		if err != nil {
			return err
		}
		answer := map[string]reading{
			"kstatus":     {plain.Status, plain.Message},
			"expressions": {byExpressions.Status, byExpressions.Message},
		}
		if byExpressions.Error != nil {
			answer["expressions"] = reading{byExpressions.Status, byExpressions.Error.Error()}
		}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

func newClient() (client.Client, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, err
	}
	return client.New(config, client.Options{})
}

// newManager is set up as kustomize-controller sets its own up, with the objects' readers if there are any.
func newManager(readers ...func(meta.RESTMapper) engine.StatusReader) (*ssa.ResourceManager, error) {
	cluster, err := newClient()
	if err != nil {
		return nil, err
	}
	options := polling.Options{}
	for _, each := range readers {
		options.CustomStatusReaders = append(options.CustomStatusReaders, each(cluster.RESTMapper()))
	}
	poller := polling.NewStatusPoller(cluster, cluster.RESTMapper(), options)
	return ssa.NewResourceManager(cluster, poller, ssa.Owner{Field: kustomizeController, Group: "kustomize.toolkit.fluxcd.io"}), nil
}

// apply takes the options that kustomize-controller's own apply takes.
func apply(in io.Reader, out io.Writer) error {
	objects, err := utils.ReadObjects(in)
	if err != nil {
		return err
	}
	manager, err := newManager()
	if err != nil {
		return err
	}
	manager.SetOwnerLabels(objects, kustomization, kustomizationNamespace)
	options := ssa.DefaultApplyOptions()
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{corev1.LastAppliedConfigAnnotation},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: "before-first-apply", OperationType: metav1.ManagedFieldsOperationUpdate},
			{Name: kustomizeController, OperationType: metav1.ManagedFieldsOperationUpdate},
		},
	}
	changes, err := manager.ApplyAllStaged(context.Background(), objects, options)
	if err != nil {
		return err
	}
	for _, each := range changes.Entries {
		fmt.Fprintln(out, each.String())
	}
	return nil
}

// wait waits as checkHealth in kustomize-controller does.
func wait(expressions, timeout string, in io.Reader) error {
	limit, err := time.ParseDuration(timeout)
	if err != nil {
		return err
	}
	newReader, err := readerOf(expressions)
	if err != nil {
		return err
	}
	objects, err := utils.ReadObjects(in)
	if err != nil {
		return err
	}
	manager, err := newManager(newReader)
	if err != nil {
		return err
	}
	return manager.Wait(objects, ssa.WaitOptions{Interval: 5 * time.Second, Timeout: limit, FailFast: true})
}

func prune(timeout string, in io.Reader, out io.Writer) error {
	limit, err := time.ParseDuration(timeout)
	if err != nil {
		return err
	}
	objects, err := utils.ReadObjects(in)
	if err != nil {
		return err
	}
	manager, err := newManager()
	if err != nil {
		return err
	}
	changes, err := manager.DeleteAll(context.Background(), objects, ssa.DeleteOptions{
		PropagationPolicy: metav1.DeletePropagationBackground,
		Inclusions:        manager.GetOwnerLabels(kustomization, kustomizationNamespace),
	})
	if err != nil {
		return err
	}
	for _, each := range changes.Entries {
		fmt.Fprintln(out, each.String())
	}
	return manager.WaitForSetTermination(changes, ssa.WaitOptions{Interval: time.Second, Timeout: limit})
}

// drift does what Diff in helm-controller's internal/action does.
func drift(namespace, release string, in io.Reader, out io.Writer) error {
	objects, err := utils.ReadObjects(in)
	if err != nil {
		return err
	}
	cluster, err := newClient()
	if err != nil {
		return err
	}
	if err := normalize.UnstructuredListWithScheme(objects, cluster.Scheme()); err != nil {
		return err
	}
	for _, each := range objects {
		if err := asInstalled(each, namespace, release, cluster); err != nil {
			return err
		}
	}
	differences, err := jsondiff.UnstructuredList(context.Background(), cluster, objects,
		jsondiff.FieldOwner(helmController), jsondiff.Rationalize(true), jsondiff.Graceful(true))
	if err != nil {
		return err
	}
	for _, each := range differences {
		if each.Type != jsondiff.DiffTypeNone {
			fmt.Fprintf(out, "%s %s %s: %v\n", each.Type, each.GroupVersionKind().Kind, each.GetName(), each.Patch)
		}
	}
	return nil
}

// asInstalled adds to a manifest what Helm adds to it.
func asInstalled(object *unstructured.Unstructured, namespace, release string, cluster client.Client) error {
	labels := object.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels["app.kubernetes.io/managed-by"] = "Helm"
	object.SetLabels(labels)
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations["meta.helm.sh/release-name"] = release
	annotations["meta.helm.sh/release-namespace"] = namespace
	object.SetAnnotations(annotations)
	isNamespaced, err := apiutil.IsObjectNamespaced(object, cluster.Scheme(), cluster.RESTMapper())
	if err == nil && isNamespaced && object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}
	return err
}
