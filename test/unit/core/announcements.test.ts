import { describe, expect, it } from 'vitest';
import type { Claim, Reason } from '../../../src/api/condition.ts';
import type { MaintenanceNotificationStatus } from '../../../src/api/maintenance-notification.ts';
import { announcements, type Action } from '../../../src/core/announcements.ts';
import { setConditions } from '../../../src/core/conditions.ts';
import type { Outcome } from '../../../src/core/settle.ts';

const now = new Date('2026-01-01T00:00:00Z');
const statusOf = (...claims: readonly [Claim['type'], Claim['status'], Reason][]): MaintenanceNotificationStatus => ({
  observedGeneration: 1,
  conditions: [
    ...setConditions(
      [],
      claims.map(([type, status, reason]) => ({ type, status, reason, message: 'Message.' })),
      1,
      now,
    ),
  ],
});
const ready = statusOf(['Ready', 'True', 'Succeeded'], ['AlertRuleReady', 'True', 'Succeeded']);
const failing = statusOf(['Ready', 'False', 'AzureUnavailable'], ['AlertRuleReady', 'False', 'AzureUnavailable']);
const throttled = statusOf(['Ready', 'False', 'Throttled'], ['AlertRuleReady', 'False', 'Throttled']);
const inGrace = statusOf(['Ready', 'True', 'Succeeded'], ['AlertRuleReady', 'False', 'AzureUnavailable']);
const stalled = statusOf(['Ready', 'False', 'NotOwned'], ['Stalled', 'True', 'NotOwned'], ['AlertRuleReady', 'False', 'NotOwned']);

const failed = (reason: Reason, how: { stalled?: boolean; inGrace?: boolean } = {}): Outcome => ({
  kind: 'failed',
  reason,
  message: 'What happened.',
  stalled: how.stalled ?? false,
  inGrace: how.inGrace ?? false,
});
const told = (before: MaintenanceNotificationStatus | undefined, outcome: Outcome, actions: readonly Action[] = []) =>
  announcements(before, { observedGeneration: 2 }, outcome, actions).map(({ type, reason, message }) => `${type} ${reason}: ${message}`);

describe('people are told', () => {
  it.each<[string, MaintenanceNotificationStatus | undefined, Outcome, readonly string[]]>([
    ['nothing of a quiet run', ready, { kind: 'succeeded' }, []],
    ['nothing of a first run without a change', undefined, { kind: 'succeeded' }, []],
    ['nothing in the middle of a run', ready, { kind: 'progressing' }, []],
    ['nothing while deletion goes well', ready, { kind: 'deleting' }, []],
    ['the first failure', ready, failed('AzureUnavailable'), ['Warning ReconcileFailed: AzureUnavailable: What happened.']],
    [
      'the first failure of a new object',
      undefined,
      failed('AzureUnavailable'),
      ['Warning ReconcileFailed: AzureUnavailable: What happened.'],
    ],
    ['nothing of the same failure again', failing, failed('AzureUnavailable'), []],
    [
      'the first failure in grace',
      ready,
      failed('AzureUnavailable', { inGrace: true }),
      ['Warning ReconcileFailed: AzureUnavailable: What happened.'],
    ],
    ['nothing of the same failure in grace', inGrace, failed('AzureUnavailable', { inGrace: true }), []],
    ['nothing when grace ends', inGrace, failed('AzureUnavailable'), []],
    ['another failure', failing, failed('Busy'), ['Warning ReconcileFailed: Busy: What happened.']],
    ['nothing of a wait that Azure asks for', ready, failed('Throttled'), []],
    ['nothing of the end of such a wait', throttled, { kind: 'succeeded' }, []],
    ['nothing of such a wait when something is deleted', ready, { kind: 'deletionFailed', reason: 'Throttled', message: 'Wait.' }, []],
    ['that it is stalled', ready, failed('NotOwned', { stalled: true }), ['Warning Stalled: NotOwned: What happened.']],
    [
      'that what failed is stalled now',
      failing,
      failed('AzureUnavailable', { stalled: true }),
      ['Warning Stalled: AzureUnavailable: What happened.'],
    ],
    ['nothing of what stays stalled', stalled, failed('NotOwned', { stalled: true }), []],
    ['a recovery', failing, { kind: 'succeeded' }, ['Normal Recovered: What failed before works: everything stands in Azure.']],
    ['a recovery in grace', inGrace, { kind: 'succeeded' }, ['Normal Recovered: What failed before works: everything stands in Azure.']],
    [
      'a recovery of a stalled one',
      stalled,
      { kind: 'succeeded' },
      ['Normal Recovered: What failed before works: everything stands in Azure.'],
    ],
    [
      'that it is suspended',
      ready,
      { kind: 'suspended' },
      ['Normal Suspended: spec.suspend is true: nothing is read or written in Azure.'],
    ],
    [
      'that the deletion is blocked',
      ready,
      { kind: 'deletionFailed', reason: 'ResourceLocked', message: 'Locked.' },
      ['Warning DeletionBlocked: ResourceLocked: Locked.'],
    ],
    [
      'nothing of a deletion that stays blocked',
      statusOf(['Ready', 'False', 'ResourceLocked']),
      { kind: 'deletionFailed', reason: 'ResourceLocked', message: 'Locked.' },
      [],
    ],
  ])('%s', (_, before, outcome, expected) => {
    expect(told(before, outcome)).toEqual(expected);
  });

  it('nothing of a suspended object that stays as it is', () => {
    expect(announcements({ observedGeneration: 2 }, { observedGeneration: 2 }, { kind: 'suspended' }, [])).toEqual([]);
  });

  it('no recovery when only a prerequisite had been missing', () => {
    const lacking = statusOf(['Ready', 'True', 'Succeeded'], ['PrerequisitesMet', 'False', 'DependencyNotReady']);
    expect(told(lacking, { kind: 'succeeded' })).toEqual([]);
  });
});

