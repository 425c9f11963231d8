// An operator as authors write them, with what controller-runtime offers: leader election, a cache with selectors and an index, metadata-only
// watches, server-side apply of children and of its own status, a finalizer, events.
//
//	operator KUBECONFIG IDENTITY
//
// Each Greeting gets a ConfigMap and a Deployment that it owns, and a line in the ConfigMap `ledger`, which nobody owns: `born`, then `gone`
// when its finalizer ran. It ends when it is no longer the leader.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/retry"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

const (
	finalizer     = "operators.example.com/ledger"
	audienceIndex = "spec.audience"
	audienceType  = "operators.example.com/audience"
	mark          = "operators.example.com/mark" // of a Secret; copied to the ConfigMaps of its Greetings
	owner         = client.FieldOwner("greetings")
)

var ours = map[string]string{"app": "greetings"}

type reconciler struct {
	client.Client
	direct   client.Reader
	recorder events.EventRecorder
	identity string
}

func (r *reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	g := &Greeting{}
	if err := r.Get(ctx, req.NamespacedName, g); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !g.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, r.bury(ctx, g)
	}
	before := copied(g)
	if controllerutil.AddFinalizer(g, finalizer) {
		return ctrl.Result{}, r.Patch(ctx, g, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	}
	if err := r.note(ctx, g, "born"); err != nil {
		return ctrl.Result{}, err
	}
	if err := r.applyChildren(ctx, g); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.applyStatus(ctx, g)
}

func (r *reconciler) bury(ctx context.Context, g *Greeting) error {
	if err := r.note(ctx, g, "gone"); err != nil {
		return err
	}
	before := copied(g)
	if !controllerutil.RemoveFinalizer(g, finalizer) {
		return nil
	}
	return client.IgnoreNotFound(r.Patch(ctx, g, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})))
}

// The ledger is changed as a whole, so that a lost write of anybody's would show.
func (r *reconciler) note(ctx context.Context, g *Greeting, what string) error {
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		ledger := &corev1.ConfigMap{}
		key := client.ObjectKey{Namespace: g.Namespace, Name: "ledger"}
		if err := r.direct.Get(ctx, key, ledger); err != nil || ledger.Data[string(g.UID)] == g.Name+" "+what {
			return err
		}
		if ledger.Data == nil {
			ledger.Data = map[string]string{}
		}
		ledger.Data[string(g.UID)] = g.Name + " " + what
		return r.Update(ctx, ledger)
	})
}

func (r *reconciler) applyChildren(ctx context.Context, g *Greeting) error {
	controller := metaapply.OwnerReference().WithAPIVersion(version.String()).WithKind("Greeting").WithName(g.Name).WithUID(g.UID).
		WithController(true).WithBlockOwnerDeletion(true)
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := r.Get(ctx, client.ObjectKey{Namespace: g.Namespace, Name: g.Spec.Audience}, secret)
	if g.Spec.Audience != "" && err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	text := coreapply.ConfigMap(g.Name, g.Namespace).WithLabels(ours).WithOwnerReferences(controller).
		WithData(map[string]string{"text": g.Spec.Text, "mark": secret.Annotations[mark]})
	if err := r.Apply(ctx, text, owner, client.ForceOwnership); err != nil {
		return err
	}
	pod := coreapply.PodTemplateSpec().WithLabels(map[string]string{"greeting": g.Name}).
		WithSpec(coreapply.PodSpec().WithContainers(coreapply.Container().WithName("c").WithImage("greeter")))
	pods := appsapply.Deployment(g.Name, g.Namespace).WithLabels(ours).WithOwnerReferences(controller).
		WithSpec(appsapply.DeploymentSpec().WithReplicas(g.Spec.Replicas).WithTemplate(pod).
			WithSelector(metaapply.LabelSelector().WithMatchLabels(map[string]string{"greeting": g.Name})))
	return r.Apply(ctx, pods, owner, client.ForceOwnership)
}

