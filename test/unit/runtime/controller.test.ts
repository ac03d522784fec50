import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startController } from '../../../src/runtime/controller.ts';
import type { Controller, ControllerOptions, Reconcile, Requeue, RunReport } from '../../../src/runtime/controller.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import type { FakeClock } from '../../support/fake-clock.ts';

interface Rig {
  readonly clock: FakeClock;
  readonly controller: Controller;
  readonly runs: string[];
  readonly reports: RunReport[];
}

const done: Requeue = { kind: 'done' };

/** A controller on a clock that stands still, with no jitter. */
const rig = (reconcile: Reconcile, options: Partial<ControllerOptions> = {}): Rig => {
  const clock = createFakeClock();
  const runs: string[] = [];
  const reports: RunReport[] = [];
  const controller = startController({
    name: 'test',
    clock,
    random: () => 0,
    runDeadlineMilliseconds: 60_000,
    onRun: (report) => reports.push(report),
    reconcile: (key, signal, stopping) => {
      runs.push(key);
      return reconcile(key, signal, stopping);
    },
    ...options,
  });
  return { clock, controller, runs, reports };
};

/** A run that ends when the test says so. */
const gate = () => {
  const { promise, resolve, reject } = Promise.withResolvers<Requeue>();
  return { promise, open: (answer: Requeue = done) => resolve(answer), reject };
};

const untilAborted = (signal: AbortSignal): Promise<Requeue> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));

