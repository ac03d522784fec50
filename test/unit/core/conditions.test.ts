import { describe, expect, it } from 'vitest';
import type { Claim } from '../../../src/api/condition.ts';
import { conditionOf, setConditions, withoutConditions } from '../../../src/core/conditions.ts';

const early = new Date('2026-01-01T00:00:00.123Z');
const late = new Date('2026-01-01T00:10:00.456Z');
const ready: Claim = { type: 'Ready', status: 'True', reason: 'Succeeded', message: 'Good.' };

describe('conditions', () => {
  it('bear times of whole seconds, as Kubernetes writes them', () => {
    expect(setConditions([], [ready], 1, early)[0]?.lastTransitionTime).toBe('2026-01-01T00:00:00Z');
  });

  it('keep their time while only reason, message or generation change', () => {
    const before = setConditions([], [ready], 1, early);
    const after = setConditions(before, [{ ...ready, reason: 'Suspended', message: 'Other.' }], 2, late);
    expect(after).toEqual([
      {
        type: 'Ready',
        status: 'True',
        reason: 'Suspended',
        message: 'Other.',
        observedGeneration: 2,
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ]);
  });

  it('take a new time when the status word changes', () => {
    const before = setConditions([], [ready], 1, early);
    expect(conditionOf(setConditions(before, [{ ...ready, status: 'False' }], 1, late), 'Ready')?.lastTransitionTime).toBe(
      '2026-01-01T00:10:00Z',
    );
  });

  it('stand in one order, whatever the order they were claimed in', () => {
    const claim = (type: Claim['type']): Claim => ({ ...ready, type });
    const types = setConditions([], [claim('ReaderAccessReady'), claim('Stalled'), claim('Ready'), claim('PrerequisitesMet')], 1, early);
    expect(types.map(({ type }) => type)).toEqual(['Ready', 'Stalled', 'PrerequisitesMet', 'ReaderAccessReady']);
  });

  it('leave the others as they were', () => {
    const before = setConditions([], [ready, { ...ready, type: 'AlertRuleReady' }], 1, early);
    expect(conditionOf(setConditions(before, [{ ...ready, status: 'False' }], 2, late), 'AlertRuleReady')?.observedGeneration).toBe(1);
  });

  it('cut a message that is longer than anybody reads, and show the cut', () => {
    const [condition] = setConditions([], [{ ...ready, message: 'x'.repeat(5000) }], 1, early);
    expect(condition?.message).toHaveLength(1024);
    expect(condition?.message.endsWith('x…')).toBe(true);
  });

  it('can be taken away by type', () => {
    expect(withoutConditions(setConditions([], [ready], 1, early), 'Ready', 'Stalled')).toEqual([]);
  });
});
