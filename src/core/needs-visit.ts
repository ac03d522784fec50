import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { finalizer, reconcileAnnotation, testAnnotation } from '../api/names.ts';

const requests = [reconcileAnnotation, testAnnotation];

/**
 * Whether an update asks for a run. Our own status writes come back as updates too and must not: each would lead to another.
 * A status or a finalizer that somebody took away is a reason, though.
 */
export const needsVisit = (previous: MaintenanceNotification, object: MaintenanceNotification): boolean =>
  previous.metadata.generation !== object.metadata.generation ||
  previous.metadata.deletionTimestamp !== object.metadata.deletionTimestamp ||
  requests.some((name) => previous.metadata.annotations?.[name] !== object.metadata.annotations?.[name]) ||
  (holdsFinalizer(previous) && !holdsFinalizer(object)) ||
  (previous.status?.conditions !== undefined && object.status?.conditions === undefined);

const holdsFinalizer = ({ metadata }: MaintenanceNotification): boolean => metadata.finalizers?.includes(finalizer) ?? false;
