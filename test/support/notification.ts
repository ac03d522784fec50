import type { MaintenanceNotification, MaintenanceNotificationSpec, ObjectMeta } from '../../src/api/maintenance-notification.ts';

export const subscriptionId = 'aaaaaaaa-4444-4444-8444-444444444444';
export const clusterId = `/subscriptions/${subscriptionId}/resourceGroups/shop/providers/Microsoft.ContainerService/managedClusters/prod`;

/** The shortest spec that tells somebody. */
export const minimalSpec: MaintenanceNotificationSpec = {
  clusterResourceId: clusterId,
  receivers: { email: [{ address: 'oncall@contoso.com' }] },
};

/** A spec like the minimal one, with some fields changed. */
export const specWith = (change: Partial<MaintenanceNotificationSpec>): MaintenanceNotificationSpec => ({ ...minimalSpec, ...change });

/** An object `platform/prod` as the API server would give it, with anything in it changed. */
export const notification = (
  change: {
    readonly metadata?: Partial<ObjectMeta>;
    readonly spec?: MaintenanceNotificationSpec;
    readonly status?: MaintenanceNotification['status'];
  } = {},
): MaintenanceNotification => ({
  apiVersion: 'aks-notifier.dev/v1alpha1',
  kind: 'MaintenanceNotification',
  metadata: {
    name: 'prod',
    namespace: 'platform',
    uid: '00000000-0000-4000-8000-000000000001',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...change.metadata,
  },
  spec: change.spec ?? minimalSpec,
  ...(change.status ? { status: change.status } : {}),
});