describe('a controller', () => {
  it('runs a key once for many adds, and not again when it is done', async () => {
    const { clock, controller, runs } = rig(async () => done);
    controller.add('a');
    controller.add('a');
    controller.add('b');
    await clock.advance(3_600_000);
    expect(runs).toEqual(['a', 'b']);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('lets everything else have its turn between runs that wait for nothing', async () => {
    const { clock, controller, runs } = rig(async () => {
      clock.advanceSync(4);
      return done;
    });
    for (let index = 0; index < 100; index += 1) controller.add(`n${index}`);
    await new Promise((resolve) => setImmediate(resolve));
    expect(runs.length).toBeGreaterThan(0);
    expect(runs.length).toBeLessThan(10);
    while (runs.length < 100) await clock.advance(0);
    expect(new Set(runs).size).toBe(100);
  });

  it('runs a key again that was added during its run, but never twice at once', async () => {
    const gates = [gate(), gate()];
    let index = 0;
    const { clock, controller, runs } = rig(() => gates[index++]!.promise);
    controller.add('a');
    await clock.advance(0);
    controller.add('a');
    controller.add('a');
    await clock.advance(1000);
    expect(runs).toEqual(['a']);
    gates[0]!.open();
    await clock.advance(0);
    expect(runs).toEqual(['a', 'a']);
    gates[1]!.open();
    await clock.advance(60_000);
    expect(runs).toEqual(['a', 'a']);
  });

  it('runs as many keys at once as it may', async () => {
    let atOnce = 0;
    let most = 0;
    const { clock, controller, runs } = rig(
      async () => {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await clock.sleep(100);
        atOnce -= 1;
        return done;
      },
      { concurrency: 3 },
    );
    for (let index = 0; index < 10; index += 1) controller.add(`k${index}`);
    await clock.advance(1000);
    expect(runs.length).toBe(10);
    expect(most).toBe(3);
  });

  it('comes again after the time that the run names, and forgets the failures of the key', async () => {
    const answers: Requeue[] = [{ kind: 'backOff', capMilliseconds: 60_000 }, { kind: 'after', milliseconds: 5000 }, done];
    const { clock, controller, runs, reports } = rig(async () => answers.shift()!);
    controller.add('a');
    await clock.advance(0);
    expect(controller.failures('a')).toBe(1);
    await clock.advance(1000);
    expect(runs.length).toBe(2);
    expect(controller.failures('a')).toBe(0);
    await clock.advance(4999);
    expect(runs.length).toBe(2);
    await clock.advance(1);
    expect(runs.length).toBe(3);
    expect(reports.map(({ failures, nextMilliseconds }) => [failures, nextMilliseconds])).toEqual([
      [1, 1000],
      [0, 5000],
      [0, undefined],
    ]);
  });

  it('lets the time that a run names stand, although an earlier visit was planned before', async () => {
    const answers: Requeue[] = [
      { kind: 'after', milliseconds: 1000 },
      { kind: 'after', milliseconds: 5000 },
    ];
    const { clock, controller, runs } = rig(async () => answers.shift() ?? done);
    controller.add('a');
    await clock.advance(500);
    controller.add('a');
    await clock.advance(4999);
    expect(runs.length).toBe(2);
    await clock.advance(1);
    expect(runs.length).toBe(3);
  });

  it('backs off per key, doubling up to the cap that the run names', async () => {
    const { clock, controller, reports } = rig(async (key) =>
      key === 'bad' ? { kind: 'backOff', capMilliseconds: 10_000 } : { kind: 'after', milliseconds: 1000 },
    );
    controller.add('bad');
    controller.add('good');
    await clock.advance(31_000);
    const waits = (key: string): readonly unknown[] =>
      reports.filter((report) => report.key === key).map(({ nextMilliseconds }) => nextMilliseconds);
    expect(waits('bad')).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000]);
    expect(new Set(waits('good'))).toEqual(new Set([1000]));
  });

  it('forgets the failures of an object that is gone', async () => {
    const answers: Requeue[] = [{ kind: 'backOff', capMilliseconds: 60_000 }, { kind: 'backOff', capMilliseconds: 60_000 }, done];
    const { clock, controller } = rig(async () => answers.shift() ?? { kind: 'backOff', capMilliseconds: 60_000 });
    controller.add('a');
    await clock.advance(3000);
    expect(controller.failures('a')).toBe(0);
    controller.add('a');
    await clock.advance(0);
    expect(controller.failures('a')).toBe(1);
  });

  it('survives a run that throws, at once or later, and tries it again with back-off', async () => {
    const failing: Reconcile[] = [
      () => {
        throw new Error('at once');
      },
      () => Promise.reject(new Error('later')),
      async () => done,
    ];
    let index = 0;
    const { clock, controller, reports } = rig((...run) => failing[index++]!(...run));
    controller.add('a');
    await clock.advance(10_000);
    expect(reports.map(({ outcome, failures }) => [outcome.kind, failures])).toEqual([
      ['threw', 1],
      ['threw', 2],
      ['done', 0],
    ]);
    expect(reports[0]?.outcome).toMatchObject({ error: { message: 'at once' } });
  });

  it('survives observers that throw', async () => {
    const fail = (): never => {
      throw new Error('observer');
    };
    const { clock, controller, runs } = rig(async () => done, { onRun: fail, onAdd: fail });
    controller.add('a');
    await clock.advance(0);
    controller.add('a');
    await clock.advance(0);
    expect(runs).toEqual(['a', 'a']);
  });

  it('ends a run at its deadline, counts it as a failure and tries again', async () => {
    const { clock, controller, runs, reports } = rig((_, signal) => untilAborted(signal), { runDeadlineMilliseconds: 5000 });
    controller.add('a');
    await clock.advance(4999);
    expect(controller.running()).toEqual(new Map([['a', 4999]]));
    await clock.advance(1);
    expect(reports).toMatchObject([{ outcome: { kind: 'threw' }, deadlineExceeded: true, failures: 1, milliseconds: 5000 }]);
    expect(controller.running().size).toBe(0);
    await clock.advance(1000);
    expect(runs).toEqual(['a', 'a']);
  });

  it('reports how long a key waited and how long it ran', async () => {
    const { clock, controller, reports } = rig(
      async () => {
        await clock.sleep(300);
        return done;
      },
      { concurrency: 1 },
    );
    controller.add('a');
    controller.add('b');
    await clock.advance(1000);
    expect(reports).toMatchObject([
      { key: 'a', waitedMilliseconds: 0, milliseconds: 300 },
      { key: 'b', waitedMilliseconds: 300, milliseconds: 300 },
    ]);
  });

  it('starts no run before it may', async () => {
    const ready = Promise.withResolvers<void>();
    const { clock, controller, runs } = rig(async () => done, { startAfter: ready.promise });
    controller.add('a');
    controller.add('a');
    await clock.advance(60_000);
    expect(runs).toEqual([]);
    expect(controller.depth()).toEqual({ ready: 1, processing: 0, delayed: 0 });
    ready.resolve();
    await clock.advance(0);
    expect(runs).toEqual(['a']);
  });

  it('runs every key that was added last after its last add, and no key twice at once', async () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), pause: fc.nat(30), work: fc.nat(50) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.integer({ min: 1, max: 4 }), async (steps, concurrency) => {
        const busy = new Set<string>();
        const lastStart = new Map<string, number>();
        const lastAdd = new Map<string, number>();
        let work = 0;
        const { clock, controller } = rig(
          async (key) => {
            expect(busy.has(key)).toBe(false);
            expect(busy.size).toBeLessThan(concurrency);
            busy.add(key);
            lastStart.set(key, clock.monotonic());
            await clock.sleep(work);
            busy.delete(key);
            return done;
          },
          { concurrency },
        );
        for (const one of steps) {
          work = one.work;
          controller.add(one.key);
          lastAdd.set(one.key, clock.monotonic());
          await clock.advance(one.pause);
        }
        await clock.advance(10_000);
        for (const [key, at] of lastAdd) expect(lastStart.get(key)).toBeGreaterThanOrEqual(at);
      }),
      { numRuns: 100 },
    );
  }, 30_000);
});

