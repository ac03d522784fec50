import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { conditionTypes } from '../../../src/api/condition.ts';
import type { MaintenanceNotification } from '../../../src/api/maintenance-notification.ts';
import { finalizer } from '../../../src/api/names.ts';
import { label, objectSeries } from '../../../src/observe/object-series.ts';
import { minimalSpec, notification } from '../../support/notification.ts';
import { condition, seriesOf, valueOf } from './scrape.ts';

const facts = { intervalMilliseconds: 600_000 };
const textOf = async (...objects: readonly MaintenanceNotification[]): Promise<string> =>
  (await Array.fromAsync(objectSeries(objects, { ...facts, lastSuccessOf: () => 1_800_000_000.5 }))).join('');

const statuses = ['True', 'False', 'Unknown'] as const;
const valuesOf = (text: string, type: string): readonly (number | undefined)[] =>
  statuses.map((status) => valueOf(text, 'aks_notifier_condition', { namespace: 'platform', name: 'prod', type, status }));

describe('the series of an object', () => {
  it.each([
    ['True', [1, 0, 0]],
    ['False', [0, 1, 0]],
    ['Unknown', [0, 0, 1]],
  ] as const)('have one 1 for a condition that is %s', async (status, expected) => {
    const text = await textOf(notification({ status: { conditions: [condition('AlertRuleReady', status)] } }));
    expect(valuesOf(text, 'AlertRuleReady')).toEqual(expected);
  });

  it('have no 1 for a condition that is absent, but for those that exist only while they are True', async () => {
    const text = await textOf(notification());
    const absent = Object.fromEntries(conditionTypes.map((type) => [type, valuesOf(text, type)]));
    expect(absent).toEqual({
      ...Object.fromEntries(conditionTypes.map((type) => [type, [0, 0, 0]])),
      Reconciling: [0, 1, 0],
      Stalled: [0, 1, 0],
    });
  });

  it('never contradict each other, whatever the conditions are', async () => {
    const conditions = fc.array(fc.tuple(fc.constantFrom(...conditionTypes, 'Foreign'), fc.constantFrom(...statuses)));
    await fc.assert(
      fc.asyncProperty(conditions, async (pairs) => {
        const text = await textOf(notification({ status: { conditions: pairs.map(([type, status]) => condition(type, status)) } }));
        const series = seriesOf(text).filter(({ name }) => name === 'aks_notifier_condition');
        expect(series).toHaveLength(conditionTypes.length * statuses.length);
        for (const type of conditionTypes) expect(valuesOf(text, type).filter((value) => value === 1).length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('say whether it is suspended, and when it last succeeded', async () => {
    const suspended = notification({ metadata: { name: 'quiet' }, spec: { ...minimalSpec, suspend: true } });
    const text = await textOf(notification(), suspended);
    expect(valueOf(text, 'aks_notifier_suspended', { namespace: 'platform', name: 'prod' })).toBe(0);
    expect(valueOf(text, 'aks_notifier_suspended', { namespace: 'platform', name: 'quiet' })).toBe(1);
    const last = 'aks_notifier_last_success_timestamp_seconds';
    expect(valueOf(text, last, { namespace: 'platform', name: 'prod' })).toBe(1_800_000_000.5);
  });

  it('say why it is Ready or not, and nothing while it has no such condition', async () => {
    const text = await textOf(
      notification({ status: { conditions: [condition('Ready', 'False')] } }),
      notification({ metadata: { name: 'new' } }),
    );
    const reasons = seriesOf(text).filter(({ name }) => name === 'aks_notifier_ready_reason');
    expect(reasons).toEqual([
      { name: 'aks_notifier_ready_reason', labels: { namespace: 'platform', name: 'prod', reason: 'Succeeded' }, value: 1 },
    ]);
  });

  it('say how often it is looked at', async () => {
    const text = await textOf(notification(), notification({ metadata: { name: 'calm' }, spec: { ...minimalSpec, interval: '24h' } }));
    const of = (name: string) => valueOf(text, 'aks_notifier_interval_seconds', { namespace: 'platform', name });
    expect([of('prod'), of('calm')]).toEqual([600, 86_400]);
  });

  it.each([
    ['it is not being deleted', {}, undefined],
    ['something has still to be removed', { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: [finalizer] }, 1_767_225_600],
    ['somebody else holds it', { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['foreign.dev/hold'] }, undefined],
  ])('say since when it is being deleted: %s', async (_, metadata, seconds) => {
    const text = await textOf(notification({ metadata }));
    expect(valueOf(text, 'aks_notifier_deletion_timestamp_seconds', { namespace: 'platform', name: 'prod' })).toBe(seconds);
  });

  it('count the receivers that get nothing', async () => {
    const receivers = [{ name: 'duty', kind: 'sms', status: 'Disabled' } as const];
    const silent = notification({ metadata: { name: 'silent' }, status: { receivers } });
    const text = await textOf(notification(), silent);
    const of = (name: string) => valueOf(text, 'aks_notifier_receivers_not_enabled', { namespace: 'platform', name });
    expect([of('prod'), of('silent')]).toEqual([0, 1]);
  });

  it('have label values escaped as the text format demands', () => {
    expect(label('name', 'a"b\\c\nd\\n')).toBe(String.raw`name="a\"b\\c\nd\\n"`);
    expect(label('name', 'größe {x="y"}')).toBe(String.raw`name="größe {x=\"y\"}"`);
  });
});

describe('ten thousand objects', () => {
  const objects = Array.from({ length: 10_000 }, (_, index) =>
    notification({ metadata: { name: `object-${index}` }, status: { conditions: [condition('Ready', 'True')] } }),
  );

  it('come in chunks of bounded size, with a turn for everybody else between them, and completely', async () => {
    let turns = 0;
    let isCounting = true;
    const count = (): void => {
      turns += 1;
      if (isCounting) setImmediate(count);
    };
    setImmediate(count);
    let chunks = 0;
    let longest = 0;
    let lines = 0;
    for await (const chunk of objectSeries(objects, { ...facts, lastSuccessOf: () => 1 })) {
      chunks += 1;
      longest = Math.max(longest, chunk.length);
      lines += chunk.split('\n').length - 1;
    }
    isCounting = false;
    // Three lines of head for each of seven metrics, and 26 for each object.
    expect(lines).toBe(3 * 7 + 26 * objects.length);
    expect(chunks).toBeGreaterThan(200);
    expect(longest).toBeLessThan(70_000);
    expect(turns).toBeGreaterThanOrEqual(chunks - 1);
  });

  it('are not computed further than somebody reads', async () => {
    let asked = 0;
    const series = objectSeries(objects, { ...facts, lastSuccessOf: () => (asked += 1) });
    for await (const chunk of series) {
      expect(chunk).toContain('object-0');
      break;
    }
    expect(asked).toBe(0);
  });
});
