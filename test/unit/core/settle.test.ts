import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Claim, PartType, Reason } from '../../../src/api/condition.ts';
import type { MaintenanceNotification, MaintenanceNotificationStatus } from '../../../src/api/maintenance-notification.ts';
import { conditionOf } from '../../../src/core/conditions.ts';
import { draftFrom, settle, wasWhole, type Draft, type Outcome } from '../../../src/core/settle.ts';
import { notification } from '../../support/notification.ts';
import { statusMistakes } from '../../support/status-rules.ts';

const now = new Date('2026-01-01T12:00:00Z');
const parts: readonly PartType[] = ['PrerequisitesMet', 'ActionGroupReady', 'AlertRuleReady', 'ReaderAccessReady'];
const good = (type: PartType): Claim<PartType> => ({ type, status: 'True', reason: 'Succeeded', message: 'Good.' });
const resource = (state: 'Creating' | 'Present') =>
  ({ kind: 'AlertRule', id: '/subscriptions/a/resourceGroups/g/providers/N.s/t/x', state }) as const;

/** What a run knows when the part of that number fails, or none does. */
const draft = (
  object: MaintenanceNotification,
  failing?: { readonly part: number; readonly reason: Reason; readonly graceful?: boolean },
): Draft => ({
  ...draftFrom(object.status),
  inventory: [resource(failing && failing.graceful !== true ? 'Creating' : 'Present')],
  claims: failing
    ? [...parts.slice(0, failing.part).map(good), { type: parts[failing.part]!, status: 'False', reason: failing.reason, message: 'Bad.' }]
    : parts.map(good),
});

const failed = (reason: Reason, how: { readonly stalled?: boolean; readonly inGrace?: boolean } = {}): Outcome => ({
  kind: 'failed',
  reason,
  message: 'Bad.',
  stalled: how.stalled ?? false,
  inGrace: how.inGrace ?? false,
});

/** One run over an object: the object as the API server has it afterwards. */
const after = (object: MaintenanceNotification, outcome: Outcome, how: Draft = draft(object)): MaintenanceNotification => ({
  ...object,
  status: settle(object, how, outcome, now),
});
const edited = (object: MaintenanceNotification): MaintenanceNotification => ({
  ...object,
  metadata: { ...object.metadata, generation: object.metadata.generation + 1 },
});

const fresh = notification({ status: { observedGeneration: -1 } });
const ready = after(fresh, { kind: 'succeeded' });
const row = ({ status }: MaintenanceNotification) => {
  const word = (type: 'Ready' | 'Reconciling' | 'Stalled'): string => {
    const condition = conditionOf(status?.conditions, type);
    return condition ? `${condition.status} ${condition.reason}` : '–';
  };
  return [word('Ready'), word('Reconciling'), word('Stalled'), status?.observedGeneration];
};

