/**
 * Fifty hand-overs between two replicas at work, then a hundred restarts at random moments: how long nobody leads, whether two ever wrote at
 * once, and whether a change was missed. Ends with 1 when one of these happened. Ten minutes; `node scripts/build.ts && node bench/handover.ts`.
 */
import { randomInt } from 'node:crypto';
import { shortLease, startHandoverStage, type Handover, type HandoverSignal } from '../test/support/handover.ts';
import { waitFor } from '../test/support/wait.ts';
import { report } from './report.ts';

const [handoverCount, restartCount] = [Number(process.argv[2] ?? 50), Number(process.argv[3] ?? 100)];
/** The chart's own lease for SIGTERM; a short one where its whole duration must be waited for. */
const isGraceful = (index: number): boolean => index < handoverCount / 2;

const handovers = await startHandoverStage([]);
try {
  const done: Handover[] = [];
  const handOver = async (signal: HandoverSignal): Promise<void> => {
    const one = await handovers.handOver(signal);
    done.push(one);
    console.log(`${signal} ${one.takenAfter} ms ${one.wroteAfter} ms exit ${one.exitCode} ${one.overlaps.join('; ')}`);
  };
  let endWork = handovers.startWork();
  for (let index = 0; isGraceful(index); index += 1) await handOver('SIGTERM');
  await endWork();
  await handovers.stage.install(shortLease);
  endWork = handovers.startWork();
  for (let index = Math.ceil(handoverCount / 2); index < handoverCount; index += 1) await handOver(index % 2 === 0 ? 'SIGKILL' : 'SIGSTOP');

  for (let restart = 0; restart < restartCount; restart += 1) {
    const { tenure } = await handovers.leader();
    // A moment that nobody chose: after so many of its writes, or before the first.
    const wanted = randomInt(0, 15);
    await waitFor(
      `${wanted} writes`,
      async () => (await handovers.writes(tenure.since)).filter(({ pod }) => pod === tenure.pod).length >= wanted,
    );
    await handovers.deletePod(tenure.pod, randomInt(0, 2) === 0 ? 'at once' : 'gracefully');
  }
  await endWork();
  await handovers.everythingDone();

  for (const [signal, target] of [
    ['SIGTERM', 3000],
    ['SIGKILL', 4000],
    ['SIGSTOP', 4000],
  ] as const) {
    const ones = done.filter((one) => one.signal === signal);
    const times = ones.map(({ takenAfter }) => takenAfter);
    report(`${signal} to the next leader`, times, 'ms', target);
    report(
      `${signal} to its first write`,
      ones.map(({ wroteAfter }) => wroteAfter),
      'ms',
      target + 1000,
    );
  }
  const overlaps = done.flatMap((one) => one.overlaps);
  console.log(`${restartCount} restarts, nothing missed; ${done.length} hand-overs, ${overlaps.length} writes of two leaders at once`);
  for (const overlap of overlaps) console.log(overlap);
  if (overlaps.length > 0) process.exitCode = 1;
} finally {
  await handovers.stage.stop();
}
