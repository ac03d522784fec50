import type { Condition, MaintenanceNotification } from '../../../src/api/maintenance-notification.ts';
import { KubeError } from '../../../src/kube/failure.ts';
import { createStore } from '../../../src/kube/store.ts';
import type { Store } from '../../../src/kube/store.ts';
import { createMetrics } from '../../../src/observe/metrics.ts';
import type { Metrics, MetricsOptions } from '../../../src/observe/metrics.ts';
import type { RunReport } from '../../../src/runtime/controller.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';
import { notification } from '../../support/notification.ts';

export interface Rig {
  readonly metrics: Metrics;
  readonly store: Store<MaintenanceNotification>;
  readonly clock: FakeClock;
  /** The text of a scrape. */
  readonly text: () => Promise<string>;
}

/** Metrics of a process with nothing to do, on a clock that stands still at the beginning of 2026. */
export const rig = (options: Partial<MetricsOptions> = {}): Rig => {
  const store = createStore<MaintenanceNotification>();
  const clock = createFakeClock();
  const metrics = createMetrics({
    version: '1.2.3',
    host: '10.0.0.1:443',
    concurrency: 4,
    depth: () => 0,
    running: () => new Map(),
    election: undefined,
    objects: store,
    intervalMilliseconds: 600_000,
    clock,
    ...options,
  });
  return { metrics, store, clock, text: async () => (await Array.fromAsync((await metrics.scrape()).body)).join('') };
};

/** A value of a scrape by its series, written in any order of labels; undefined when it isn't there. */
export const valueOf = (text: string, name: string, labels: Readonly<Record<string, string>> = {}): number | undefined => {
  const found = seriesOf(text).filter(
    (series) =>
      series.name === name &&
      Object.keys(series.labels).length === Object.keys(labels).length &&
      Object.entries(labels).every(([label, value]) => series.labels[label] === value),
  );
  if (found.length > 1) throw new Error(`${name} ${JSON.stringify(labels)} is there ${found.length} times`);
  return found[0]?.value;
};

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Every series of a scrape, label values still escaped. */
export const seriesOf = (text: string): readonly Series[] =>
  text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, name, labels = '', value] = /^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
      if (name === undefined) throw new Error(`not a series: ${line}`);
      const pairs = Array.from(labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g), ([, label = '', of = '']) => [label, of]);
      return { name, labels: Object.fromEntries(pairs), value: Number(value) };
    });

export const report = (outcome: RunReport['outcome'], change: Partial<RunReport> = {}): RunReport => ({
  key: 'platform/prod',
  outcome,
  deadlineExceeded: false,
  waitedMilliseconds: 0,
  milliseconds: 40,
  failures: 0,
  nextMilliseconds: undefined,
  ...change,
});

export const condition = (type: string, status: Condition['status']): Condition => ({
  type,
  status,
  reason: 'Succeeded',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
});

export const kubeError = (fields: { readonly status?: number; readonly code?: string }): KubeError =>
  new KubeError('no', { operation: 'WATCH /x', ...fields });

/** Metrics of a leader to whom everything there is a metric for has happened. */
export const eventful = (): Rig => {
  const all = rig({ election: { leaseName: 'aks-notifier', isLeading: () => true } });
  const { metrics, store } = all;
  store.apply(notification({ status: { conditions: [condition('Ready', 'True')] } }));
  store.apply(
    notification({
      metadata: { name: 'leaving', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['aks-notifier.dev/azure-cleanup'] },
    }),
  );
  metrics.added();
  metrics.ran(report({ kind: 'after', milliseconds: 600_000 }, { nextMilliseconds: 600_000 }));
  metrics.succeeded('platform/prod');
  metrics.calledAzure({ operation: 'actionGroups.put', code: 'ok', seconds: 1 });
  metrics.requested({ method: 'GET', path: '/', milliseconds: 3, status: 200, error: undefined });
  metrics.newWatch()({ kind: 'event', type: 'ADDED' });
  metrics.droppedEvent('duplicate');
  metrics.correctedDrift('AlertRule', 'severity');
  return all;
};