describe('the status at the end of a run', () => {
  const busy: readonly [string, string, string] = ['Unknown Progressing', 'True Progressing', '–'];
  const transient = (object: MaintenanceNotification): MaintenanceNotification =>
    after(object, failed('AzureUnavailable'), draft(object, { part: 2, reason: 'AzureUnavailable' }));
  const stalled = (object: MaintenanceNotification): MaintenanceNotification =>
    after(object, failed('NotOwned', { stalled: true }), draft(object, { part: 1, reason: 'NotOwned' }));

  it.each<[string, MaintenanceNotification, readonly unknown[]]>([
    ['at first sight, at work', after(fresh, { kind: 'progressing' }, draftFrom(fresh.status)), [...busy, -1]],
    ['at a new generation, at work', after(edited(ready), { kind: 'progressing' }, draftFrom(ready.status)), [...busy, 1]],
    ['when everything stands', ready, ['True Succeeded', '–', '–', 1]],
    ['when everything stands at a new generation', after(edited(ready), { kind: 'succeeded' }), ['True Succeeded', '–', '–', 2]],
    ['after a transient failure', transient(fresh), ['False AzureUnavailable', 'True ProgressingWithRetry', '–', -1]],
    [
      'after a transient failure of a new generation',
      transient(edited(ready)),
      ['False AzureUnavailable', 'True ProgressingWithRetry', '–', 1],
    ],
    [
      'after a transient failure of a generation that stood',
      transient(ready),
      ['False AzureUnavailable', 'True ProgressingWithRetry', '–', 1],
    ],
    ['when a person must act', stalled(fresh), ['False NotOwned', '–', 'True NotOwned', 1]],
    ['when a person must act on a new generation', stalled(edited(ready)), ['False NotOwned', '–', 'True NotOwned', 2]],
    ['when it works again after a person acted', after(stalled(fresh), { kind: 'succeeded' }), ['True Succeeded', '–', '–', 1]],
    [
      'when a stalled one fails in a way that passes',
      transient(stalled(fresh)),
      ['False AzureUnavailable', 'True ProgressingWithRetry', '–', 1],
    ],
    [
      'suspended before anything was done',
      after(fresh, { kind: 'suspended' }, draftFrom(fresh.status)),
      ['Unknown Suspended', '–', '–', 1],
    ],
    ['suspended when all was well', after(edited(ready), { kind: 'suspended' }, draftFrom(ready.status)), ['True Succeeded', '–', '–', 2]],
    [
      'suspended when it failed',
      after(edited(transient(ready)), { kind: 'suspended' }, draftFrom(ready.status)),
      ['False AzureUnavailable', '–', '–', 2],
    ],
    [
      'suspended while at work',
      after(edited(after(fresh, { kind: 'progressing' })), { kind: 'suspended' }),
      ['Unknown Suspended', '–', '–', 2],
    ],
    [
      'being deleted, at work',
      after(edited(ready), { kind: 'deleting' }, draftFrom(ready.status)),
      ['False Deleting', 'True Deleting', '–', 1],
    ],
    [
      'when the deletion fails',
      after(edited(ready), { kind: 'deletionFailed', reason: 'ResourceLocked', message: 'Locked.' }, draftFrom(ready.status)),
      ['False ResourceLocked', 'True ProgressingWithRetry', '–', 1],
    ],
    [
      'when the deletion of a stalled one fails',
      after(edited(stalled(fresh)), { kind: 'deletionFailed', reason: 'AccessDenied', message: 'No.' }, draftFrom(ready.status)),
      ['False AccessDenied', 'True ProgressingWithRetry', '–', 1],
    ],
    [
      'in grace',
      after(ready, failed('AzureUnavailable', { inGrace: true }), draft(ready, { part: 2, reason: 'AzureUnavailable' })),
      ['True Succeeded', '–', '–', 1],
    ],
  ])('%s reads %j', (_, object, expected) => {
    expect(row(object)).toEqual(expected);
  });

  it('names every part from the first visit on', () => {
    const { status } = after(fresh, { kind: 'progressing' }, draftFrom(fresh.status));
    expect(parts.map((type) => conditionOf(status?.conditions, type)?.status)).toEqual(['Unknown', 'Unknown', 'Unknown', 'Unknown']);
  });

  it('says which part failed, and leaves the ones after it as they were', () => {
    const { status } = transient(fresh);
    expect(parts.map((type) => conditionOf(status?.conditions, type)?.status)).toEqual(['True', 'True', 'False', 'Unknown']);
  });

  it('tells of the failing part at once, even in grace', () => {
    const inGrace = after(ready, failed('AzureUnavailable', { inGrace: true }), draft(ready, { part: 2, reason: 'AzureUnavailable' }));
    expect(conditionOf(inGrace.status?.conditions, 'AlertRuleReady')).toMatchObject({ status: 'False', reason: 'AzureUnavailable' });
  });

  it('keeps what is known while suspended, moved to the new generation', () => {
    const { status } = after(edited(ready), { kind: 'suspended' }, draftFrom(ready.status));
    expect(status?.conditions?.every(({ observedGeneration }) => observedGeneration === 2)).toBe(true);
    expect(status?.resources).toEqual(ready.status?.resources);
  });

  it('says in Ready that no notice will come when a prerequisite is missing', () => {
    const lacking: Draft = {
      ...draft(fresh),
      claims: [
        { type: 'PrerequisitesMet', status: 'False', reason: 'DependencyNotReady', message: 'No window.' },
        ...parts.slice(1).map(good),
      ],
    };
    expect(conditionOf(after(fresh, { kind: 'succeeded' }, lacking).status?.conditions, 'Ready')).toMatchObject({
      status: 'True',
      message: 'Everything stands in Azure, but Azure will send no notice yet: see PrerequisitesMet.',
    });
  });

  it('is the same again after the same run, so that nothing is written', () => {
    const again = settle(ready, draft(ready), { kind: 'succeeded' }, new Date('2026-02-02T00:00:00Z'));
    expect(again).toEqual(ready.status);
  });

  it('has each condition once, also for an object from before a part was invented', () => {
    const old: MaintenanceNotification = {
      ...ready,
      status: { ...ready.status, conditions: ready.status!.conditions!.filter(({ type }) => type !== 'ReaderAccessReady') },
    };
    const types = after(old, { kind: 'succeeded' }).status?.conditions?.map(({ type }) => type);
    expect(types).toEqual(['Ready', ...parts]);
  });

  it('leaves out what is empty', () => {
    const { status } = after(fresh, { kind: 'suspended' }, draftFrom(undefined));
    expect(Object.keys(status ?? {}).toSorted()).toEqual(['conditions', 'observedGeneration']);
  });
});

