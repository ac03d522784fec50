import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import { finalizer } from '../../src/api/names.ts';
import type { Metrics } from '../../src/observe/metrics.ts';
import { provideTool } from '../../tools/provide.ts';
import { alertsFile, metricsIn, promtoolTest, readAlerts } from '../support/monitoring.ts';
import { minimalSpec, notification } from '../support/notification.ts';
import { removeDirectory, run, temporaryDirectory } from '../support/process.ts';
import { scrapeMinutes, type Minute } from '../support/scrapes.ts';
import { condition, report } from '../unit/observe/scrape.ts';

const start = Date.UTC(2026, 0, 1);
const day = 24 * 60;
const pods = ['a', 'b'];

let promtool: string;
let directory: string;

beforeAll(async () => {
  promtool = await provideTool('promtool');
  directory = temporaryDirectory('alerts');
});

afterAll(async () => removeDirectory(directory));

type Conditions = Parameters<typeof condition>[];
const inPlace: Conditions = [
  ['Ready', 'True'],
  ['PrerequisitesMet', 'True'],
];
const notReady: Conditions = [['Ready', 'False']];
const stalled: Conditions = [...notReady, ['Stalled', 'True']];

const named = (name: string, conditions: Conditions, change: Parameters<typeof notification>[0] = {}): MaintenanceNotification =>
  notification({
    ...change,
    metadata: { name, finalizers: [finalizer], ...change.metadata },
    status: { conditions: conditions.map((each) => condition(...each)), ...change.status },
  });

const other = named('other', inPlace);
/** The object `prod` in another state, beside one that is in place. */
const withProd = (conditions: Conditions, change?: Parameters<typeof notification>[0]): Partial<Minute> => ({
  objects: [named('prod', conditions, change), other],
});
const suspended = { spec: { ...minimalSpec, suspend: true } };
const deleted = (minute: number) => ({ metadata: { deletionTimestamp: new Date(start + minute * 60_000).toISOString() } });

const healthy: Minute = {
  objects: [named('prod', inPlace), other],
  pods,
  leaders: ['a'],
  elects: true,
  looks: true,
  lists: true,
  missed: 0,
  more: () => undefined,
  values: {},
};

/** All is well before; a case begins at this minute. */
const before = 20;

interface Case {
  readonly what: string;
  readonly during: Partial<Minute> | ((minute: number) => Partial<Minute>);
  /** How many minutes it lasts; at the end of them these alerts fire, and no others. */
  readonly minutes: number;
  readonly firing: readonly string[];
  /** For so many minutes none fires yet. */
  readonly quiet?: number;
  /** How many minutes after it none fires any more. Default 20. */
  readonly heals?: number;
}

const every = (minutes: number, happens: (metrics: Metrics) => void) => (metrics: Metrics, minute: number) => {
  if (minute % minutes === 0) happens(metrics);
};
const failedRun = (metrics: Metrics): void =>
  metrics.ran(report({ kind: 'backOff', capMilliseconds: 180_000 }, { nextMilliseconds: 180_000 }));
const call = (code: string) => (metrics: Metrics) => metrics.calledAzure({ operation: 'actionGroups.put', code, seconds: 1 });
/** Each half minute for ten minutes, then once an interval of 10 minutes, give or take a quarter. */
const failsAsStalledDo = (metrics: Metrics, minute: number): void => {
  const since = minute - before;
  const calls = since < 10 ? 2 : Number([21, 33, 41, 54].includes(since));
  for (let made = 0; made < calls; made += 1) call('FederatedCredentialMismatch')(metrics);
};
const drift = (metrics: Metrics): void => metrics.correctedDrift('AlertRule', 'severity');
const none = [] as const;

/** One replica after the other is replaced: the new one comes, the old one goes, and for a minute nobody leads. */
const rollingUpdate = (minute: number): Partial<Minute> => {
  if (minute < before + 2) return { pods: ['a', 'b', 'c'] };
  if (minute < before + 4) return { pods: ['a', 'c', 'd'] };
  if (minute === before + 4) return { pods: ['c', 'd'], leaders: [] };
  return { pods: ['c', 'd'], leaders: ['c'] };
};

