import { describe, expect, it } from 'vitest';
import { run, valueOf } from './queries.ts';

describe('operators', () => {
  it.each<[string, unknown]>([
    ['1 + 2 * 3', 7],
    ['7 / 2', 3],
    ['7 / 2.0', 3.5],
  ])('%s', (expression, value) => {
    expect(valueOf(expression)).toBe(value);
  });
});

describe('what the emulator lacks', () => {
  it('is named', () => {
    expect(run('| summarize count()')).toBe("The emulator doesn't have the operator 'summarize'.");
    expect(run('| where countof(id, "a") > 2')).toBe("The emulator doesn't have the function 'countof()'.");
  });
});
