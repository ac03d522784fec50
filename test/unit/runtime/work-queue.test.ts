import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createWorkQueue } from '../../../src/runtime/work-queue.ts';
import type { TakenKey, WorkQueue } from '../../../src/runtime/work-queue.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import type { FakeClock } from '../../support/fake-clock.ts';

/** What the queue must do, in the simplest words: lists, searched from end to end. */
interface Model {
  now: number;
  ready: string[];
  processing: { readonly key: string; again: boolean }[];
  delayed: { readonly key: string; readonly due: number; readonly order: number }[];
  /** Takers that were given nothing yet. */
  waiting: number;
  order: number;
  /** How often a key that wasn't waiting began to. */
  adds: number;
}

interface Real {
  readonly clock: FakeClock;
  readonly queue: WorkQueue;
  /** What takers were given, in order. */
  readonly taken: string[];
  readonly adds: () => number;
}

const addTo = (model: Model, key: string): void => {
  const processing = model.processing.find((entry) => entry.key === key);
  if (model.ready.includes(key) || processing?.again) return;
  model.adds += 1;
  if (processing) processing.again = true;
  else model.ready.push(key);
};

/** Hands ready keys to waiting takers. */
const hand = (model: Model, taken: string[]): void => {
  while (model.waiting > 0 && model.ready.length > 0) {
    const key = model.ready.shift()!;
    model.processing.push({ key, again: false });
    model.waiting -= 1;
    // The run that begins decides anew when to come again.
    model.delayed = model.delayed.filter((entry) => entry.key !== key);
    taken.push(key);
  }
};

type Command = fc.AsyncCommand<Model, Real>;

/** Applies a step to both, lets promises settle, and compares everything that can be seen. */
const command = (
  text: string,
  onModel: (model: Model) => void,
  onReal: (real: Real) => void,
  check: (model: Readonly<Model>) => boolean = () => true,
): Command => ({
  check,
  toString: () => text,
  run: async (model, real) => {
    const expected: string[] = [];
    onModel(model);
    hand(model, expected);
    const before = real.taken.length;
    onReal(real);
    await new Promise((resolve) => setImmediate(resolve));
    expect(real.taken.slice(before)).toEqual(expected);
    expect(new Set(model.processing.map(({ key }) => key)).size).toBe(model.processing.length);
    expect(real.queue.depth()).toEqual({
      ready: model.ready.length,
      processing: model.processing.length,
      delayed: model.delayed.length,
    });
    expect(real.adds()).toBe(model.adds);
  },
});

const keys = fc.constantFrom('a', 'b', 'c', 'd');

const commands = [
  keys.map((key) =>
    command(
      `add ${key}`,
      (model) => addTo(model, key),
      ({ queue }) => queue.add(key),
    ),
  ),
  fc.tuple(keys, fc.integer({ min: -5, max: 100 })).map(([key, milliseconds]) =>
    command(
      `add ${key} after ${milliseconds}`,
      (model) => {
        if (milliseconds <= 0) {
          addTo(model, key);
          return;
        }
        const due = model.now + milliseconds;
        const before = model.delayed.find((entry) => entry.key === key);
        if (before && before.due <= due) return;
        model.order += 1;
        model.delayed = [...model.delayed.filter((entry) => entry !== before), { key, due, order: model.order }];
      },
      ({ queue }) => queue.addAfter(key, milliseconds),
    ),
  ),
  fc.constant(
    command(
      'take',
      (model) => (model.waiting += 1),
      ({ queue, taken }) => {
        void queue.take().then((answer) => taken.push(answer!.key));
      },
    ),
  ),
  keys.map((key) =>
    command(
      `done ${key}`,
      (model) => {
        const entry = model.processing.find((one) => one.key === key);
        model.processing = model.processing.filter((one) => one !== entry);
        if (entry?.again) model.ready.push(key);
      },
      ({ queue }) => queue.done(key),
      (model) => model.processing.some((entry) => entry.key === key),
    ),
  ),
  fc.integer({ min: 0, max: 80 }).map((milliseconds) =>
    command(
      `${milliseconds} ms pass`,
      (model) => {
        model.now += milliseconds;
        const due = model.delayed.filter((entry) => entry.due <= model.now);
        model.delayed = model.delayed.filter((entry) => entry.due > model.now);
        for (const { key } of due.toSorted((x, y) => x.due - y.due || x.order - y.order)) addTo(model, key);
      },
      ({ clock }) => clock.advanceSync(milliseconds),
    ),
  ),
];

describe('the work queue', () => {
  it('behaves as its model does, whatever is done to it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: 'max' }), async (steps) => {
        const clock = createFakeClock();
        await fc.asyncModelRun(() => {
          let adds = 0;
          const queue = createWorkQueue(clock, () => (adds += 1));
          return {
            model: { now: 0, ready: [], processing: [], delayed: [], waiting: 0, order: 0, adds: 0 },
            real: { clock, queue, taken: [], adds: () => adds },
          };
        }, steps);
        // One timer at most, however many keys wait.
        expect(clock.pendingTimers()).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  }, 30_000);

  it('tells how long a key was ready', async () => {
    const clock = createFakeClock();
    const queue = createWorkQueue(clock);
    queue.add('a');
    await clock.advance(250);
    queue.add('a');
    expect(await queue.take()).toEqual<TakenKey>({ key: 'a', waitedMilliseconds: 250 });
  });

  it('gives nothing more after shutdown, and leaves no timer', async () => {
    const clock = createFakeClock();
    const queue = createWorkQueue(clock);
    const waiting = queue.take();
    queue.addAfter('a', 1000);
    queue.shutDown();
    queue.add('b');
    queue.addAfter('c', 1000);
    expect(await waiting).toBeUndefined();
    expect(await queue.take()).toBeUndefined();
    expect(clock.pendingTimers()).toBe(0);
    expect(queue.depth()).toEqual({ ready: 0, processing: 0, delayed: 0 });
  });
});
