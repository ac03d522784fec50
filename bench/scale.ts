/**
 * Thousands of objects: what the process holds in memory with 0, 100 and N of them, how long a start takes when everything is in place
 * already, how long the event loop was held up, and whether a burst of 1,000 changes is acted on, one run at a time for each object.
 * The API server is real, the Azure emulator answers at once. `node bench/scale.ts [objects]`, 5,000 by default.
 */
import { subscribe } from 'node:diagnostics_channel';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type OperatorProcess, prepareOperatorProcesses } from '../test/support/operator-process.ts';
import { minimalObject, operatorUser, startStage } from '../test/support/stage.ts';
import { waitFor } from '../test/support/wait.ts';
import { addClusters, everythingInPlace, path } from './objects.ts';
import { memoryTarget, report, residentMegabytes } from './report.ts';

const objects = Number(process.argv[2] ?? 5000);
const changes = 1000;
const idleSeconds = 20;
const objectsPerCluster = 25;

/** Does something for each, so many at a time. */
const forEach = async <Item>(items: readonly Item[], atOnce: number, act: (item: Item) => Promise<unknown>): Promise<void> => {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of rest) await act(item);
    }),
  );
};

/** Requests for one rule or group at the emulator that overlapped with another one for the same. The emulator runs in this process. */
const overlaps: string[] = [];
const underWay = new Map<string, number>();
subscribe('http.server.request.start', (message) => {
  const { request, response } = message as { readonly request: IncomingMessage; readonly response: ServerResponse };
  const name = /\/(scheduledqueryrules|actiongroups)\/[^/?]+/i.exec(request.url ?? '')?.[0].toLowerCase();
  if (name === undefined) return;
  const others = underWay.get(name) ?? 0;
  if (others > 0) overlaps.push(name);
  underWay.set(name, others + 1);
  response.on('close', () => underWay.set(name, (underWay.get(name) ?? 1) - 1));
});

const stage = await startStage({ emulator: { journalBodies: false, journalLimit: 1_000_000 } });
const { controlPlane, emulator } = stage;

/** Measures from inside the process, every 10 ms; writes at SIGUSR2 and begins anew. */
const delayFile = join(controlPlane.directory, 'delay.json');
const delayModule = `
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { writeFileSync } from 'node:fs';
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
process.on('SIGUSR2', () => {
  const [p99, max] = [delay.percentile(99), delay.max].map((nanoseconds) => nanoseconds / 1e6 - 10);
  writeFileSync(${JSON.stringify(delayFile)}, JSON.stringify({ p99, max, at: Date.now() }));
  delay.reset();
});`;
const nodeOptions = [
  `--import=data:text/javascript,${encodeURIComponent(delayModule)}`,
  ...(process.env['PROFILE'] === undefined ? [] : [`--cpu-prof --cpu-prof-dir=${process.env['PROFILE']}`]),
].join(' ');

const eventLoopDelay = async ({ pid }: OperatorProcess): Promise<{ readonly p99: number; readonly max: number }> => {
  const asked = Date.now();
  process.kill(pid, 'SIGUSR2');
  return waitFor('the event-loop delay', async () => {
    const said = JSON.parse(await readFile(delayFile, 'utf8')) as { readonly p99: number; readonly max: number; readonly at: number };
    return said.at >= asked ? said : undefined;
  });
};

const seconds = (since: number): number => (performance.now() - since) / 1000;
const armCalls = () => emulator.journal.calls({ kind: 'arm' });

/** Waits until Azure has had no call for two seconds, and says when the last one was, milliseconds since 1970. */
const azureIsQuiet = async (): Promise<number> => {
  let seen = -1;
  for (;;) {
    const calls = armCalls();
    if (calls.length > 0 && calls.length === seen) return Date.parse(calls.at(-1)?.at ?? '');
    seen = calls.length;
    await sleep(2000);
  }
};

