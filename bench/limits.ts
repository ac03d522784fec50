/**
 * 1,000 creations at once under Azure's real limits, which the emulator enforces, and 20 in another subscription at the same time, on a
 * virtual clock: how long it takes beside what the limits allow, and what it costs. `node bench/limits.ts [objects] [others]`, 80 s.
 */
import { lanesOf } from '../src/azure/pace-policy.ts';
import { createAtOnce } from '../test/support/creations.ts';

const objects = Number(process.argv[2] ?? 1000);
const others = Number(process.argv[3] ?? 20);

const { readyAfter, calls, writes, runs } = await createAtOnce({ objects: [objects, others], limitMilliseconds: 24 * 3_600_000 });
const [first = [], second = []] = readyAfter;
const seconds = first.at(-1) ?? 0;
/** Thirty rules in each window of a minute: nothing else that Azure limits takes longer. */
const allowed = Math.floor((objects - 1) / 30) * 60;
const per = (count: number): string => (count / (objects + others)).toFixed(1);
const of = (lane: string): number => calls.filter(({ method, path }) => lanesOf(method, path).some((each) => each === lane)).length;

console.log(`${first.length} objects Ready after                ${seconds.toFixed(0)} s`);
console.log(`what the limits allow                  ${allowed} s: ${((100 * allowed) / seconds).toFixed(1)} % of it used, target ≥ 90 %`);
console.log(`${second.length} of another subscription after        ${(second.at(-1) ?? 0).toFixed(1)} s`);
console.log(`refused by Azure (429)                 ${calls.filter(({ status }) => status === 429).length}`);
console.log(`calls to Azure for each object         ${per(calls.length)}: ${per(of('reads'))} reads, ${per(of('writes'))} writes`);
console.log(`writes to Kubernetes for each object   ${per(writes)}, target ≤ 10`);
console.log(`visits of the queue for each object    ${per(runs)}`);