const cases: readonly Case[] = [
  { what: 'an object is not Ready', during: withProd(notReady), minutes: 18, firing: ['NotReady prod'], quiet: 14 },
  { what: 'an object is not Ready for ten minutes', during: withProd(notReady), minutes: 10, firing: none },
  { what: 'an object is made, and Unknown for ten minutes', during: withProd([['Ready', 'Unknown']]), minutes: 10, firing: none },
  { what: 'an object that is not Ready is suspended', during: withProd(notReady, suspended), minutes: 30, firing: none },
  {
    what: 'an object is not Ready, and the leader changes meanwhile',
    during: (minute) => ({ ...withProd(notReady), ...rollingUpdate(minute) }),
    minutes: 18,
    firing: ['NotReady prod'],
    quiet: 14,
  },
  { what: 'an object is Stalled', during: withProd(stalled), minutes: 30, firing: ['Stalled prod'], quiet: 4 },
  { what: 'an object that is Stalled is suspended', during: withProd(stalled, suspended), minutes: 30, firing: none },
  {
    what: 'objects are Ready, but nobody looks at them',
    during: { looks: false },
    minutes: 50,
    firing: ['NoSuccessfulReconcile other', 'NoSuccessfulReconcile prod'],
    quiet: 30,
  },
  {
    what: 'nobody has looked at them since the operator was started',
    during: { looks: false, pods: ['c', 'd'], leaders: ['c'] },
    minutes: 80,
    firing: ['NoSuccessfulReconcile other', 'NoSuccessfulReconcile prod'],
    quiet: 60,
  },
  {
    what: 'an object is looked at once a day',
    during: { objects: [named('prod', inPlace, { spec: { ...minimalSpec, interval: '24h' } })], looks: false },
    minutes: 5 * 60,
    firing: none,
  },
  {
    what: 'an object that is Ready is suspended',
    during: { objects: [named('prod', inPlace, suspended)], looks: false },
    minutes: 180,
    firing: none,
  },
  {
    what: 'an object can’t be deleted',
    during: withProd(notReady, deleted(before)),
    minutes: 30,
    firing: ['DeletionBlocked prod'],
    quiet: 15,
  },
  { what: 'an object takes ten minutes to delete', during: withProd(notReady, deleted(before)), minutes: 10, firing: none },
  {
    what: 'somebody else holds an object that is being deleted',
    during: withProd(inPlace, { metadata: { ...deleted(before).metadata, finalizers: ['foreign.dev/hold'] } }),
    minutes: 60,
    firing: none,
  },
  {
    what: 'Azure sends nothing to a receiver',
    during: withProd(inPlace, { status: { receivers: [{ name: 'duty', kind: 'sms', status: 'Disabled' }] } }),
    minutes: 65,
    firing: ['ReceiverNotEnabled prod'],
    quiet: 59,
  },
  {
    what: 'Azure announces nothing for a cluster',
    during: withProd([
      ['Ready', 'True'],
      ['PrerequisitesMet', 'False'],
    ]),
    minutes: 65,
    firing: ['PrerequisitesNotMet prod'],
    quiet: 59,
  },
  { what: 'no replica runs', during: { pods: [] }, minutes: 15, firing: ['OperatorDown'], quiet: 9 },
  { what: 'no replica runs for five minutes', during: { pods: [] }, minutes: 5, firing: none },
  { what: 'one of two replicas runs', during: { pods: ['a'] }, minutes: 60, firing: none },
  { what: 'no replica leads', during: { leaders: [] }, minutes: 12, firing: ['NoLeader aks-notifier'], quiet: 4 },
  { what: 'there is one replica and no election', during: { pods: ['c'], leaders: ['c'], elects: false }, minutes: 60, firing: none },
  { what: 'two replicas lead', during: { leaders: pods }, minutes: 12, firing: ['SeveralLeaders aks-notifier'], quiet: 4 },
  { what: 'the replicas are updated', during: rollingUpdate, minutes: 60, firing: none },
  { what: 'the objects can’t be listed', during: { lists: false }, minutes: 25, firing: ['WatchStale', 'WatchStale'], quiet: 10 },
  {
    what: 'most runs fail',
    during: { more: every(1, failedRun) },
    minutes: 30,
    firing: ['ReconcileErrors'],
    quiet: 15,
    heals: 30,
  },
  { what: 'a run in three fails', during: { more: every(10, failedRun) }, minutes: 120, firing: none },
  {
    what: 'the program makes a mistake',
    during: { more: (metrics, minute) => minute === before + 5 && metrics.ran(report({ kind: 'threw', error: new TypeError('x') })) },
    minutes: 10,
    firing: ['InternalError'],
    quiet: 4,
    heals: 70,
  },
  {
    what: 'the watch misses a change',
    during: (minute) => ({ missed: minute === before + 10 ? 1 : 0 }),
    minutes: 15,
    firing: ['InternalError'],
    quiet: 4,
    heals: 70,
  },
  {
    what: 'the memory is nearly used up',
    during: { values: { process_resident_memory_bytes: 250e6, aks_notifier_memory_limit_bytes: 256e6 } },
    minutes: 20,
    firing: ['MemoryHigh', 'MemoryHigh'],
    quiet: 14,
  },
  {
    what: 'the memory is used, but not up',
    during: { values: { process_resident_memory_bytes: 220e6, aks_notifier_memory_limit_bytes: 256e6 } },
    minutes: 60,
    firing: none,
  },
  {
    what: 'the event loop is held up',
    during: { values: { nodejs_eventloop_lag_p99_seconds: 1.5 } },
    minutes: 20,
    firing: ['EventLoopSlow', 'EventLoopSlow'],
    quiet: 14,
  },
  ...['FederatedCredentialMismatch', 'AuthenticationFailed', 'AuthenticationUnavailable', 'CredentialUnavailable'].map((code) => ({
    what: `there is no token: ${code}`,
    during: { looks: false, more: every(3, call(code)) },
    minutes: 28,
    firing: ['TokenFailures'],
    quiet: 14,
  })),
  {
    what: 'there is no token, and the objects are Stalled for it: after ten minutes one call for each interval',
    during: { objects: [named('prod', stalled)], looks: false, more: failsAsStalledDo },
    minutes: 60,
    firing: ['Stalled prod', 'TokenFailures'],
    quiet: 4,
  },
  {
    what: 'there is no token for five minutes',
    during: { looks: false, more: every(1, call('AuthenticationUnavailable')) },
    minutes: 5,
    firing: none,
  },
  {
    what: 'some calls find no token, and others do',
    during: { more: every(3, call('AuthenticationUnavailable')) },
    minutes: 60,
    firing: none,
  },
  { what: 'Azure throttles', during: { more: every(3, call('429')) }, minutes: 50, firing: ['AzureThrottled'], quiet: 30 },
  { what: 'Azure throttles for ten minutes', during: { more: every(1, call('429')) }, minutes: 10, firing: none },
  { what: 'Azure refuses calls', during: { more: every(3, call('403')) }, minutes: 120, firing: none },
  {
    what: 'somebody changes a field again and again',
    during: { more: every(10, drift) },
    minutes: 6 * 60,
    firing: ['DriftCorrectedOften'],
    quiet: 3 * 60,
    heals: 7 * 60,
  },
  {
    what: 'somebody changes a field of many objects once',
    during: { more: (metrics, minute) => void (minute < before + 20 && drift(metrics)) },
    minutes: 7 * 60,
    firing: none,
  },
];

