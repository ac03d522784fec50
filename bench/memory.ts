/**
 * What the process holds in memory with many objects that it has nothing to do for: they are suspended, and carry the status of one that is
 * in place, so that ten thousand are there within minutes; `scale.ts` does the same with objects that stand in Azure. The median of three
 * starts. `node bench/memory.ts [objects] [NAME=VALUE …]`, 10,000 by default; the variables are given to the process besides the chart's.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MaintenanceNotification } from '../src/api/maintenance-notification.ts';
import { prepareOperatorProcesses } from '../test/support/operator-process.ts';
import { isReady, minimalObject, startStage } from '../test/support/stage.ts';
import { waitFor } from '../test/support/wait.ts';
import { path } from './objects.ts';
import { memoryTarget, report, residentMegabytes } from './report.ts';

const [count = '10000', ...variables] = process.argv.slice(2);
const objects = Number(count);
const env = Object.fromEntries(variables.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]));
const starts = 3;
const idleSeconds = 10;

const stage = await startStage();
try {
  const { controlPlane } = stage;
  const start = await prepareOperatorProcesses(stage);
  const first = await start({ name: 'first' });
  let template: MaintenanceNotification | undefined;
  try {
    if (objects > 0) {
      await controlPlane.request('POST', path, { body: minimalObject('default', 'model') });
      template = await stage.waitForStatus('default', 'model', 'Ready', isReady);
    }
  } finally {
    await first.stop();
  }
  const numbers = Array.from({ length: Math.max(0, objects - 1) }, (_, index) => index).values();
  const seed = async (): Promise<void> => {
    for (const number of numbers) {
      const object = minimalObject('default', `n${number}`) as { readonly metadata: object; readonly spec: object };
      const body = {
        ...object,
        metadata: { ...object.metadata, finalizers: template?.metadata.finalizers },
        spec: { ...object.spec, suspend: true },
      };
      await controlPlane.request('POST', path, { body });
      await controlPlane.request('PATCH', `${path}/n${number}/status`, { body: { status: template?.status } });
    }
  };
  await Promise.all(Array.from({ length: 16 }, seed));

  const resident: number[] = [];
  const parts: string[] = [];
  for (let each = 0; each < starts; each += 1) {
    const operator = await start({ name: 'measured', env });
    try {
      await waitFor(
        'all to have been visited',
        async () => {
          await sleep(1000);
          return (await operator.scrape()).sum('controller_runtime_reconcile_total') >= objects;
        },
        120_000,
      );
      await sleep(idleSeconds * 1000);
      resident.push(await residentMegabytes(operator.pid));
      const status = await readFile(`/proc/${operator.pid}/status`, 'utf8');
      const scrape = await operator.scrape();
      const part = (name: string): string => (Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1000).toFixed(0);
      const heap = (name: string): string => (scrape.sum(`nodejs_heap_size_${name}_bytes`) / 1e6).toFixed(0);
      parts.push(`anonymous ${part('RssAnon')}, file ${part('RssFile')}, most ${part('VmHWM')}, heap ${heap('used')} of ${heap('total')}`);
    } finally {
      await operator.stop();
    }
  }
  report(`resident after ${idleSeconds} s idle, ${objects} objects`, resident, 'MB', memoryTarget(objects));
  for (const each of parts) console.log(`  MB: ${each}`);
} finally {
  await stage.stop();
}
