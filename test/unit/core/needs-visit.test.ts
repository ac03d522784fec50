import { describe, expect, it } from 'vitest';
import type { MaintenanceNotification } from '../../../src/api/maintenance-notification.ts';
import { needsVisit } from '../../../src/core/needs-visit.ts';
import { notification } from '../../support/notification.ts';

const settled = notification({
  metadata: { finalizers: ['aks-notifier.dev/azure-cleanup'] },
  status: { observedGeneration: 1, conditions: [] },
});
const change = (metadata: Partial<MaintenanceNotification['metadata']>, status = settled.status): MaintenanceNotification => ({
  ...settled,
  metadata: { ...settled.metadata, resourceVersion: '2', ...metadata },
  ...(status ? { status } : {}),
});

describe('an update', () => {
  it.each<[string, MaintenanceNotification]>([
    ['a new generation', change({ generation: 2 })],
    ['a request for a deletion', change({ deletionTimestamp: '2026-01-01T00:00:00Z' })],
    ['a request to reconcile now', change({ annotations: { 'aks-notifier.dev/reconcile-requested-at': 'now' } })],
    ['a request for a test notice', change({ annotations: { 'aks-notifier.dev/test-notification-requested-at': 'now' } })],
    ['our finalizer taken away', change({ finalizers: [] })],
    ['our finalizer taken away and another’s left', change({ finalizers: ['example.com/other'] })],
    ['a status wiped out', change({}, {})],
  ])('asks for a run: %s', (_, object) => {
    expect(needsVisit(settled, object)).toBe(true);
  });

  it.each<[string, MaintenanceNotification]>([
    ['our own status', change({}, { observedGeneration: 1, conditions: [], principalId: 'p' })],
    ['another’s finalizer', change({ finalizers: ['aks-notifier.dev/azure-cleanup', 'example.com/other'] })],
    ['a label', change({ labels: { team: 'blue' } })],
    ['another annotation', change({ annotations: { note: 'x' } })],
    ['nothing at all', change({})],
  ])('asks for none: %s', (_, object) => {
    expect(needsVisit(settled, object)).toBe(false);
  });

  it('asks for none when it is our own finalizer that came', () => {
    expect(needsVisit(notification(), notification({ metadata: { finalizers: ['aks-notifier.dev/azure-cleanup'] } }))).toBe(false);
  });
});