let running: OperatorProcess | undefined;
try {
  const start = await prepareOperatorProcesses(stage);
  const restart = async (options: { readonly nodeOptions?: string } = {}): Promise<OperatorProcess> => {
    await running?.stop();
    running = await start({ name: 'measured', ...options });
    return running;
  };
  const ready = (operator: OperatorProcess): Promise<unknown> =>
    waitFor('ready', () => operator.log().some(({ msg }) => msg === 'ready'), 60_000);
  const idle = async (operator: OperatorProcess, count: number): Promise<void> => {
    await sleep(idleSeconds * 1000);
    report(`resident after ${idleSeconds} s idle, ${count} objects`, [await residentMegabytes(operator.pid)], 'MB', memoryTarget(count));
  };
  const create = async (from: number, to: number): Promise<void> => {
    const began = performance.now();
    await forEach(
      Array.from({ length: to - from }, (_, index) => from + index),
      16,
      async (index) => {
        const body = minimalObject('default', `n${index}`, `c${Math.floor(index / objectsPerCluster)}`);
        const { status } = await controlPlane.request('POST', path, { body });
        if (status !== 201) throw new Error(`the API server answered ${status} to the creation of n${index}`);
      },
    );
    const created = seconds(began);
    await everythingInPlace(stage, to, 3000);
    console.log(`${to - from} objects: created in ${created.toFixed(0)} s, all in place after ${seconds(began).toFixed(0)} s`);
  };
  addClusters(stage, Math.ceil(objects / objectsPerCluster));

  let operator = await restart();
  await ready(operator);
  await idle(operator, 0);
  await create(0, 100);
  operator = await restart();
  await ready(operator);
  await azureIsQuiet();
  await idle(operator, 100);
  await create(100, objects);
  report(`resident after ${objects - 100} were made`, [await residentMegabytes(operator.pid)], 'MB', memoryTarget(objects));

  await operator.stop();
  emulator.journal.clear();
  operator = await restart();
  await azureIsQuiet();
  report(`resident right after a start with ${objects}`, [await residentMegabytes(operator.pid)], 'MB', memoryTarget(objects));
  await idle(operator, objects);

  // Once more, with a look at the event loop from inside.
  await operator.stop();
  emulator.journal.clear();
  const began = Date.now();
  operator = await restart({ nodeOptions });
  const last = await azureIsQuiet();
  const delay = await eventLoopDelay(operator);
  report(`start to all ${objects} reconciled`, [(last - began) / 1000], 's', Number.NaN);
  report('event-loop delay meanwhile, p99', [delay.p99], 'ms', 50);
  report('event-loop delay meanwhile, longest', [delay.max], 'ms', Number.NaN);
  let scrape = await operator.scrape();
  const runs = scrape.sum('controller_runtime_reconcile_total');
  const succeeded = scrape.count('aks_notifier_last_success_timestamp_seconds');
  console.log(
    `runs ${runs}, objects with a success ${succeeded} of ${objects}, p99 by the metric ${(scrape.sum('nodejs_eventloop_lag_p99_seconds') * 1000).toFixed(0)} ms`,
  );
  const azure = armCalls();
  console.log(`Azure: ${azure.length} calls, of them ${azure.filter(({ method }) => method !== 'GET').length} writes`);
  const requests = await controlPlane.auditEvents({ user: operatorUser, since: began });
  const pages = requests.filter(({ verb, resource }) => verb === 'list' && resource === 'maintenancenotifications');
  const writes = requests.filter(({ verb, resource }) => !['get', 'list', 'watch'].includes(verb) && resource !== 'leases');
  console.log(`Kubernetes: ${pages.length} pages of a list, ${writes.length} writes (lease apart)`);
  await eventLoopDelay(operator);
  await operator.scrape();
  report(`event-loop delay of a scrape of ${objects}, longest`, [(await eventLoopDelay(operator)).max], 'ms', 50);

  /** Changes that many objects, so often each, and waits until all is as asked. */
  const burst = async (names: readonly string[], times: number): Promise<void> => {
    emulator.journal.clear();
    overlaps.length = 0;
    await eventLoopDelay(operator);
    const before = (await operator.scrape()).sum('controller_runtime_reconcile_total');
    const patches = Array.from({ length: times }, (_, time) => names.map((name) => ({ name, revision: `r${time}` }))).flat();
    const struck = performance.now();
    await forEach(patches, 16, ({ name, revision }) =>
      controlPlane.request('PATCH', `${path}/${name}`, { body: { spec: { tags: { revision, of: name } } } }),
    );
    const patched = seconds(struck);
    await everythingInPlace(stage, objects, 500);
    const done = seconds(struck);
    const { p99, max } = await eventLoopDelay(operator);
    const right = emulator
      .resources()
      .alertRules.map(({ tags }) => tags as Readonly<Record<string, string>> | undefined)
      .filter((tags) => names.includes(tags?.['of'] ?? '') && tags?.['revision'] === `r${times - 1}`).length;
    scrape = await operator.scrape();
    console.log(
      `${patches.length} changes to ${names.length} objects: sent in ${patched.toFixed(1)} s, all acted on after ${done.toFixed(1)} s in ${scrape.sum('controller_runtime_reconcile_total') - before} runs; ` +
        `rules in Azure as last asked: ${right} of ${names.length}; requests that overlapped with another for the same thing: ${overlaps.length}; ` +
        `event-loop delay p99 ${p99.toFixed(0)} ms, longest ${max.toFixed(0)} ms; resident ${(await residentMegabytes(operator.pid)).toFixed(0)} MB; ` +
        `missed by watch: ${scrape.sum('aks_notifier_missed_by_watch_total')}, run errors: ${scrape.sum('controller_runtime_reconcile_errors_total')}`,
    );
    if (right !== names.length || overlaps.length > 0) process.exitCode = 1;
  };
  const names = (count: number): readonly string[] => Array.from({ length: Math.min(count, objects) }, (_, index) => `n${index}`);
  await burst(names(changes), 1);
  // Few objects and many changes: nearly every change comes while its object is being worked on.
  await burst(names(20), changes / 20);
} finally {
  await running?.stop();
  await stage.stop();
}
