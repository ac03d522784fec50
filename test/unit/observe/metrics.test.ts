import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Occurrence } from '../../../src/kube/list-watch.ts';
import { WriteRefusedError } from '../../../src/runtime/write-gate.ts';
import { notification } from '../../support/notification.ts';
import { condition, eventful, kubeError, report, rig, seriesOf, valueOf } from './scrape.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const controller = 'maintenancenotification';
const queue = { name: controller, controller };
const prod = { namespace: 'platform', name: 'prod' };

/** The names that a scrape says the type of. */
const familiesOf = (text: string, word: 'HELP' | 'TYPE'): readonly string[] =>
  Array.from(text.matchAll(new RegExp(`^# ${word} (\\S+) .+$`, 'gm')), ([, name = '']) => name);

/** The family that a series belongs to: that of a histogram has three kinds. */
const familyOf = (name: string, families: readonly string[]): string =>
  families.includes(name) ? name : name.replace(/_(?:bucket|sum|count)$/, '');

describe('a scrape', () => {
  it('has one HELP and one TYPE for each name, its series behind them and each series once', async () => {
    const text = await eventful().text();
    const families = familiesOf(text, 'TYPE');
    expect(new Set(families).size).toBe(families.length);
    expect(familiesOf(text, 'HELP')).toEqual(families);
    const series = seriesOf(text);
    const order = series.map(({ name }) => familyOf(name, families)).filter((name, index, all) => name !== all[index - 1]);
    expect(order).toEqual(families);
    const identities = series.map(({ name, labels }) => `${name} ${Object.entries(labels).map(String).toSorted().join(' ')}`);
    expect(new Set(identities).size).toBe(identities.length);
  });

  it('has exactly the metrics that docs/metrics.md explains, with their types and labels', async () => {
    const text = await eventful().text();
    const types = new Map(Array.from(text.matchAll(/^# TYPE (\S+) (\S+)$/gm), ([, name = '', type = '']) => [name, type]));
    const families = [...types.keys()];
    const labels = new Map<string, Set<string>>(families.map((name) => [name, new Set()]));
    for (const series of seriesOf(text))
      for (const label of Object.keys(series.labels)) if (label !== 'le') labels.get(familyOf(series.name, families))?.add(label);
    const actual = families.map((name) => `${name} ${types.get(name)} ${[...(labels.get(name) ?? [])].toSorted().join(' ')}`.trim());

    const page = await readFile(join(root, 'docs', 'metrics.md'), 'utf8');
    const documented = Array.from(page.matchAll(/^\| `([a-z_0-9]+)` \| (\w+) \| ([^|]*) \|/gm), ([, name = '', type = '', cell = '']) =>
      `${name} ${type} ${Array.from(cell.matchAll(/`(\w+)`/g), ([, label = '']) => label)
        .toSorted()
        .join(' ')}`.trim(),
    );
    expect(documented.toSorted()).toEqual(actual.toSorted());
    // And no alert asks for a metric or a label that isn't there.
    const asked = Array.from(page.matchAll(/\b((?:aks_notifier|leader_election)_[a-z_]+)/g), ([, name = '']) => name);
    expect(asked.filter((name) => !types.has(name))).toEqual([]);
  });

  it('of two programs in one process do not meet', async () => {
    const one = rig();
    const other = rig();
    one.metrics.added();
    expect(valueOf(await one.text(), 'workqueue_adds_total', queue)).toBe(1);
    expect(valueOf(await other.text(), 'workqueue_adds_total', queue)).toBe(0);
  });

  it('says what the process is and uses', async () => {
    const text = await rig().text();
    expect(valueOf(text, 'aks_notifier_build_info', { version: '1.2.3' })).toBe(1);
    expect(valueOf(text, 'process_cpu_seconds_total')).toBeGreaterThan(0);
    expect(valueOf(text, 'process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    expect(valueOf(text, 'nodejs_heap_size_used_bytes')).toBeLessThanOrEqual(valueOf(text, 'nodejs_heap_size_total_bytes') ?? 0);
    expect(Math.abs((valueOf(text, 'process_start_time_seconds') ?? 0) - (Date.now() / 1000 - process.uptime()))).toBeLessThan(5);
    expect(valueOf(text, 'nodejs_eventloop_lag_p99_seconds')).toBeGreaterThanOrEqual(0);
  });
});

describe('runs', () => {
  it('are counted under the names and results that dashboards of controller-runtime know', async () => {
    const { metrics, text } = rig();
    const threw = { kind: 'threw', error: new TypeError('x') } as const;
    metrics.ran(report({ kind: 'done' }));
    metrics.ran(report({ kind: 'after', milliseconds: 1 }, { nextMilliseconds: 1, waitedMilliseconds: 2000 }));
    metrics.ran(report({ kind: 'backOff', capMilliseconds: 1 }, { nextMilliseconds: 1 }));
    metrics.ran(report(threw, { nextMilliseconds: 1 }));
    metrics.ran(report({ kind: 'threw', error: kubeError({ status: 500 }) }, { nextMilliseconds: 1 }));
    metrics.ran(report({ kind: 'threw', error: new WriteRefusedError('x') }, { nextMilliseconds: 1 }));
    metrics.ran(report(threw, { nextMilliseconds: 1, deadlineExceeded: true }));
    metrics.ran(report({ kind: 'aborted' }));
    const body = await text();
    const total = (result: string) => valueOf(body, 'controller_runtime_reconcile_total', { controller, result });
    expect(['success', 'requeue_after', 'error', 'requeue'].map(total)).toEqual([1, 1, 5, 1]);
    expect(valueOf(body, 'controller_runtime_reconcile_errors_total', { controller })).toBe(5);
    expect(valueOf(body, 'controller_runtime_reconcile_panics_total', { controller })).toBe(1);
    expect(valueOf(body, 'controller_runtime_reconcile_timeouts_total', { controller })).toBe(1);
    expect(valueOf(body, 'controller_runtime_reconcile_time_seconds_bucket', { controller, le: '0.025' })).toBe(0);
    expect(valueOf(body, 'controller_runtime_reconcile_time_seconds_bucket', { controller, le: '0.05' })).toBe(8);
    expect(valueOf(body, 'workqueue_work_duration_seconds_count', queue)).toBe(8);
    expect(valueOf(body, 'workqueue_queue_duration_seconds_sum', queue)).toBe(2);
    expect(valueOf(body, 'workqueue_retries_total', queue)).toBe(6);
  });

  it('and the queue are asked how they stand at each scrape', async () => {
    let depth = 3;
    const running = new Map([
      ['a/b', 1500],
      ['a/c', 500],
    ]);
    const { text } = rig({ depth: () => depth, running: () => running, concurrency: 8 });
    const busy = await text();
    expect(valueOf(busy, 'workqueue_depth', queue)).toBe(3);
    expect(valueOf(busy, 'workqueue_unfinished_work_seconds', queue)).toBe(2);
    expect(valueOf(busy, 'workqueue_longest_running_processor_seconds', queue)).toBe(1.5);
    expect(valueOf(busy, 'controller_runtime_active_workers', { controller })).toBe(2);
    expect(valueOf(busy, 'controller_runtime_max_concurrent_reconciles', { controller })).toBe(8);
    depth = 0;
    running.clear();
    const idle = await text();
    expect(valueOf(idle, 'workqueue_depth', queue)).toBe(0);
    expect(valueOf(idle, 'workqueue_longest_running_processor_seconds', queue)).toBe(0);
  });
});

describe('calls', () => {
  it('to Azure are counted by provider, operation and code', async () => {
    const { metrics, text } = rig();
    metrics.calledAzure({ operation: 'actionGroups.put', code: '200', seconds: 0.3 });
    metrics.calledAzure({ operation: 'actionGroups.put', code: '429', seconds: 0.1 });
    const body = await text();
    const call = { service: 'Microsoft.Insights', operation: 'actionGroups.put' };
    expect(valueOf(body, 'aks_notifier_azure_requests_total', { ...call, code: '200' })).toBe(1);
    expect(valueOf(body, 'aks_notifier_azure_requests_total', { ...call, code: '429' })).toBe(1);
    expect(valueOf(body, 'aks_notifier_azure_request_seconds_count', call)).toBe(2);
  });

  it('to Azure that had to wait for their turn are counted by what they waited for', async () => {
    const { metrics, text } = rig();
    metrics.pacedAzure('ruleWrites');
    const body = await text();
    expect(valueOf(body, 'aks_notifier_azure_paced_total', { lane: 'ruleWrites' })).toBe(1);
    expect(valueOf(body, 'aks_notifier_azure_paced_total', { lane: 'reads' })).toBe(0);
  });

  it('to Azure have a provider, whichever operation it is', async () => {
    const folder = join(root, 'src', 'azure');
    const files = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
    const operations = files.flatMap((text) => Array.from(text.matchAll(/operation: '(\w+\.\w+)'/g), ([, name = '']) => name));
    const { metrics, text } = rig();
    for (const operation of operations) metrics.calledAzure({ operation, code: 'ok', seconds: 1 });
    const counted = seriesOf(await text()).filter(({ name }) => name === 'aks_notifier_azure_requests_total');
    expect(counted.length).toBeGreaterThan(8);
    expect(counted.filter(({ labels }) => !/^Microsoft\.\w+$/.test(labels['service'] ?? ''))).toEqual([]);
  });

  it('to the API server are counted as client-go does', async () => {
    const { metrics, text } = rig();
    metrics.requested({ method: 'PATCH', path: '/x', milliseconds: 30, status: 409, error: undefined });
    metrics.requested({ method: 'GET', path: '/x', milliseconds: 15_000, status: undefined, error: undefined });
    const body = await text();
    const host = '10.0.0.1:443';
    expect(valueOf(body, 'rest_client_requests_total', { code: '409', method: 'PATCH', host })).toBe(1);
    expect(valueOf(body, 'rest_client_requests_total', { code: '<error>', method: 'GET', host })).toBe(1);
    expect(valueOf(body, 'rest_client_request_duration_seconds_sum', { verb: 'GET', host })).toBe(15);
  });
});

describe('a watch', () => {
  const restarts = async (...occurrences: readonly Occurrence[]): Promise<Readonly<Record<string, number>>> => {
    const { metrics, text } = rig();
    const observe = metrics.newWatch();
    for (const occurrence of occurrences) observe(occurrence);
    const counted = seriesOf(await text()).filter(({ name, value }) => name === 'aks_notifier_watch_restarts_total' && value > 0);
    return Object.fromEntries(counted.map(({ labels, value }) => [labels['reason'] ?? '', value]));
  };
  const failed = (fields: Parameters<typeof kubeError>[0], during: 'list' | 'watch' = 'watch'): Occurrence => ({
    kind: 'failed',
    during,
    error: kubeError(fields),
    waitMilliseconds: 1,
  });
  const ended: Occurrence = { kind: 'watchEnded', events: 0, milliseconds: 1 };

  it.each<[string, readonly Occurrence[], string]>([
    ['that ended', [ended], 'ended'],
    ['that ended at once', [ended, failed({ code: 'ShortWatch' })], 'ended'],
    ['whose version is too old', [{ kind: 'expired' }], 'expired'],
    ['whose version is too old again and again', [{ kind: 'expired' }, failed({ status: 410 })], 'expired'],
    ['that was silent for too long', [failed({ code: 'IdleTooLong' })], 'idle'],
    ['that was refused', [failed({ status: 403 })], 'refused'],
    ['that talked nonsense', [failed({ code: 'MalformedAnswer' })], 'malformed'],
    ['that got no answer', [failed({ code: 'ECONNREFUSED' })], 'unreachable'],
  ])('%s is counted once', async (_what, occurrences, reason) => {
    expect(await restarts(...occurrences)).toEqual({ [reason]: 1 });
  });

  it('that only lists, or is accepted, is not opened anew', async () => {
    expect(await restarts(failed({ status: 500 }, 'list'), { kind: 'watching', timeoutSeconds: 300 })).toEqual({});
  });

  const listed = (missed: number): Occurrence => ({
    kind: 'listed',
    cause: 'interval',
    objects: 1,
    pages: 1,
    milliseconds: 1,
    changes: 1,
    missed,
  });

  it('tells its events, and what it missed', async () => {
    const { metrics, text } = rig();
    const observe = metrics.newWatch();
    observe({ kind: 'event', type: 'MODIFIED' });
    observe(listed(0));
    observe(listed(2));
    const body = await text();
    expect(valueOf(body, 'aks_notifier_watch_events_total', { type: 'MODIFIED' })).toBe(1);
    expect(valueOf(body, 'aks_notifier_watch_events_total', { type: 'BOOKMARK' })).toBe(0);
    expect(valueOf(body, 'aks_notifier_missed_by_watch_total')).toBe(2);
  });

  it('of several that lists no more is seen, and one that never did since the start', async () => {
    const { metrics, clock, text } = rig();
    const lastList = async () => valueOf(await text(), 'aks_notifier_last_list_timestamp_seconds');
    const start = clock.now() / 1000;
    await clock.advance(5000);
    expect(await lastList()).toBe(start);
    const [one, other] = [metrics.newWatch(), metrics.newWatch()];
    one(listed(0));
    expect(await lastList()).toBe(start);
    await clock.advance(5000);
    other(listed(0));
    expect(await lastList()).toBe(start + 5);
    one(listed(0));
    expect(await lastList()).toBe(start + 10);
  });
});

describe('what was dropped and put right', () => {
  it('is counted by reason, from 0, and by resource and field', async () => {
    const { metrics, text } = rig();
    metrics.droppedEvent('overBudget');
    metrics.correctedDrift('ReaderAccess', 'missing');
    metrics.correctedDrift('AlertRule', 'severity');
    metrics.correctedDrift('AlertRule', 'severity');
    const body = await text();
    const dropped = ['duplicate', 'overBudget', 'queueFull', 'failed', 'stopped'];
    expect(dropped.map((reason) => valueOf(body, 'aks_notifier_events_dropped_total', { reason }))).toEqual([0, 1, 0, 0, 0]);
    expect(valueOf(body, 'aks_notifier_drift_corrected_total', { resource: 'ReaderAccess', field: 'missing' })).toBe(1);
    expect(valueOf(body, 'aks_notifier_drift_corrected_total', { resource: 'AlertRule', field: 'severity' })).toBe(2);
  });
});

describe('the election', () => {
  it('shows in every replica, and only the leader speaks of objects', async () => {
    let isLeading = false;
    const { store, text } = rig({ election: { leaseName: 'aks-notifier', isLeading: () => isLeading } });
    store.apply(notification());
    const standby = await text();
    expect(valueOf(standby, 'leader_election_master_status', { name: 'aks-notifier' })).toBe(0);
    expect(standby).not.toContain('platform');
    isLeading = true;
    const leader = await text();
    expect(valueOf(leader, 'leader_election_master_status', { name: 'aks-notifier' })).toBe(1);
    expect(valueOf(leader, 'aks_notifier_suspended', prod)).toBe(0);
  });

  it('that is off has no metric, and the one process speaks of objects', async () => {
    const { store, text } = rig();
    store.apply(notification());
    const body = await text();
    expect(body).not.toContain('leader_election');
    expect(valueOf(body, 'aks_notifier_suspended', prod)).toBe(0);
  });
});

describe('the last success of an object', () => {
  const name = 'aks_notifier_last_success_timestamp_seconds';

  it('is absent until there is one, and moves with each', async () => {
    const { metrics, store, clock, text } = rig();
    store.apply(notification());
    expect(valueOf(await text(), name, prod)).toBeUndefined();
    metrics.succeeded('platform/prod');
    expect(valueOf(await text(), name, prod)).toBe(clock.now() / 1000);
    await clock.advance(60_000);
    metrics.succeeded('platform/prod');
    expect(valueOf(await text(), name, prod)).toBe(clock.now() / 1000);
  });

  it('goes with the object, and never belongs to another of the same name', async () => {
    const { metrics, store, text } = rig();
    const first = notification();
    const second = notification({ metadata: { uid: 'another', resourceVersion: '9' } });
    store.apply(first);
    metrics.succeeded('platform/prod');
    store.remove(first);
    store.apply(second);
    // Even if nobody said that the first is gone.
    expect(valueOf(await text(), name, prod)).toBeUndefined();
    metrics.succeeded('platform/prod');
    expect(valueOf(await text(), name, prod)).toBeDefined();
    metrics.removed('platform/prod');
    expect(valueOf(await text(), name, prod)).toBeUndefined();
    store.remove(second);
    metrics.succeeded('platform/prod');
    store.apply(notification({ metadata: { uid: 'another', resourceVersion: '10' } }));
    expect(valueOf(await text(), name, prod)).toBeUndefined();
  });

  it('every series of an object goes with it', async () => {
    const { metrics, store, text } = rig();
    const object = notification({ status: { conditions: [condition('Ready', 'True')] } });
    store.apply(object);
    metrics.succeeded('platform/prod');
    expect((await text()).match(/name="prod"/g)).toHaveLength(7 * 3 + 5);
    store.remove(object);
    expect(await text()).not.toContain('prod');
  });
});
