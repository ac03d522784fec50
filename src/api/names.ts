/** Every name of ours that a user can see, in one place. None of them ever changes. */

export const group = 'aks-notifier.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;
export const kind = 'MaintenanceNotification';
export const plural = 'maintenancenotifications';
export const crdName = `${plural}.${group}`;

/** Component of Events, prefix of the Azure user agent, field manager of every write. */
export const manager = 'aks-notifier';

/** Holds an object back until everything it made in Azure is gone. */
export const finalizer = `${group}/azure-cleanup`;

/** A new value asks for a run now; the value comes back as `status.lastHandledReconcileAt`. */
export const reconcileAnnotation = `${group}/reconcile-requested-at`;

/** A new value asks for one test notice to all receivers; what became of it stands in `status.testNotification`. */
export const testAnnotation = `${group}/test-notification-requested-at`;

/** The tag, on alert rule and action group, that says whose they are: `<installation>/<namespace>/<name>`. */
export const ownerTagName = 'aks-notifier-owner';

/** Azure's built-in role Reader. */
export const readerRoleId = 'acdd72a7-3385-48ef-bd42-f606fba81ae7';
