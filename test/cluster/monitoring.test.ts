import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { provideTool } from '../../tools/provide.ts';
import { dashboardQueries, metricsIn, promtoolTest, readAlerts, runbookCommands } from '../support/monitoring.ts';
import type { PodProcess } from '../support/pocket-kubelet.ts';
import { removeDirectory, run, temporaryDirectory } from '../support/process.ts';
import { steadySeries, type InputSeries } from '../support/scrapes.ts';
import { isReady, minimal, startStage, type Stage } from '../support/stage.ts';
import { waitFor } from '../support/wait.ts';
import { seriesOf } from '../unit/observe/scrape.ts';

/** Longer than every range that a query asks for. */
const minutes = 30;

let stage: Stage;
let promtool: string;
let directory: string;
/** What Prometheus would have of both replicas, after a while with some trouble in it. */
let scraped: readonly InputSeries[];
let names: ReadonlySet<string>;
let replicas: number;
let namespace: string;

const read = async (pod: PodProcess): Promise<string> => (await fetch(`http://${pod.ip}:8080/metrics`)).text();

/** What no healthy operator sees, once each: no token, a refusal, drift, a deletion that a lock holds up. */
const trouble = async (): Promise<void> => {
  const { faults, world } = stage.emulator;
  namespace = await stage.controlPlane.createNamespace('team');
  const signIn = faults.add({ match: { kind: 'token' }, times: 1, effect: { kind: 'error', name: 'AADSTS700016' } });
  const throttled = faults.add({
    match: { type: 'Microsoft.Insights/actionGroups', method: 'PUT' },
    times: 1,
    effect: { kind: 'error', name: 'TooManyRequests', headers: { 'retry-after': '1' } },
  });
  for (const name of ['prod', 'leaving']) await stage.kubectl(['apply', '-f', '-'], minimal(namespace, name));
  for (const name of ['prod', 'leaving']) await stage.waitForStatus(namespace, name, 'Ready', isReady);
  expect([signIn.hits(), throttled.hits()]).toEqual([1, 1]);

  const { roleAssignments } = stage.emulator.resources();
  for (const { name, isSeed } of roleAssignments) if (!isSeed) world.removeRoleAssignment(name);
  await stage.kubectl(['annotate', 'mn', 'prod', '-n', namespace, 'aks-notifier.dev/reconcile-requested-at=now']);
  faults.add({
    match: { type: 'Microsoft.Insights/scheduledQueryRules', method: 'DELETE' },
    effect: { kind: 'error', name: 'ScopeLocked' },
  });
  await stage.kubectl(['delete', 'mn', 'leaving', '-n', namespace, '--wait=false']);
};

beforeAll(async () => {
  promtool = await provideTool('promtool');
  directory = temporaryDirectory('monitoring');
  stage = await startStage();
  const leader = await stage.install();
  await trouble();
  await waitFor('the metrics of the trouble', async () => {
    const text = await read(leader);
    return ['aks_notifier_drift_corrected_total{', 'aks_notifier_deletion_timestamp_seconds{', 'code="429"'].every((each) =>
      text.includes(each),
    );
  });
  const texts = await Promise.all(stage.kubelet.pods().map(async (pod) => ({ pod: pod.name, text: await read(pod) })));
  replicas = texts.length;
  scraped = texts.flatMap(({ pod, text }) => steadySeries(pod, text, minutes));
  names = new Set(texts.flatMap(({ text }) => seriesOf(text).map(({ name }) => name)));
});

afterAll(async () => {
  await stage?.stop();
  await removeDirectory(directory);
});

/** Asks whether queries, as Grafana would send them, return anything. */
const ask = async (queries: readonly string[]) =>
  promtoolTest(promtool, directory, {
    rules: [],
    tests: [
      {
        interval: '1m',
        input_series: scraped,
        promql_expr_test: queries.map((query) => ({
          expr: `count(${query.replaceAll('$namespace', '.*').replaceAll('$__rate_interval', '5m').replaceAll('$__range', `${minutes}m`)}) > bool 0`,
          eval_time: `${minutes}m`,
          exp_samples: [{ labels: '{}', value: 1 }],
        })),
      },
    ],
  });

describe('a live operator', () => {
  it('has every metric that an alert or the dashboard asks for', async () => {
    expect(replicas).toBe(2);
    const asked = metricsIn([...(await readAlerts()).map(({ expr }) => expr), ...(await dashboardQueries())]);
    expect(asked.length).toBeGreaterThan(25);
    expect(asked.filter((name) => !names.has(name))).toEqual([]);
  });

  it('gives every query of the dashboard series', async () => {
    expect(await ask(await dashboardQueries())).toMatchObject({ code: 0, said: expect.stringContaining('SUCCESS') });
  });

  it('gives none to a query for what is not there', async () => {
    const { code, said } = await ask(['sum(aks_notifier_condition{type="Perfect"})']);
    expect(code).toBe(1);
    expect(said).toContain('Perfect');
  });
});

/** What only a whole cluster answers: with kubelets, a metrics server, the Prometheus operator. */
const needsMore = /^kubectl (?:logs|top)|servicemonitors/;

describe('the runbooks', () => {
  it('have no command for kubectl that fails', async () => {
    const commands = (await runbookCommands()).filter((command) => command.startsWith('kubectl ') && !needsMore.test(command));
    expect(commands.length).toBeGreaterThan(12);
    const env = {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      HOME: directory,
      KUBECONFIG: stage.controlPlane.adminKubeconfig,
      KUBECTL: await provideTool('kubectl'),
    };
    const failed: string[] = [];
    for (const command of commands) {
      const script = `set -eo pipefail; kubectl() { "$KUBECTL" "$@"; }; ${command.replaceAll('NAMESPACE', namespace).replaceAll('NAME', 'prod')}`;
      const { code, stdout, stderr } = await run('bash', ['-c', script], { env });
      if (code !== 0 || /^No (?:resources|events) found/.test(stderr)) failed.push(`${command}: ${code} ${stdout}${stderr}`);
    }
    expect(failed).toEqual([]);
  });
});