/** What promtool is told of a case: what is scraped, and which alerts fire when. */
const testOf = async ({ what, during, minutes, firing, quiet = 0, heals = 20 }: Case, isWanted: (name: string) => boolean) => {
  const all = Array.from({ length: before + minutes + heals }, (_, minute) => {
    if (minute < before || minute >= before + minutes) return healthy;
    return { ...healthy, ...(typeof during === 'function' ? during(minute) : during) };
  });
  return {
    name: what,
    interval: '1m',
    start_timestamp: start / 1000,
    input_series: await scrapeMinutes(all, start, isWanted),
    promql_expr_test: [firingAt(before + quiet - 1, none), firingAt(before + minutes - 1, firing), firingAt(all.length - 1, none)],
  };
};

/** Which alerts fire at a minute: their names without the first word, and the name of what they speak of, if any. */
const firingAt = (minute: number, firing: readonly string[]) => ({
  expr: `sum by (alertname, name) (ALERTS{alertstate="firing"})`,
  eval_time: `${minute}m`,
  exp_samples: Array.from(new Set(firing), (each) => {
    const [alert, name] = each.split(' ');
    const labels = `alertname="AksNotifier${alert}"${name === undefined ? '' : `,name="${name}"`}`;
    return { labels: `{${labels}}`, value: firing.filter((alike) => alike === each).length };
  }),
});

