import { describe, expect, it } from 'vitest';
import { createWriteGate, WriteRefusedError } from '../../../src/runtime/write-gate.ts';

const isSettled = async (promise: Promise<void>): Promise<boolean> =>
  Promise.race([promise.then(() => true), new Promise<false>((resolve) => setImmediate(() => resolve(false)))]);

describe('a write gate', () => {
  it('asks for every write anew, and says why one may not begin', () => {
    let refusal: string | undefined = 'no lease';
    const gate = createWriteGate(() => refusal);
    expect(() => gate.begin()).toThrow(new WriteRefusedError('no lease'));
    refusal = undefined;
    expect(() => gate.begin()()).not.toThrow();
    refusal = 'lost';
    expect(() => gate.begin()).toThrow('lost');
  });

  it('lets nothing begin once it is closed, whatever the lease says', async () => {
    const gate = createWriteGate(() => undefined);
    await gate.close('stopping');
    expect(() => gate.begin()).toThrow(new WriteRefusedError('stopping'));
  });

  it('is closed when all that had begun has ended; an end that is told twice counts once', async () => {
    const gate = createWriteGate(() => undefined);
    const [first, second] = [gate.begin(), gate.begin()];
    const closed = gate.close('stopping');
    first();
    first();
    expect(await isSettled(closed)).toBe(false);
    second();
    expect(await isSettled(closed)).toBe(true);
  });
});
