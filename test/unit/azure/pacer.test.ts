import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPacer, type Call, type LaneOf, type Permit, type Turn } from '../../../src/azure/pacer.ts';
import { simulate, type Scenario } from '../../support/pace-simulation.ts';

const bucket: LaneOf = { name: 'writes', limit: { kind: 'bucket', burst: 10, perSecond: 2 } };
const windowed: LaneOf = { name: 'rules', limit: { kind: 'window', calls: 3, milliseconds: 60_000 } };

const call = (key: string, change: Partial<Call> = {}): Call => ({ lanes: [bucket], key, run: undefined, ...change });
const unsaid = { remaining: undefined, isOwn: false, resetsIn: undefined };
const left = (remaining: number, resetsIn?: number) => () => ({ remaining, isOwn: true, resetsIn });

const permitOf = (turn: Turn): Permit => {
  if (turn.kind === 'later') throw new Error(`it has to wait for ${turn.milliseconds} ms`);
  return turn.permit;
};
const waitOf = (turn: Turn): number | 'now' => (turn.kind === 'now' ? 'now' : turn.milliseconds);

/** A pacer that knows that Azure counts; `made` calls have been answered, and so many are left. */
const counted = (lane: LaneOf, { made, remaining, resetsIn }: { made: number; remaining: number; resetsIn?: number }) => {
  const pacer = createPacer();
  for (let index = 0; index < made; index += 1) {
    const permit = permitOf(pacer.ask(call(`made ${index}`, { lanes: [lane] }), 0));
    permit.answered(left(remaining + made - 1 - index, resetsIn), 0);
    permit.end();
  }
  return pacer;
};