describe('changes in Azure', () => {
  const id = '/subscriptions/a/resourceGroups/g/providers/N.s/t/x';

  it.each<[string, readonly Action[], readonly string[]]>([
    ['made', [{ verb: 'Created', part: 'ActionGroup', target: id }], [`Normal CreatedActionGroup: Created the action group ${id}.`]],
    [
      'updated',
      [{ verb: 'Updated', part: 'AlertRule', target: id, differences: [{ field: 'severity', is: '3', should: '1' }] }],
      [`Normal UpdatedAlertRule: Updated the alert rule ${id} (severity: 3 → 1).`],
    ],
    ['deleted', [{ verb: 'Deleted', part: 'AlertRule', target: id }], [`Normal DeletedAlertRule: Deleted the alert rule ${id}.`]],
    [
      'put right',
      [{ verb: 'DriftCorrected', part: 'AlertRule', target: id, differences: [{ field: 'enabled', is: 'false', should: 'true' }] }],
      [
        `Normal DriftCorrected: Somebody had changed the alert rule ${id} (enabled: false → true): put right. Azure itself switches off a rule whose query has failed for a week.`,
      ],
    ],
    [
      'made again',
      [{ verb: 'DriftCorrected', part: 'AlertRule', target: id }],
      [`Normal DriftCorrected: The alert rule ${id} was missing and was made again.`],
    ],
    [
      'done alike at two scopes, in one sentence',
      [
        { verb: 'Created', part: 'ReaderAccess', target: '/a' },
        { verb: 'Created', part: 'ReaderAccess', target: '/b' },
      ],
      ['Normal CreatedReaderAccess: Created the Reader assignment at /a and /b.'],
    ],
    [
      'of different kinds, each for itself',
      [
        { verb: 'Created', part: 'ActionGroup', target: '/a' },
        { verb: 'Created', part: 'AlertRule', target: '/b' },
      ],
      ['Normal CreatedActionGroup: Created the action group /a.', 'Normal CreatedAlertRule: Created the alert rule /b.'],
    ],
  ])('are told when %s', (_, actions, expected) => {
    expect(told(ready, { kind: 'succeeded' }, actions)).toEqual(expected);
  });

  it('are told before what became of the run', () => {
    const reasons = announcements(ready, {}, failed('Busy'), [{ verb: 'Created', part: 'ActionGroup', target: id }]).map(
      ({ reason }) => reason,
    );
    expect(reasons).toEqual(['CreatedActionGroup', 'ReconcileFailed']);
  });

  it('never show an address that is called, which may hold a key, nor a ticket', () => {
    const [message] = told(ready, { kind: 'succeeded' }, [
      {
        verb: 'DriftCorrected',
        part: 'ActionGroup',
        target: id,
        differences: [
          { field: 'receivers.webhook[hook].serviceUri', is: 'https://x/?key=old', should: 'https://x/?key=new' },
          { field: 'receivers.webhook[hook].useCommonAlertSchema', is: 'false', should: 'true' },
          { field: 'receivers.logicApp[flow].callbackUrl', is: 'https://x/?key=old', should: '(absent)' },
          { field: 'receivers.azureFunction[f].httpTriggerUrl', is: '(absent)', should: 'https://x/?key=new' },
          { field: 'receivers.automationRunbook[a\nb].serviceUri', is: 'https://x/?key=old', should: 'https://x/?key=new' },
          { field: 'receivers.itsm[i].ticketConfiguration', is: '{"key":"x/?key=1"}', should: '{}' },
          { field: 'receivers.sms[duty].phoneNumber', is: '1', should: '2' },
          { field: 'receivers.email[Team].address', is: 'a@contoso.com', should: 'b@contoso.com' },
        ],
      },
    ]);
    expect(message).toContain(
      '(receivers.webhook[hook].serviceUri; receivers.webhook[hook].useCommonAlertSchema: false → true; receivers.logicApp[flow].callbackUrl; receivers.azureFunction[f].httpTriggerUrl; receivers.automationRunbook[a\nb].serviceUri; receivers.itsm[i].ticketConfiguration; receivers.sms[duty].phoneNumber: 1 → 2; receivers.email[Team].address: a@contoso.com → b@contoso.com)',
    );
    expect(message).not.toContain('key=');
  });

  it('show long values cut, and on one line', () => {
    const [message] = told(ready, { kind: 'succeeded' }, [
      { verb: 'Updated', part: 'AlertRule', target: id, differences: [{ field: 'query', is: `a\n${'b'.repeat(100)}`, should: 'c' }] },
    ]);
    expect(message).toContain(`(query: a ${'b'.repeat(57)}… → c)`);
  });
});