describe('the request to reconcile now', () => {
  const asked = notification({
    metadata: { annotations: { 'aks-notifier.dev/reconcile-requested-at': 'today' } },
    status: { observedGeneration: 1, lastHandledReconcileAt: 'yesterday' },
  });

  it.each<[Outcome['kind'], Outcome]>([
    ['succeeded', { kind: 'succeeded' }],
    ['suspended', { kind: 'suspended' }],
    ['failed', failed('AzureUnavailable')],
    ['deletionFailed', { kind: 'deletionFailed', reason: 'ResourceLocked', message: 'Locked.' }],
  ])('is answered once a run has ended: %s', (_, outcome) => {
    expect(after(asked, outcome).status?.lastHandledReconcileAt).toBe('today');
  });

  it.each<Outcome['kind'] & ('progressing' | 'deleting')>(['progressing', 'deleting'])(
    'is not answered in the middle of a run: %s',
    (kind) => {
      expect(after(asked, { kind }).status?.lastHandledReconcileAt).toBe('yesterday');
    },
  );
});

describe('an object is whole', () => {
  const { status } = ready;
  it.each<[string, MaintenanceNotification, boolean]>([
    ['when it is Ready and everything was seen', ready, true],
    ['not when its spec is newer', edited(ready), false],
    ['not when it is not Ready', after(ready, failed('Throttled')), false],
    ['not when a thing of its list has not been seen yet', { ...ready, status: { ...status, resources: [resource('Creating')] } }, false],
    ['not when it has no status', notification(), false],
  ])('%s', (_, object, expected) => {
    expect(wasWhole(object)).toBe(expected);
  });
});

type Step =
  | { readonly do: 'edit' }
  | { readonly do: 'succeed'; readonly prerequisites: Claim['status'] }
  | { readonly do: 'refuse' }
  | { readonly do: 'fail'; readonly part: number; readonly stalled: boolean; readonly graceful: boolean; readonly reason: Reason }
  | { readonly do: 'suspend' }
  | { readonly do: 'fail deletion' }
  | { readonly do: 'crash at work' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('edit' as const) }),
  fc.record({ do: fc.constant('succeed' as const), prerequisites: fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const) }),
  fc.record({ do: fc.constant('refuse' as const) }),
  fc.record({
    do: fc.constant('fail' as const),
    part: fc.nat({ max: 3 }),
    stalled: fc.boolean(),
    graceful: fc.boolean(),
    reason: fc.constantFrom<Reason>('AzureUnavailable', 'NotOwned', 'Throttled', 'AccessDenied', 'ClusterNotFound'),
  }),
  fc.record({ do: fc.constant('suspend' as const) }),
  fc.record({ do: fc.constant('fail deletion' as const) }),
  fc.record({ do: fc.constant('crash at work' as const) }),
);

interface Written {
  readonly moment: 'mid run' | 'end of run';
  readonly object: MaintenanceNotification;
}

/** What one step writes: as the reconcile does it, with the write in the middle only at a new generation. */
const write = (object: MaintenanceNotification, each: Step): readonly Written[] => {
  const end = (from: MaintenanceNotification, outcome: Outcome, how?: Draft): Written => ({
    moment: 'end of run',
    object: after(from, outcome, how),
  });
  const isNew = conditionOf(object.status?.conditions, 'Ready')?.observedGeneration !== object.metadata.generation;
  const begun = isNew ? after(object, { kind: 'progressing' }, draftFrom(object.status)) : object;
  const middle: readonly Written[] = isNew ? [{ moment: 'mid run', object: begun }] : [];
  switch (each.do) {
    case 'edit':
      return [];
    case 'crash at work':
      return middle;
    case 'succeed': {
      const claims = parts.map((type) => Object.assign(good(type), type === 'PrerequisitesMet' ? { status: each.prerequisites } : {}));
      return [...middle, end(begun, { kind: 'succeeded' }, { ...draft(begun), claims })];
    }
    case 'refuse':
      return [end(object, failed('InvalidSpec', { stalled: true }), draftFrom(object.status))];
    case 'fail': {
      const inGrace = !each.stalled && each.graceful && wasWhole(object);
      return [...middle, end(begun, failed(each.reason, { stalled: each.stalled, inGrace }), draft(begun, each))];
    }
    case 'suspend':
      return [end(object, { kind: 'suspended' }, draftFrom(object.status))];
    case 'fail deletion': {
      const said = after(object, { kind: 'deleting' }, draftFrom(object.status));
      return [{ moment: 'mid run', object: said }, end(said, { kind: 'deletionFailed', reason: 'ResourceLocked', message: 'Locked.' })];
    }
  }
};