describe('the pacer', () => {
  it('lets everything through until Azure says that it counts', () => {
    const pacer = createPacer();
    for (let index = 0; index < 100; index += 1) {
      const permit = permitOf(pacer.ask(call(`${index}`), 0));
      permit.answered(() => unsaid, 0);
      permit.end();
    }
    expect(pacer.size().turns).toBe(0);
  });

  it('gives who has to wait a turn each, in the order in which they came', () => {
    // Of ten, two are kept for runs that are under way.
    const pacer = counted(bucket, { made: 8, remaining: 2 });
    expect(['a', 'b', 'c'].map((key) => waitOf(pacer.ask(call(key), 0)))).toEqual([500, 1000, 1500]);
    // Asked again, the turn is the same.
    expect(waitOf(pacer.ask(call('b'), 200))).toBe(800);
    // A newcomer gets none of them, not even when the first is late.
    expect(waitOf(pacer.ask(call('d'), 500))).toBe(1500);
    expect(waitOf(pacer.ask(call('b'), 1000))).toBe('now');
    expect(waitOf(pacer.ask(call('a'), 1100))).toBe('now');
  });

  it('lets a run go on that has begun', () => {
    const run = {};
    const pacer = createPacer();
    const first = permitOf(pacer.ask(call('first', { run }), 0));
    first.answered(left(2), 0);
    first.end();
    expect(waitOf(pacer.ask(call('other', { run: {} }), 0))).toBe(500);
    expect(waitOf(pacer.ask(call('second', { run }), 0))).toBe('now');
  });

  it('gives a turn away when nobody takes it', () => {
    const pacer = counted(windowed, { made: 3, remaining: 0, resetsIn: 60_000 });
    const ask = (key: string, now: number): number | 'now' => waitOf(pacer.ask(call(key, { lanes: [windowed] }), now));
    expect(['a', 'b', 'c', 'd'].map((key) => ask(key, 0))).toEqual([60_000, 60_000, 60_000, 120_000]);
    expect(ask('a', 60_000)).toBe('now');
    // What is left is kept for b and c, and the next window is d's first.
    expect(ask('new', 80_000)).toBe(40_000);
    expect(ask('new', 90_000)).toBe('now');
    // Who is late still comes before all others.
    expect(ask('c', 95_000)).toBe('now');
    expect(ask('b', 96_000)).toBe(24_000);
    expect(ask('d', 96_000)).toBe(24_000);
  });

  it('keeps nothing of a window for turns of a later one', () => {
    const pacer = counted(windowed, { made: 3, remaining: 0, resetsIn: 60_000 });
    const ask = (key: string, now: number): number | 'now' => waitOf(pacer.ask(call(key, { lanes: [windowed] }), now));
    expect(['a', 'b', 'c', 'd'].map((key) => ask(key, 0))).toEqual([60_000, 60_000, 60_000, 120_000]);
    // a, b and c didn't come; d's turn is at 120 s.
    expect(['x', 'y', 'z'].map((key) => ask(key, 95_000))).toEqual(['now', 'now', 'now']);
  });

  it('puts a call that Azure refused before all that wait', () => {
    const pacer = createPacer();
    const refused = permitOf(pacer.ask(call('a'), 0));
    refused.refused('writes', 1000, () => unsaid, 0);
    refused.end();
    expect(['b', 'c', 'a'].map((key) => waitOf(pacer.ask(call(key), 0)))).toEqual([2000, 2500, 1500]);
  });

  it('is not misled by answers that cross each other', () => {
    const pacer = createPacer();
    const [first] = ['a', 'b', 'c'].map((key) => permitOf(pacer.ask(call(key), 0)));
    // Azure met the first one last.
    first?.answered(left(7), 0);
    // Seven are left, and two of them are kept for runs.
    expect(['d', 'e', 'f', 'g', 'h', 'i'].map((key) => waitOf(pacer.ask(call(key), 0)))).toEqual(['now', 'now', 'now', 'now', 'now', 500]);
  });

  it('takes nothing for true of a window from an answer that belonged to the last', () => {
    const pacer = counted(windowed, { made: 1, remaining: 2, resetsIn: 60_000 });
    const ask = (key: string, now: number): Turn => pacer.ask(call(key, { lanes: [windowed] }), now);
    const late = permitOf(ask('late', 59_000));
    expect(waitOf(ask('a', 60_000))).toBe('now');
    late.answered(left(0, 500), 60_500);
    expect(['b', 'c', 'd'].map((key) => waitOf(ask(key, 61_500)))).toEqual(['now', 'now', 58_500]);
  });

  it('waits with all calls of a lane after a 429, and with no other', () => {
    const pacer = createPacer();
    const other = { ...bucket, name: 'other' };
    const refused = permitOf(pacer.ask(call('a'), 0));
    refused.refused('writes', 30_000, () => unsaid, 1000);
    refused.end();
    expect(waitOf(pacer.ask(call('b'), 1000))).toBeGreaterThanOrEqual(30_000);
    expect(waitOf(pacer.ask(call('b', { lanes: [other] }), 1000))).toBe('now');
    expect(waitOf(pacer.ask(call('a'), 30_999))).toBe(1);
    // It had its turn: it is the first.
    expect(waitOf(pacer.ask(call('a'), 31_000))).toBe('now');
  });

  it('waits longer each time when a 429 names no time, up to five minutes, and forgets that with a success', () => {
    const pacer = createPacer();
    let now = 0;
    const waits: number[] = [];
    const refuse = (wait: number | undefined): void => {
      const permit = permitOf(pacer.ask(call('a'), now));
      permit.refused('writes', wait, () => unsaid, now);
      permit.end();
      const turn = pacer.ask(call('a'), now);
      waits.push(turn.kind === 'later' ? turn.milliseconds : 0);
      now += waits.at(-1) ?? 0;
    };
    for (let index = 0; index < 6; index += 1) refuse(undefined);
    const permit = permitOf(pacer.ask(call('a'), now));
    permit.answered(() => unsaid, now);
    permit.end();
    refuse(undefined);
    expect(waits).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000, 30_000]);
  });

  it('counts once what was refused together', () => {
    const pacer = createPacer();
    const permits = ['a', 'b', 'c'].map((key) => permitOf(pacer.ask(call(key), 0)));
    for (const permit of permits) permit.refused('writes', undefined, () => unsaid, 100);
    expect(waitOf(pacer.ask(call('a'), 100))).toBe(30_000);
  });

  it('believes Azure when less is left, because somebody else calls too, and when more is', () => {
    const less = counted(bucket, { made: 1, remaining: 2 });
    expect(waitOf(less.ask(call('a'), 0))).toBe(500);
    const more = counted(bucket, { made: 1, remaining: 500 });
    for (let index = 0; index < 400; index += 1) expect(waitOf(more.ask(call(`${index}`), 0))).toBe('now');
  });

  it('believes no time that closes a window for longer than a window lasts', () => {
    const pacer = counted(windowed, { made: 3, remaining: 0, resetsIn: 1e12 });
    expect(waitOf(pacer.ask(call('a', { lanes: [windowed] }), 0))).toBe(60_000);
  });

  it('looks again after ten minutes, however long the queue', () => {
    const pacer = counted(windowed, { made: 3, remaining: 0, resetsIn: 60_000 });
    const waits = Array.from({ length: 100 }, (_, index) => waitOf(pacer.ask(call(`${index}`, { lanes: [windowed] }), 0)));
    expect(Math.max(...waits.map(Number))).toBe(600_000);
  });

  it('forgets what is over', () => {
    const pacer = counted(bucket, { made: 8, remaining: 2 });
    for (let index = 0; index < 100; index += 1) pacer.ask(call(`${index}`), 0);
    expect(pacer.size()).toEqual({ lanes: 1, turns: 100 });
    // Ten minutes after the last turn, and five after anything else.
    for (const minute of [15, 30]) pacer.ask(call('x', { lanes: [{ ...bucket, name: 'other' }] }), minute * 60_000);
    expect(pacer.size()).toEqual({ lanes: 1, turns: 0 });
  });
});

