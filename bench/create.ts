/**
 * How long objects take from their creation to Ready, one alone and a hundred at once, how many calls that costs, and what the pod holds
 * in memory afterwards. The emulator answers at once, which Azure does not: these are our own costs. `npm run bench`.
 */
import { isReady, minimalObject, operatorUser, startStage } from '../test/support/stage.ts';
import type { MaintenanceNotification } from '../src/api/maintenance-notification.ts';
import { waitFor } from '../test/support/wait.ts';
import { path } from './objects.ts';
import { report, residentMegabytes } from './report.ts';

const stage = await startStage();
try {
  const { controlPlane, emulator } = stage;
  const pod = await stage.install();

  /** Creates objects and waits until all are Ready. Returns milliseconds. */
  const create = async (names: readonly string[]): Promise<number> => {
    const began = performance.now();
    await Promise.all(names.map((name) => controlPlane.request('POST', path, { body: minimalObject('default', name) })));
    await waitFor('all to be Ready', async () => {
      const { body } = await controlPlane.request<{ items: readonly MaintenanceNotification[] }>('GET', path);
      return body.items.filter((item) => names.includes(item.metadata.name)).every(isReady);
    });
    return performance.now() - began;
  };

  // The first object also pays for the first sign-in and for code that runs for the first time.
  await create(['warm']);
  const single: number[] = [];
  for (const name of ['one', 'two', 'three', 'four', 'five']) single.push(await create([name]));
  report('created to Ready, one', single, 'ms', 1000);

  emulator.journal.clear();
  const since = Date.now();
  const hundred = Array.from({ length: 100 }, (_, index) => `n${index}`);
  report('created to Ready, 100 at once', [await create(hundred)], 'ms', 10_000);
  const calls = emulator.journal.calls({ kind: 'arm' }).length;
  report('calls to Azure for each of the 100', [calls / 100], '', 8);
  await waitFor('the last events', async () => {
    const events = await controlPlane.auditEvents({ user: operatorUser, verbs: ['create'], since });
    return events.length >= 300;
  });
  const writes = await controlPlane.auditEvents({ user: operatorUser, verbs: ['create', 'patch'], since });
  report('writes to Kubernetes for each of the 100', [writes.length / 100], '', 10);
  report('resident with 106 objects', [await residentMegabytes(pod.pid ?? 0)], 'MB', 105);
} finally {
  await stage.stop();
}
