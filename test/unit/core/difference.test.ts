import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ActionGroupResource, ScheduledQueryRuleResource } from '@azure/arm-monitor';
import { fromAzure as groupFromAzure, toAzure as groupToAzure } from '../../../src/azure/action-groups.ts';
import { fromAzure as ruleFromAzure, toAzure as ruleToAzure } from '../../../src/azure/alert-rules.ts';
import { desiredActionGroup, type ActionGroup } from '../../../src/core/action-group.ts';
import { desiredAlertRule } from '../../../src/core/alert-rule.ts';
import { decide, refusal } from '../../../src/core/decide.ts';
import { actionGroupDifference, alertRuleDifference, unchangeable } from '../../../src/core/difference.ts';
import { specWith, subscriptionId } from '../../support/notification.ts';

const owner = { installationId: 'test', namespace: 'platform', name: 'prod' };
const cluster = { subscriptionId, resourceGroup: 'shop', type: 'Microsoft.ContainerService/managedClusters', name: 'prod' };
const place = { subscriptionId, resourceGroup: 'shop' };
const spec = specWith({
  receivers: {
    email: [{ address: 'a@contoso.com' }, { address: 'b@contoso.com', name: 'Second' }],
    webhook: [{ name: 'hook', serviceUri: 'https://example.com/Path?key=Secret' }],
    armRole: [{ name: 'owners', roleId: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635' }],
  },
  alertRule: { customProperties: { team: 'blue' }, emailSubject: 'Maintenance', evaluationFrequency: '1h' },
  tags: { Cost: '1' },
});
const group = desiredActionGroup(spec, owner, place, 'prod') as ActionGroup;
const rule = desiredAlertRule({
  spec,
  owner,
  cluster,
  place,
  location: 'westeurope',
  actionGroupIds: [group.id, `${group.id}-2`],
});

/** What the service would have of our rule, changed; and how that differs from what we want. */
const ruleSeen = (change: (rule: ScheduledQueryRuleResource) => ScheduledQueryRuleResource, foreign: 'differ' | 'ignored' = 'ignored') =>
  alertRuleDifference(rule, ruleFromAzure(change(ruleToAzure(rule)), rule.id).rule, foreign);
const groupSeen = (change: (group: ActionGroupResource) => ActionGroupResource, foreign: 'differ' | 'ignored' = 'ignored') =>
  actionGroupDifference(group, groupFromAzure(change(groupToAzure(group)), group.id), foreign);

const condition = (seen: ScheduledQueryRuleResource) => seen.criteria!.allOf![0]!;
const inCondition = (seen: ScheduledQueryRuleResource, change: object): ScheduledQueryRuleResource => ({
  ...seen,
  criteria: { allOf: [{ ...condition(seen), ...change }] },
});

const without =
  <Thing extends object>(field: keyof Thing) =>
  (seen: Thing): Thing =>
    Object.fromEntries(Object.entries(seen).filter(([name]) => name !== field)) as Thing;

describe('an alert rule as Azure may give it back', () => {
  it.each<[string, (seen: ScheduledQueryRuleResource) => ScheduledQueryRuleResource]>([
    ['just as it was sent', (seen) => seen],
    [
      'ids in other letter case',
      (seen) => ({
        ...seen,
        scopes: seen.scopes!.map((id) => id.toLowerCase()),
        actions: { ...seen.actions, actionGroups: seen.actions!.actionGroups!.map((id) => id.toUpperCase()) },
      }),
    ],
    [
      'the action groups in another order',
      (seen) => ({ ...seen, actions: { ...seen.actions, actionGroups: seen.actions!.actionGroups!.toReversed() } }),
    ],
    ['PT60M for PT1H', (seen) => ({ ...seen, evaluationFrequency: 'PT60M', windowSize: 'PT3600S' })],
    ['a number with a fraction', (seen) => inCondition(seen, { threshold: JSON.parse('0.0') as number })],
    [
      'words in other letter case',
      (seen) => ({ ...inCondition(seen, { operator: 'greaterthan', timeAggregation: 'COUNT' }), kind: 'logAlert' }),
    ],
    ['without the kind', without('kind')],
    ['without enabled, whose default is true', without('enabled')],
    ['the location spelled for people', (seen) => ({ ...seen, location: 'West Europe' })],
    ['an extra line end behind the query', (seen) => inCondition(seen, { query: `${condition(seen).query ?? ''}\n` })],
    ['dimensions in another order', (seen) => inCondition(seen, { dimensions: condition(seen).dimensions!.toReversed() })],
    [
      'the identity type in other letter case',
      (seen) => Object.assign({}, seen, { identity: { type: 'systemAssigned', principalId: 'p', tenantId: 't' } }),
    ],
    [
      'read-only and unknown fields',
      (seen) => Object.assign({}, seen, { etag: 'x', systemData: { createdBy: 'x' }, createdWithApiVersion: 'x', future: 1 }),
    ],
    ['our tag’s name in other letter case', (seen) => ({ ...seen, tags: { ...seen.tags, 'AKS-NOTIFIER-OWNER': 'test/platform/prod' } })],
    ['a tag of Azure Policy', (seen) => ({ ...seen, tags: { ...seen.tags, 'created-by': 'policy' } })],
  ])('is no drift: %s', (_, change) => {
    expect(ruleSeen(change)).toEqual([]);
  });

  it.each<[string, string, (seen: ScheduledQueryRuleResource) => ScheduledQueryRuleResource]>([
    ['enabled', 'false → true', (seen) => ({ ...seen, enabled: false })],
    ['severity', '0 → 3', (seen) => ({ ...seen, severity: 0 })],
    ['evaluationFrequency', '5m → 60m', (seen) => ({ ...seen, evaluationFrequency: 'PT5M' })],
    ['evaluationFrequency', 'NaNm → 60m', (seen) => ({ ...seen, evaluationFrequency: 'soon' })],
    ['windowSize', '30m → 60m', (seen) => ({ ...seen, windowSize: 'PT30M' })],
    ['displayName', 'x → AKS maintenance of prod', (seen) => ({ ...seen, displayName: 'x' })],
    ['autoMitigate', 'true → false', (seen) => ({ ...seen, autoMitigate: true })],
    ['autoMitigate', 'true → false', without('autoMitigate')],
    // Somebody who mutes a rule takes notices away without a trace.
    ['muteActionsDuration', '1440m → 0m', (seen) => ({ ...seen, muteActionsDuration: 'P1D' })],
    ['identity', 'none → systemassigned', without('identity')],
    ['threshold', '1 → 0', (seen) => inCondition(seen, { threshold: 1 })],
    ['operator', 'lessthan → greaterthan', (seen) => inCondition(seen, { operator: 'LessThan' })],
    ['timeAggregation', 'total → count', (seen) => inCondition(seen, { timeAggregation: 'Total' })],
    [
      'failingPeriods',
      '2 of 3 → 1 of 1',
      (seen) => inCondition(seen, { failingPeriods: { minFailingPeriodsToAlert: 2, numberOfEvaluationPeriods: 3 } }),
    ],
    ['emailSubject', '(absent) → Maintenance', (seen) => ({ ...seen, actions: { ...seen.actions, actionProperties: {} } })],
    ['customProperties.team', 'red → blue', (seen) => ({ ...seen, actions: { ...seen.actions, customProperties: { team: 'red' } } })],
    [
      'customProperties.extra',
      '1 → (absent)',
      (seen) => ({ ...seen, actions: { ...seen.actions, customProperties: { team: 'blue', extra: '1' } } }),
    ],
    ['tags.cost', '2 → 1', (seen) => ({ ...seen, tags: { ...seen.tags, Cost: '2' } })],
    ['location', 'northeurope → westeurope', (seen) => ({ ...seen, location: 'northeurope' })],
    ['kind', 'logtometric → logalert', (seen) => ({ ...seen, kind: 'LogToMetric' })],
  ])('is drift, named by its field: %s, %s', (field, words, change) => {
    expect(ruleSeen(change).map(({ field: name, is, should }) => [name, `${is} → ${should}`])).toEqual([[field, words]]);
  });

  it.each<[string, (seen: ScheduledQueryRuleResource) => ScheduledQueryRuleResource]>([
    ['query', (seen) => inCondition(seen, { query: 'AzureActivity' })],
    ['dimensions', (seen) => inCondition(seen, { dimensions: [] })],
    ['actionGroups', (seen) => ({ ...seen, actions: { ...seen.actions, actionGroups: [] } })],
    ['scopes', (seen) => ({ ...seen, scopes: [`${seen.scopes![0]}-2`] })],
    ['description', without('description')],
  ])('is drift when another hand changed its %s', (field, change) => {
    expect(ruleSeen(change).map((each) => each.field)).toEqual([field]);
  });

  it('is nearly all drift when nothing of it is left, and no crash', () => {
    expect(ruleSeen(() => ({ location: 'westeurope' })).length).toBeGreaterThan(10);
  });

  it('has to be made anew when scope or location differ, and only then', () => {
    const fields = ['scopes', 'location', 'severity', 'query', 'identity', 'kind'];
    expect(unchangeable(fields.map((field) => ({ field, is: 'a', should: 'b' })))).toEqual(['scopes', 'location']);
  });
});

describe('an action group as Azure may give it back', () => {
  it.each<[string, (seen: ActionGroupResource) => ActionGroupResource]>([
    ['just as it was sent', (seen) => seen],
    ['receivers in another order', (seen) => ({ ...seen, emailReceivers: seen.emailReceivers!.toReversed() })],
    [
      'a status on each receiver',
      (seen) => ({ ...seen, emailReceivers: seen.emailReceivers!.map((each) => Object.assign({}, each, { status: 'Disabled' })) }),
    ],
    ['every other list, empty', (seen) => ({ ...seen, smsReceivers: [], voiceReceivers: [], itsmReceivers: [], eventHubReceivers: [] })],
    [
      'names of receivers and roles in other letter case',
      (seen) => ({
        ...seen,
        emailReceivers: seen.emailReceivers!.map((each) =>
          Object.assign({}, each, {
            name: each.name.toUpperCase(),
            emailAddress: each.emailAddress.toUpperCase(),
          }),
        ),
        armRoleReceivers: seen.armRoleReceivers!.map((each) => Object.assign({}, each, { roleId: each.roleId.toUpperCase() })),
      }),
    ],
    ['its id with the subscription in upper case', (seen) => Object.assign({}, seen, { id: group.id.toUpperCase() })],
    ['location spelled in other letter case', (seen) => ({ ...seen, location: 'global' })],
  ])('is no drift: %s', (_, change) => {
    expect(groupSeen(change)).toEqual([]);
  });

  it.each<[string, string, (seen: ActionGroupResource) => ActionGroupResource]>([
    ['enabled', 'false → true', (seen) => ({ ...seen, enabled: false })],
    ['shortName', 'x → prod', (seen) => ({ ...seen, groupShortName: 'x' })],
    [
      'receivers.email[second].address',
      'c@contoso.com → b@contoso.com',
      (seen) => ({ ...seen, emailReceivers: [seen.emailReceivers![0]!, { ...seen.emailReceivers![1]!, emailAddress: 'c@contoso.com' }] }),
    ],
    [
      'receivers.email[second].useCommonAlertSchema',
      'false → true',
      (seen) => ({ ...seen, emailReceivers: [seen.emailReceivers![0]!, { ...seen.emailReceivers![1]!, useCommonAlertSchema: false }] }),
    ],
    [
      'receivers.sms[duty]',
      'present → (absent)',
      (seen) => ({ ...seen, smsReceivers: [{ name: 'Duty', countryCode: '49', phoneNumber: '1' }] }),
    ],
    [
      'receivers.webhook[hook].serviceUri',
      'https://example.com/path?key=Secret → https://example.com/Path?key=Secret',
      (seen) => ({ ...seen, webhookReceivers: [{ ...seen.webhookReceivers![0]!, serviceUri: 'https://example.com/path?key=Secret' }] }),
    ],
  ])('is drift, named by its field: %s, %s', (field, words, change) => {
    expect(groupSeen(change).map(({ field: name, is, should }) => [name, `${is} → ${should}`])).toEqual([[field, words]]);
  });

  it('is drift when a receiver is gone, or one more is there', () => {
    expect(groupSeen((seen) => ({ ...seen, emailReceivers: seen.emailReceivers!.slice(1) }))).toEqual([
      { field: 'receivers.email[a@contoso.com]', is: '(absent)', should: 'present' },
    ]);
    const more = { name: 'more', emailAddress: 'm@contoso.com' };
    expect(groupSeen((seen) => ({ ...seen, emailReceivers: [...seen.emailReceivers!, more] }))).toEqual([
      { field: 'receivers.email[more]', is: 'present', should: '(absent)' },
    ]);
  });
});

describe('tags', () => {
  const bare = desiredActionGroup(specWith({}), owner, place, 'prod') as ActionGroup;
  const tagged = (tags: ActionGroupResource['tags'] | null) =>
    groupFromAzure({ ...groupToAzure(bare), tags } as ActionGroupResource, bare.id);

  it.each([undefined, null, {}])('that come back as %j miss only ours', (tags) => {
    expect(actionGroupDifference(bare, tagged(tags), 'differ').map(({ field }) => field)).toEqual(['tags.aks-notifier-owner']);
  });

  it('of others count while a new spec is carried out, and not afterwards', () => {
    const observed = tagged({ 'aks-notifier-owner': 'test/platform/prod', old: '1' });
    expect(actionGroupDifference(bare, observed, 'differ')).toEqual([{ field: 'tags.old', is: '1', should: '(absent)' }]);
    expect(actionGroupDifference(bare, observed, 'ignored')).toEqual([]);
  });
});

describe('differences', () => {
  it('are named in one order, whatever the order of Azure’s lists', () => {
    const many = (seen: ActionGroupResource): ActionGroupResource => ({ ...seen, enabled: false, groupShortName: 'x', emailReceivers: [] });
    const fields = groupSeen(many).map(({ field }) => field);
    expect(fields).toEqual(fields.toSorted());
  });

  it('are none between any receivers and the same ones shuffled', () => {
    const receiver = fc.record({
      name: fc.stringMatching(/^[a-z]{1,8}$/),
      emailAddress: fc.emailAddress(),
      useCommonAlertSchema: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc
          .uniqueArray(receiver, { selector: ({ name }) => name, maxLength: 8 })
          .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([one, other]) => {
          const left = groupFromAzure({ ...groupToAzure(group), emailReceivers: one }, group.id);
          const right = groupFromAzure({ ...groupToAzure(group), emailReceivers: other }, group.id);
          expect(actionGroupDifference(left, right, 'differ')).toEqual([]);
        },
      ),
    );
  });
});

describe('a decision', () => {
  const ours = { tags: { 'aks-notifier-owner': 'test/platform/prod' } };
  const difference = (field: string) => [{ field, is: 'a', should: 'b' }];

  it.each([
    ['creates what is not there', undefined, [], { kind: 'create' }],
    ['keeps what is as it should be', ours, [], { kind: 'keep' }],
    ['updates what differs', ours, difference('severity'), { kind: 'update', differences: difference('severity'), adopts: false }],
    [
      'replaces what Azure never changes',
      ours,
      difference('scopes'),
      { kind: 'replace', differences: difference('scopes'), adopts: false },
    ],
    ['refuses what has no tag', { tags: {} }, difference('severity'), { kind: 'refuse', owner: undefined, unchangeable: [] }],
    ['refuses what is another’s', { tags: { 'Aks-Notifier-Owner': 'x/y/z' } }, [], { kind: 'refuse', owner: 'x/y/z', unchangeable: [] }],
  ])('%s', (_, observed, differences, expected) => {
    expect(decide(observed, differences, owner, false)).toEqual(expected);
  });

  it.each([
    ['what has no tag', { tags: {} }],
    ['what is another’s', { tags: { 'aks-notifier-owner': 'x/y/z' } }],
  ])('takes over %s, if it may and need not delete it', (_, observed) => {
    const differences = difference('tags.aks-notifier-owner');
    expect(decide(observed, differences, owner, true)).toEqual({ kind: 'update', differences, adopts: true });
    expect(decide(observed, [...differences, ...difference('scopes')], owner, true)).toMatchObject({
      kind: 'refuse',
      unchangeable: ['scopes'],
    });
  });

  it('that refuses says what, whose it is, and how to hand it over', () => {
    const id = '/subscriptions/a/resourceGroups/g/providers/N.s/t/x';
    const told = (decision: Partial<Parameters<typeof refusal>[0]['decision']>, adopting = false, where = id): string =>
      refusal({
        what: 'alert rule',
        id: where,
        decision: { kind: 'refuse', owner: undefined, unchangeable: [], ...decision },
        owner,
        adopting,
      });
    expect(told({ owner: 'x/y/z' })).toBe(
      `The alert rule ${id} exists and is not ours (its tag aks-notifier-owner says x/y/z), so it was left as it is. ` +
        `Delete it, or let it be taken over with spec.conflictPolicy: Adopt, or hand it over: az tag update --operation Merge --resource-id ${id} --tags aks-notifier-owner=test/platform/prod.`,
    );
    expect(told({})).toContain('(it has no tag aks-notifier-owner)');
    expect(told({}, true)).toContain('Delete it, or hand it over: az tag');
    expect(told({ unchangeable: ['location', 'scopes'] })).toMatch(
      /since its location and scopes differ, which Azure never changes: delete it yourself\.$/,
    );
    expect(told({}, false, '/subscriptions/a/resourceGroups/g(1)/x')).toContain(
      "--resource-id '/subscriptions/a/resourceGroups/g(1)/x' --tags",
    );
  });
});