func (r *reconciler) applyStatus(ctx context.Context, g *Greeting) error {
	pods := &appsv1.Deployment{}
	if err := r.Get(ctx, client.ObjectKeyFromObject(g), pods); err != nil {
		return client.IgnoreNotFound(err) // the cache will hear of it
	}
	conditions := g.Status.Conditions
	said := metav1.Condition{Type: "Said", Status: metav1.ConditionFalse, Reason: "Waiting", ObservedGeneration: g.Generation}
	if pods.Status.ObservedGeneration == pods.Generation && pods.Status.Replicas == g.Spec.Replicas {
		said.Status, said.Reason = metav1.ConditionTrue, "Done"
	}
	changed := setCondition(&conditions, said)
	status := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": g.Name, "namespace": g.Namespace}}}
	status.SetGroupVersionKind(version.WithKind("Greeting"))
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(
		&GreetingStatus{ObservedGeneration: g.Generation, Pods: pods.Status.Replicas, Conditions: conditions})
	if err != nil {
		return err
	}
	status.Object["status"] = fields
	if err := r.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(status), owner, client.ForceOwnership); err != nil {
		return client.IgnoreNotFound(err)
	}
	if changed && said.Status == metav1.ConditionTrue {
		r.recorder.Eventf(g, pods, corev1.EventTypeNormal, "Said", "Greet", "%s said it in %d pods", r.identity, g.Spec.Replicas)
	}
	return nil
}

// Whether the condition's status is another than before.
func setCondition(list *[]metav1.Condition, c metav1.Condition) bool {
	c.LastTransitionTime = metav1.Now()
	for i, old := range *list {
		if old.Type == c.Type {
			if old.Status == c.Status {
				c.LastTransitionTime = old.LastTransitionTime
			}
			(*list)[i] = c
			return old.Status != c.Status
		}
	}
	*list = append(*list, c)
	return true
}

// Greetings whose audience an object is: from the index.
func (r *reconciler) ofAudience(ctx context.Context, o client.Object) []reconcile.Request {
	list := &GreetingList{}
	if err := r.List(ctx, list, client.InNamespace(o.GetNamespace()), client.MatchingFields{audienceIndex: o.GetName()}); err != nil {
		panic(err)
	}
	requests := make([]reconcile.Request, 0, len(list.Items))
	for _, g := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&g)})
	}
	return requests
}

func audienceOf(o client.Object) []string { return []string{o.(*Greeting).Spec.Audience} }

func options() ctrl.Options {
	scheme := runtime.NewScheme()
	check(clientgoscheme.AddToScheme(scheme))
	addToScheme(scheme)
	secrets := &metav1.PartialObjectMetadata{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	lease, renew, again := 6*time.Second, 4*time.Second, 500*time.Millisecond
	return ctrl.Options{
		Scheme: scheme, Metrics: server.Options{BindAddress: "0"},
		LeaderElection: true, LeaderElectionID: "greetings", LeaderElectionNamespace: "default", LeaderElectionReleaseOnCancel: true,
		LeaseDuration: &lease, RenewDeadline: &renew, RetryPeriod: &again,
		Cache: cache.Options{ByObject: map[client.Object]cache.ByObject{
			&corev1.ConfigMap{}:  {Label: labels.SelectorFromSet(ours), Transform: cache.TransformStripManagedFields()},
			&appsv1.Deployment{}: {Label: labels.SelectorFromSet(ours)},
			secrets:              {Field: fields.OneTermEqualSelector("type", audienceType)},
		}},
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	ctrl.SetLogger(zap.New())
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	check(err)
	config.QPS = -1
	manager, err := ctrl.NewManager(config, options())
	check(err)
	ctx := ctrl.SetupSignalHandler()
	r := &reconciler{manager.GetClient(), manager.GetAPIReader(), manager.GetEventRecorder("greetings"), os.Args[2]}
	check(manager.GetFieldIndexer().IndexField(ctx, &Greeting{}, audienceIndex, audienceOf))
	check(ctrl.NewControllerManagedBy(manager).For(&Greeting{}).Owns(&corev1.ConfigMap{}).Owns(&appsv1.Deployment{}).
		WatchesMetadata(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.ofAudience)).Complete(r))
	go func() {
		<-manager.Elected()
		fmt.Println("leads", os.Args[2])
	}()
	check(manager.Start(ctx))
}
