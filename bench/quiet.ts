/**
 * What an operator costs that has nothing to do: one process that leads, 1,000 objects in place, and nobody who changes anything. It goes
 * through a proxy that counts requests and bytes. The default of 11 minutes holds the regular visits to all objects and the regular list
 * once; what is printed is projected to an hour. `node bench/quiet.ts [minutes] [objects]`.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFaultProxy } from '../test/support/fault-proxy.ts';
import { prepareOperatorProcesses } from '../test/support/operator-process.ts';
import { minimalObject, operatorUser, startStage } from '../test/support/stage.ts';
import { addClusters, everythingInPlace, path } from './objects.ts';
import { residentMegabytes } from './report.ts';

const minutes = Number(process.argv[2] ?? 11);
const objects = Number(process.argv[3] ?? 1000);
const clusters = 40;

/** CPU seconds that a process has used so far, in its own code and in the kernel; Linux counts in hundredths. */
const cpuSeconds = async (pid: number): Promise<number> => {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

const stage = await startStage({ emulator: { journalBodies: false } });
const { controlPlane, emulator } = stage;
const proxy = await startFaultProxy(controlPlane);
const ends: (() => Promise<unknown>)[] = [() => stage.stop(), () => proxy.close()];
try {
  const start = await prepareOperatorProcesses(stage);
  addClusters(stage, clusters);
  for (let index = 0; index < objects; index += 1)
    await controlPlane.request('POST', path, { body: minimalObject('default', `n${index}`, `c${index % clusters}`) });
  const operator = await start({ name: 'quiet', kube: { server: proxy.url, ca: proxy.ca() } });
  ends.push(operator.stop);
  await everythingInPlace(stage, objects, 2000);
  // Events may still be on their way.
  await sleep(10_000);

  const before = { totals: proxy.totals(), cpu: await cpuSeconds(operator.pid), at: performance.now(), since: Date.now() };
  const runsBefore = (await operator.scrape()).sum('controller_runtime_reconcile_total');
  emulator.journal.clear();
  await sleep(minutes * 60_000);
  const after = { totals: proxy.totals(), cpu: await cpuSeconds(operator.pid), at: performance.now() };
  const calls = emulator.journal.calls({ kind: 'arm' });
  const runs = (await operator.scrape()).sum('controller_runtime_reconcile_total') - runsBefore;
  const events = await controlPlane.auditEvents({ user: operatorUser, since: before.since });

  const hours = (after.at - before.at) / 3_600_000;
  const line = (what: string, count: number, unit: string): void =>
    console.log(
      `| ${what.padEnd(56)} | ${count.toFixed(count < 100 ? 1 : 0).padStart(9)} | ${(count / hours).toFixed(0).padStart(9)} | ${unit} |`,
    );
  console.log(`| ${objects} objects, ${minutes} minutes`.padEnd(59), '|  measured |  per hour | unit |');
  line('requests for the lease', events.filter(({ resource }) => resource === 'leases').length, 'requests');
  line('watches opened', after.totals.requests.watch - before.totals.requests.watch, 'requests');
  line('pages of lists', after.totals.requests.list - before.totals.requests.list, 'requests');
  const { list, watch, other } = after.totals.requests;
  const all = list + watch + other - before.totals.requests.list - before.totals.requests.watch - before.totals.requests.other;
  line('requests to the API server in all', all, 'requests');
  const writes = events.filter(({ verb, resource }) => !['get', 'list', 'watch'].includes(verb) && resource !== 'leases');
  line('writes to the API server, lease apart', writes.length, 'requests');
  line('to the API server, TLS included', (after.totals.bytesFromClients - before.totals.bytesFromClients) / 1000, 'KB');
  line('from the API server, TLS included', (after.totals.bytesToClients - before.totals.bytesToClients) / 1000, 'KB');
  line('connections to the API server made', after.totals.accepted - before.totals.accepted, '');
  line('visits to objects', runs, 'runs');
  line('calls to Azure', calls.length, 'calls');
  line('writes to Azure', calls.filter(({ method }) => method !== 'GET').length, 'calls');
  line('CPU', after.cpu - before.cpu, 's');
  console.log(`resident: ${(await residentMegabytes(operator.pid)).toFixed(0)} MB; open connections: ${proxy.totals().open}`);
} finally {
  for (const end of ends.toReversed()) await end();
}
