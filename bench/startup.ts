/**
 * How long the bundle takes from process start to ready, and what it holds in memory when idle: against a real API server and the
 * emulator, median of several starts. `npm run bench`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { prepareOperatorProcesses } from '../test/support/operator-process.ts';
import { startStage } from '../test/support/stage.ts';
import { waitFor } from '../test/support/wait.ts';
import { memoryTarget, report, residentMegabytes } from './report.ts';

const starts = 7;
const idleSeconds = 5;

const stage = await startStage();
try {
  const start = await prepareOperatorProcesses(stage);
  const readyMilliseconds: number[] = [];
  const megabytes: number[] = [];
  for (let each = 0; each < starts; each += 1) {
    const began = Date.now();
    const operator = await start({ name: 'measured' });
    // By its own log: who waits only looks once in a while.
    const ready = await waitFor('ready', () => operator.log().find(({ msg }) => msg === 'ready'));
    readyMilliseconds.push(Date.parse(ready.ts ?? '') - began);
    await sleep(idleSeconds * 1000);
    megabytes.push(await residentMegabytes(operator.pid));
    await operator.stop();
  }
  report('process start to ready', readyMilliseconds, 'ms', 500);
  report(`resident after ${idleSeconds} s idle, no objects`, megabytes, 'MB', memoryTarget(0));
} finally {
  await stage.stop();
}
