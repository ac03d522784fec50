import { describe, expect, it } from 'vitest';
import { createRunMemory } from '../../../src/reconcile/run-memory.ts';

describe('the memory of failures', () => {
  it('counts those in a row with one reason, and keeps the time of the first', () => {
    const memory = createRunMemory();
    expect(memory.failed('a', '1', 'Throttled', 100)).toEqual({ since: 100, withReasonSince: 100, times: 1 });
    expect(memory.failed('a', '1', 'Throttled', 200)).toEqual({ since: 100, withReasonSince: 100, times: 2 });
    expect(memory.failed('a', '1', 'Busy', 300)).toEqual({ since: 100, withReasonSince: 300, times: 1 });
    expect(memory.failed('a', '1', 'Throttled', 400)).toEqual({ since: 100, withReasonSince: 100, times: 1 });
    expect(memory.failed('b', '1', 'Throttled', 500)).toEqual({ since: 500, withReasonSince: 500, times: 1 });
  });

  it.each<[string, (memory: ReturnType<typeof createRunMemory>) => unknown]>([
    ['a success', (memory) => memory.succeeded('a', '1')],
    ['a suspension', (memory) => memory.forgive('a')],
    ['the end of the object', (memory) => memory.forget('a')],
  ])('begins anew after %s', (_, end) => {
    const memory = createRunMemory();
    memory.failed('a', '1', 'Throttled', 100);
    end(memory);
    expect(memory.failed('a', '1', 'Throttled', 200)).toEqual({ since: 200, withReasonSince: 200, times: 1 });
  });

  it('begins anew with a new spec', () => {
    const memory = createRunMemory();
    memory.failed('a', '1', 'Throttled', 100);
    expect(memory.failed('a', '2', 'Throttled', 200)).toEqual({ since: 200, withReasonSince: 200, times: 1 });
  });
});
