import { crdName } from './api/names.ts';
import { isForbidden, isNotFound, isUnauthorized, isUnreachable } from './kube/failure.ts';

/** What the API server refuses: a list or watch of our kind, the lease, the UID that is the installation id. */
export type Errand = 'list' | 'watch' | 'lease' | 'uid';

const rights: Readonly<Record<Errand, string>> = {
  list: `grant the ServiceAccount \`list\` on ${crdName}, as the chart's role does`,
  watch: `grant the ServiceAccount \`watch\` on ${crdName}, as the chart's role does`,
  lease:
    "grant the ServiceAccount `get`, `patch` and `create` on leases.coordination.k8s.io in the operator's own namespace, as the chart's role does",
  uid: 'grant the ServiceAccount `get` on the namespace kube-system, or set --installation-id',
};

/** What a person can do about a failed request to the API server, in one sentence; undefined: nothing, it is tried again. */
const remedy = (errand: Errand, error: unknown): string | undefined => {
  if (isForbidden(error)) return rights[errand];
  if (isNotFound(error) && (errand === 'list' || errand === 'watch'))
    return `the CRD ${crdName} is not installed: install the chart with crds.enabled, or apply the files in crds/`;
  if (isNotFound(error) && errand === 'lease')
    return "the operator's own namespace does not exist: create it, or name another with --namespace";
  if (isUnauthorized(error)) return "the API server doesn't accept the credentials: see KUBECONFIG, or the pod's ServiceAccount token";
  return isUnreachable(error) ? 'waiting for the API server' : undefined;
};

/** The same behind the error's own words, for a log line or a probe. */
export const sentence = (errand: Errand, error: Error): string => {
  const hint = remedy(errand, error);
  return hint === undefined ? error.message : `${error.message}: ${hint}`;
};