/** More runs than usual, to search for longer: `PACER_RUNS=2000`. */
const numRuns = Number(process.env['PACER_RUNS'] ?? 40);
const hour = 3_600_000;

const scenarios = (change: { readonly [Field in keyof Scenario]?: fc.Arbitrary<Scenario[Field]> } = {}): fc.Arbitrary<Scenario> =>
  fc.record({
    seed: fc.integer(),
    objects: fc.array(fc.integer({ min: 1, max: 250 }), { minLength: 1, maxLength: 3 }),
    workers: fc.integer({ min: 2, max: 12 }),
    latency: fc.integer({ min: 0, max: 250 }).map((min) => ({ min, max: min * 2 })),
    others: fc.constant(0),
    refusedShare: fc.constant(0),
    asks: fc.constant('whatIsMissing' as const),
    headers: fc.constant('right' as const),
    end: fc.constant(24 * hour),
    ...change,
  });

/** The least time, in milliseconds, in which Azure's limits allow to create so many objects: one rule each, three other writes, five reads. */
const allowed = (objects: number): number =>
  Math.max(Math.floor((objects - 1) / 30) * 60_000, ((4 * objects - 200) / 10) * 1000, ((5 * objects - 250) / 25) * 1000);

describe('many creations against Azure’s limits', () => {
  it('take no longer than the limits ask for, are never refused, and no subscription waits for another', () => {
    fc.assert(
      fc.property(scenarios(), (scenario) => {
        const { doneAt, calls, early } = simulate(scenario);
        expect(early).toEqual([]);
        expect(calls.filter(({ status }) => status === 429)).toEqual([]);
        const total = scenario.objects.reduce((sum, count) => sum + count, 0);
        // So long the workers are busy with what Azure takes to answer, 12 calls for each object: waiting for a worker isn't waiting for a turn.
        const busy = (total * 12 * scenario.latency.max) / scenario.workers;
        for (const [index, times] of doneAt.entries()) {
          expect(times).toHaveLength(scenario.objects[index] ?? 0);
          expect(Math.max(...times)).toBeLessThan(allowed(times.length) / 0.9 + busy + 20_000);
        }
      }),
      { numRuns },
    );
  });

  it('begin no call before the time that Azure has named, and all end, whoever else calls and whatever answers say', () => {
    const hostile = scenarios({
      objects: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 2 }),
      others: fc.constantFrom(0, 0.1, 0.3),
      refusedShare: fc.constantFrom(0, 0.02, 0.2),
      asks: fc.constantFrom('whatIsMissing', 'nothing', 'muchMore'),
      headers: fc.constantFrom('right', 'none', 'alwaysZero', 'wild'),
    });
    fc.assert(
      fc.property(hostile, (scenario) => {
        const { doneAt, early, remembered } = simulate(scenario);
        expect(early).toEqual([]);
        expect(doneAt.map(({ length }) => length)).toEqual(scenario.objects);
        expect(remembered.lanes).toBeLessThanOrEqual(3 * scenario.objects.length);
      }),
      { numRuns },
    );
  });
});