describe('whatever happens to an object', () => {
  it('its status obeys Flux’s rules after every write', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        let object: MaintenanceNotification = fresh;
        for (const each of steps) {
          if (each.do === 'edit' || each.do === 'suspend') object = edited(object);
          for (const { moment, object: written } of write(object, each)) {
            expect(statusMistakes(written, moment)).toEqual([]);
            object = written;
          }
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('observedGeneration never goes back, and Ready True speaks of it', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        let object: MaintenanceNotification = fresh;
        const seen: number[] = [];
        for (const each of steps) {
          if (each.do === 'edit' || each.do === 'suspend') object = edited(object);
          object = write(object, each).at(-1)?.object ?? object;
          seen.push(object.status?.observedGeneration ?? -1);
        }
        expect(seen).toEqual(seen.toSorted((one, other) => one - other));
      }),
    );
  });

  it('the same run twice changes nothing the second time', () => {
    const quiet = (status: MaintenanceNotificationStatus | undefined): string => JSON.stringify(status);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 10 }), step, (steps, last) => {
        let object: MaintenanceNotification = fresh;
        for (const each of steps) {
          if (each.do === 'edit' || each.do === 'suspend') object = edited(object);
          object = write(object, each).at(-1)?.object ?? object;
        }
        // A deletion says "Deleting" only at its first try; the reconcile sees to that.
        fc.pre(last.do !== 'fail deletion');
        const once = write(object, last).at(-1)?.object ?? object;
        const twice = write(once, last).at(-1)?.object ?? once;
        expect(quiet(twice.status)).toBe(quiet(once.status));
      }),
    );
  });
});

describe('the rules themselves', () => {
  // A check that can't fail proves nothing.
  const condition = (type: string, status: string, observedGeneration = 2) => ({
    type,
    status,
    reason: 'Reason',
    message: 'Message.',
    observedGeneration,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  });
  const judged = (observedGeneration: number, ...conditions: readonly ReturnType<typeof condition>[]): MaintenanceNotification =>
    notification({ metadata: { generation: 2 }, status: { observedGeneration, conditions: conditions as never } });
  const broken = (object: MaintenanceNotification, moment: 'mid run' | 'end of run'): readonly string[] =>
    statusMistakes(object, moment).map((mistake) => mistake.split(':')[0]!);

  it.each<[string, MaintenanceNotification]>([
    ['FAIL0001', judged(2, condition('Ready', 'True'), condition('Stalled', 'True'))],
    ['FAIL0002', judged(2, condition('AlertRuleReady', 'True'))],
    ['FAIL0003', judged(2, condition('Ready', 'Unknown'), condition('Reconciling', 'True'))],
    ['FAIL0004', judged(2, condition('Ready', 'Unknown'), condition('Stalled', 'True'))],
    ['FAIL0005', judged(2, condition('Ready', 'False'), condition('Stalled', 'True'), condition('Reconciling', 'True'))],
    ['FAIL0006', judged(3, condition('Ready', 'False'))],
    ['FAIL0007', judged(1, condition('Ready', 'True'))],
    ['FAIL0008', judged(2, condition('Ready', 'True'), condition('AlertRuleReady', 'True', 1))],
    ['FAIL0009', judged(2, condition('Ready', 'True', 1))],
    ['WARN0003/4', judged(2, condition('Ready', 'False'), condition('Stalled', 'False'))],
    ['SHAPE', judged(2, condition('Ready', 'False'), condition('Ready', 'False'))],
  ])('see what breaks %s', (rule, object) => {
    expect(broken(object, 'end of run')).toContain(rule);
  });

  it('see in the middle of a run that Unknown needs Reconciling', () => {
    expect(broken(judged(1, condition('Ready', 'Unknown')), 'mid run')).toEqual(['FAIL0011']);
    expect(broken(judged(1, condition('Ready', 'Unknown'), condition('Reconciling', 'True')), 'mid run')).toEqual([]);
  });
});