const testRules = (tests: readonly object[]) => promtoolTest(promtool, directory, { rules: [alertsFile], tests });

const wanted = async (): Promise<(name: string) => boolean> => {
  const names = metricsIn((await readAlerts()).map(({ expr }) => expr));
  return (name) => names.includes(name);
};

describe('the alerts', () => {
  it('are well-formed for promtool', async () => {
    const { code, stdout, stderr } = await run(promtool, ['check', 'rules', '--lint-fatal', alertsFile], { env: {} });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`${(await readAlerts()).length} rules found`);
  });

  it.each(cases)('when $what: $firing', async (each) => {
    expect(await testRules([await testOf(each, await wanted())])).toMatchObject({ code: 0, said: expect.stringContaining('SUCCESS') });
  });

  it('say nothing over a day of a healthy operator, with an update of its replicas in it', async () => {
    const minutes = Array.from({ length: day }, (_, minute) =>
      minute >= 12 * 60 ? { ...healthy, pods: ['c', 'd'], leaders: ['c'] } : healthy,
    );
    const isWanted = await wanted();
    const test = {
      name: 'a day',
      interval: '1m',
      start_timestamp: start / 1000,
      input_series: await scrapeMinutes(minutes, start, isWanted),
      promql_expr_test: [
        { expr: 'count_over_time(ALERTS{alertstate="firing"}[1d])', eval_time: '1d', exp_samples: [] },
        { expr: 'count(count_over_time(aks_notifier_build_info[1d]))', eval_time: '1d', exp_samples: [{ labels: '{}', value: 4 }] },
      ],
    };
    expect(await testRules([test])).toMatchObject({ code: 0, said: expect.stringContaining('SUCCESS') });
  });

  it('each have a case in which they fire', async () => {
    const fired = new Set(cases.flatMap(({ firing }) => firing.map((each) => `AksNotifier${each.split(' ')[0]}`)));
    expect([...fired].toSorted()).toEqual((await readAlerts()).map(({ alert }) => alert).toSorted());
  });

  it('name object and namespace, and how to look', async () => {
    const object = named('prod', stalled);
    const test = await testOf({ what: 'words', during: { objects: [object] }, minutes: 10, firing: none }, await wanted());
    const { annotations } = (await readAlerts()).find(({ alert }) => alert === 'AksNotifierStalled') ?? {};
    const filled = Object.fromEntries(
      Object.entries(annotations ?? {}).map(([key, text]) => [
        key,
        text.replaceAll('{{ $labels.namespace }}', 'platform').replaceAll('{{ $labels.name }}', 'prod'),
      ]),
    );
    expect(filled['summary']).toBe('platform/prod waits for a person');
    const exp_alerts = [{ exp_labels: { severity: 'warning', namespace: 'platform', name: 'prod' }, exp_annotations: filled }];
    const words = { ...test, promql_expr_test: [], alert_rule_test: [{ eval_time: '29m', alertname: 'AksNotifierStalled', exp_alerts }] };
    expect(await testRules([words])).toMatchObject({ code: 0, said: expect.stringContaining('SUCCESS') });
  });

  it('would be missed if they did not fire', async () => {
    const test = await testOf({ what: 'nothing is wrong', during: {}, minutes: 10, firing: ['Stalled prod'] }, await wanted());
    const { code, said } = await testRules([test]);
    expect(code).toBe(1);
    expect(said).toContain('AksNotifierStalled');
  });
});