describe('stop', () => {
  it('lets a run in flight end, tells it that we are stopping, and starts no other', async () => {
    const { promise, open } = gate();
    let seen: AbortSignal | undefined;
    const { clock, controller, runs, reports } = rig(
      (_, signal, stopping) => {
        seen = stopping;
        return promise.finally(() => expect(signal.aborted).toBe(false));
      },
      { concurrency: 1 },
    );
    controller.add('a');
    controller.add('b');
    await clock.advance(0);
    expect(seen?.aborted).toBe(false);
    const stopped = controller.stop(10_000);
    expect(seen?.aborted).toBe(true);
    expect(controller.stopping.aborted).toBe(true);
    await clock.advance(5000);
    open({ kind: 'after', milliseconds: 10 });
    expect(await stopped).toEqual([]);
    controller.add('c');
    await clock.advance(60_000);
    expect(runs).toEqual(['a']);
    expect(reports.length).toBe(1);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('aborts what is still going on after the drain time, which is no failure', async () => {
    const { clock, controller, reports } = rig((_, signal) => untilAborted(signal));
    controller.add('a');
    await clock.advance(0);
    const stopped = controller.stop(10_000);
    await clock.advance(9999);
    expect(reports).toEqual([]);
    await clock.advance(1);
    expect(await stopped).toEqual([]);
    expect(reports).toMatchObject([{ outcome: { kind: 'aborted' }, failures: 0, deadlineExceeded: false }]);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('breaks off what is not worth waiting for, as soon as nothing else is under way', async () => {
    const { clock, controller, reports } = rig((_, signal) => untilAborted(signal));
    controller.add('a');
    await clock.advance(0);
    const worthWaiting = Promise.withResolvers<void>();
    const stopped = controller.stop(10_000, worthWaiting.promise);
    await clock.advance(3000);
    expect(reports).toEqual([]);
    worthWaiting.resolve();
    expect(await stopped).toEqual([]);
    expect(reports).toMatchObject([{ outcome: { kind: 'aborted' } }]);
    expect(clock.pendingTimers()).toBe(0);
  });

  it('resolves even if a run heeds no signal, and names it', async () => {
    const { clock, controller } = rig(() => new Promise(() => undefined));
    controller.add('a');
    await clock.advance(0);
    const stopped = controller.stop(10_000);
    await clock.advance(11_000);
    expect(await stopped).toEqual(['a']);
  });

  it('ends at once when nothing is going on, started or not', async () => {
    const idle = rig(async () => done);
    expect(await idle.controller.stop(10_000)).toEqual([]);
    const waiting = rig(async () => done, { startAfter: new Promise(() => undefined) });
    waiting.controller.add('a');
    expect(await waiting.controller.stop(10_000)).toEqual([]);
    const failed = rig(async () => done, { startAfter: Promise.reject(new Error('no list')) });
    expect(await failed.controller.stop(10_000)).toEqual([]);
    for (const { clock, runs } of [idle, waiting, failed]) {
      expect(runs).toEqual([]);
      expect(clock.pendingTimers()).toBe(0);
    }
  });
});
