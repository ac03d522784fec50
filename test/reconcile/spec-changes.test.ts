import { afterEach, describe, expect, it } from 'vitest';
import type { MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import { minimalSpec, specWith } from '../support/notification.ts';
import { oneChangeOfEach, oneOfEach, oneOfEachInAzure } from '../support/receivers.ts';
import { clusterId, otherSubscriptionId, shop, startBench, subscription, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

/** Every field of everything in Azure, as `alertRule.properties.severity` → `3`, but for what changes with each write. */
const fields = (): ReadonlyMap<string, string> => {
  const flat = new Map<string, string>();
  const walk = (path: string, value: unknown): void => {
    if (/\.(?:etag|systemData|updatedOn|createdOn)$/.test(path)) return;
    if (typeof value === 'object' && value !== null) for (const [name, each] of Object.entries(value)) walk(`${path}.${name}`, each);
    else flat.set(path, String(value));
  };
  const { actionGroups, alertRules, roleAssignments } = bench.emulator.resources();
  for (const each of actionGroups) walk('group', each);
  for (const each of alertRules) walk('rule', each);
  for (const { isSeed, properties } of roleAssignments) {
    const { scope } = properties as { readonly scope: string };
    if (!isSeed) walk(`reader at ${scope}`, { there: true });
  }
  return flat;
};

/** What differs, each as `field: before → after`. */
const changes = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] =>
  [...new Set([...before.keys(), ...after.keys()])]
    .filter((field) => before.get(field) !== after.get(field))
    .map((field) => `${field}: ${before.get(field) ?? '–'} → ${after.get(field) ?? '–'}`)
    .toSorted();

const putGroup = 'PUT actionGroups 200';
const putRule = 'PUT scheduledQueryRules 200';
const putReader = 'PUT roleAssignments 201';
const removeReader = 'DELETE roleAssignments 200';
const groupProperties = 'group.properties';
const ruleProperties = 'rule.properties';
const hook = { name: 'hook', serviceUri: 'https://example.com/a' };
const owners = { name: 'owners', roleId: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635' };
const people = { email: [{ address: 'oncall@contoso.com' }] };
const query =
  (change: (text: string) => string) =>
  (text: string | undefined): string =>
    change(text ?? '');

interface Row {
  readonly name: string;
  readonly from?: Partial<MaintenanceNotificationSpec>;
  readonly to: Partial<MaintenanceNotificationSpec>;
  readonly writes: readonly string[];
  /** What is different in Azure afterwards; the query is looked at by `query`. */
  readonly changes: readonly string[];
  readonly query?: (text: string | undefined) => string;
}

/** The kind that is wanted is looked for first. */
const nodesFirst = (text: string): string =>
  text.replace(/(?<=upgradeType = case\().*(?=\))/, (inside) => {
    const [first, kind, second, otherKind, ...rest] = inside.split(', ');
    const swapped = [second, otherKind, first, kind, rest[2], rest[3], rest[0], rest[1], rest[6], rest[7], rest[4], rest[5], rest[8]];
    return swapped.join(', ');
  });

/** A receiver of every kind is added, changed and removed, among one of every kind. */
const ofEveryKind: readonly Row[] = oneChangeOfEach.flatMap(({ kind, list, field, azureField = field, to }): readonly Row[] => {
  const { [kind]: _, ...others } = oneOfEach;
  const from = { receivers: oneOfEach };
  const entry: Readonly<Record<string, unknown>> = oneOfEachInAzure[list][0];
  const entries = Object.entries(['emailReceivers', 'smsReceivers'].includes(list) ? { ...entry, status: 'Enabled' } : entry);
  const path = `${groupProperties}.${list}.0`;
  const lines = (line: (property: string, value: unknown) => string): readonly string[] =>
    entries.map(([property, value]) => line(`${path}.${property}`, value)).toSorted();
  return [
    {
      name: `the first ${kind} receiver`,
      from: { receivers: others },
      to: from,
      writes: [putGroup],
      changes: lines((property, value) => `${property}: – → ${String(value)}`),
    },
    {
      name: `${field} of the ${kind} receiver`,
      from,
      to: { receivers: { ...oneOfEach, [kind]: [Object.assign({}, oneOfEach[kind][0], { [field]: to })] } },
      writes: [putGroup],
      changes: [`${path}.${azureField}: ${String(entry[azureField])} → ${String(to)}`],
    },
    {
      name: `no ${kind} receiver any more`,
      from,
      to: { receivers: others },
      writes: [putGroup],
      changes: lines((property, value) => `${property}: ${String(value)} → –`),
    },
  ];
});

const { tenantId: __, ...hubWithoutTenant } = oneOfEach.eventHub[0];

const rows: readonly Row[] = [
  ...ofEveryKind,
  {
    name: 'the tenant of an event hub, no longer said',
    from: { receivers: oneOfEach },
    to: { receivers: { ...oneOfEach, eventHub: [hubWithoutTenant] } },
    writes: [],
    changes: [],
  },
  {
    name: 'upgradeTypes',
    to: { upgradeTypes: ['NodeOSUpgrade'] },
    writes: [putRule],
    changes: [],
    query: query((text) =>
      nodesFirst(text).replace('| where (updated', '| where upgradeType !in~ ("K8sVersionUpgrade")\n| where (updated'),
    ),
  },
  {
    name: 'statuses',
    to: { statuses: ['Failed'] },
    writes: [putRule],
    changes: [],
    query: query((text) =>
      text.replace('| where (updated', '| where status !in~ ("Scheduled", "Started", "Completed", "Canceled")\n| where (updated'),
    ),
  },
  {
    name: 'a mail receiver, added',
    to: { receivers: { email: [...people.email, { address: 'boss@contoso.com', name: 'boss', useCommonAlertSchema: false }] } },
    writes: [putGroup],
    changes: [
      `${groupProperties}.emailReceivers.1.emailAddress: – → boss@contoso.com`,
      `${groupProperties}.emailReceivers.1.name: – → boss`,
      `${groupProperties}.emailReceivers.1.status: – → Enabled`,
      `${groupProperties}.emailReceivers.1.useCommonAlertSchema: – → false`,
    ],
  },
  {
    name: 'a mail receiver, changed',
    from: { receivers: { email: [{ address: 'a@contoso.com', name: 'a' }] } },
    to: { receivers: { email: [{ address: 'b@contoso.com', name: 'a' }] } },
    writes: [putGroup],
    changes: [`${groupProperties}.emailReceivers.0.emailAddress: a@contoso.com → b@contoso.com`],
  },
  {
    name: 'a mail receiver, removed',
    from: { receivers: { email: [{ address: 'a@contoso.com' }], webhook: [hook] } },
    to: { receivers: { webhook: [hook] } },
    writes: [putGroup],
    changes: [
      `${groupProperties}.emailReceivers.0.emailAddress: a@contoso.com → –`,
      `${groupProperties}.emailReceivers.0.name: a@contoso.com → –`,
      `${groupProperties}.emailReceivers.0.status: Enabled → –`,
      `${groupProperties}.emailReceivers.0.useCommonAlertSchema: true → –`,
    ],
  },
  {
    name: 'a webhook, added',
    to: { receivers: { ...people, webhook: [hook] } },
    writes: [putGroup],
    changes: [
      `${groupProperties}.webhookReceivers.0.name: – → hook`,
      `${groupProperties}.webhookReceivers.0.serviceUri: – → https://example.com/a`,
      `${groupProperties}.webhookReceivers.0.useCommonAlertSchema: – → true`,
    ],
  },
  {
    name: 'a webhook, changed in letter case only',
    from: { receivers: { webhook: [hook] } },
    to: { receivers: { webhook: [{ ...hook, serviceUri: 'https://example.com/A' }] } },
    writes: [putGroup],
    changes: [`${groupProperties}.webhookReceivers.0.serviceUri: https://example.com/a → https://example.com/A`],
  },
  {
    name: 'a role, added',
    to: { receivers: { ...people, armRole: [owners] } },
    writes: [putGroup],
    changes: [
      `${groupProperties}.armRoleReceivers.0.name: – → owners`,
      `${groupProperties}.armRoleReceivers.0.roleId: – → ${owners.roleId}`,
      `${groupProperties}.armRoleReceivers.0.useCommonAlertSchema: – → true`,
    ],
  },
  {
    name: 'a role, removed',
    from: { receivers: { ...people, armRole: [owners] } },
    to: { receivers: people },
    writes: [putGroup],
    changes: [
      `${groupProperties}.armRoleReceivers.0.name: owners → –`,
      `${groupProperties}.armRoleReceivers.0.roleId: ${owners.roleId} → –`,
      `${groupProperties}.armRoleReceivers.0.useCommonAlertSchema: true → –`,
    ],
  },
  {
    name: 'the order of receivers, which means nothing',
    from: { receivers: { email: [{ address: 'a@contoso.com' }, { address: 'b@contoso.com' }] } },
    to: { receivers: { email: [{ address: 'b@contoso.com' }, { address: 'a@contoso.com' }] } },
    writes: [],
    changes: [],
  },
  {
    name: 'shortName',
    to: { receivers: { ...people, shortName: 'ops' } },
    writes: [putGroup],
    changes: [`${groupProperties}.groupShortName: prod → ops`],
  },
  { name: 'severity', to: { alertRule: { severity: 0 } }, writes: [putRule], changes: [`${ruleProperties}.severity: 3 → 0`] },
  {
    name: 'evaluationFrequency',
    to: { alertRule: { evaluationFrequency: '5m' } },
    writes: [putRule],
    changes: [`${ruleProperties}.evaluationFrequency: PT30M → PT5M`, `${ruleProperties}.windowSize: PT30M → PT5M`],
    query: query((text) => text.replaceAll('ago(63m)', 'ago(36m)')),
  },
  {
    name: 'settlingTime',
    to: { alertRule: { settlingTime: '1h' } },
    writes: [putRule],
    changes: [],
    query: query((text) => text.replaceAll('ago(63m)', 'ago(93m)').replaceAll('ago(30m)', 'ago(60m)')),
  },
  {
    name: 'overlap',
    to: { alertRule: { overlap: '0m' } },
    writes: [putRule],
    changes: [],
    query: query((text) => text.replaceAll('ago(63m)', 'ago(60m)')),
  },
  {
    name: 'displayName',
    to: { alertRule: { displayName: 'Name' } },
    writes: [putRule],
    changes: [`${ruleProperties}.displayName: AKS maintenance of prod → Name`],
  },
  {
    name: 'description',
    from: { alertRule: { description: 'Before' } },
    to: { alertRule: { description: 'After' } },
    writes: [putRule],
    changes: [`${ruleProperties}.description: Before → After`],
  },
  {
    name: 'emailSubject',
    to: { alertRule: { emailSubject: 'Maintenance' } },
    writes: [putRule],
    changes: [`${ruleProperties}.actions.actionProperties.Email.Subject: AKS maintenance of prod in shop → Maintenance`],
  },
  {
    name: 'emailSubject, taken away',
    from: { alertRule: { emailSubject: 'Maintenance' } },
    to: {},
    writes: [putRule],
    changes: [`${ruleProperties}.actions.actionProperties.Email.Subject: Maintenance → AKS maintenance of prod in shop`],
  },
  {
    name: 'customProperties',
    from: { alertRule: { customProperties: { a: '1', b: '2' } } },
    to: { alertRule: { customProperties: { b: '3', c: '4' } } },
    writes: [putRule],
    changes: [
      `${ruleProperties}.actions.customProperties.a: 1 → –`,
      `${ruleProperties}.actions.customProperties.b: 2 → 3`,
      `${ruleProperties}.actions.customProperties.c: – → 4`,
    ],
  },
  {
    name: 'a tag, added',
    to: { tags: { team: 'blue' } },
    writes: [putGroup, putRule],
    changes: ['group.tags.team: – → blue', 'rule.tags.team: – → blue'],
  },
  {
    name: 'a tag, changed and another removed',
    from: { tags: { team: 'blue', cost: '1' } },
    to: { tags: { team: 'red' } },
    writes: [putGroup, putRule],
    changes: ['group.tags.cost: 1 → –', 'group.tags.team: blue → red', 'rule.tags.cost: 1 → –', 'rule.tags.team: blue → red'],
  },
  {
    name: 'readerScopes, one more',
    from: { readerScopes: ['ResourceGroup'] },
    to: { readerScopes: ['ResourceGroup', 'Cluster'] },
    writes: [putReader],
    changes: [`reader at ${clusterId}.there: – → true`],
  },
  {
    name: 'readerScopes, one less',
    to: { readerScopes: ['ResourceGroup'] },
    writes: [removeReader],
    changes: [`reader at ${subscription}.there: true → –`],
  },
  {
    name: 'readerScopes, another one: the new comes before the old goes',
    from: { readerScopes: ['Subscription'] },
    to: { readerScopes: ['Cluster'] },
    writes: [putReader, removeReader],
    changes: [`reader at ${subscription}.there: true → –`, `reader at ${clusterId}.there: – → true`],
  },
  {
    name: 'readerScopes, none',
    to: { readerScopes: [] },
    writes: [removeReader, removeReader],
    changes: [`reader at ${shop}.there: true → –`, `reader at ${subscription}.there: true → –`].toSorted(),
  },
  {
    name: 'placement, named as it is already',
    to: { placement: { resourceGroup: 'SHOP', location: 'West Europe' } },
    writes: [],
    changes: [],
  },
  { name: 'identity, named as it is already', to: { identity: { type: 'SystemAssigned' } }, writes: [], changes: [] },
  { name: 'deletionPolicy', to: { deletionPolicy: 'Orphan' }, writes: [], changes: [] },
  { name: 'interval', to: { interval: '1h' }, writes: [], changes: [] },
];

describe('a change of the spec', () => {
  it.each(rows)('makes exactly the calls that it needs: $name', async ({ from, to, writes, changes: expected, query: changed }) => {
    bench = await startBench();
    await bench.settle(specWith(from ?? {}));
    const before = new Map(fields());
    bench.apply(specWith(to));
    await bench.run();
    const after = new Map(fields());
    const queryField = `${ruleProperties}.criteria.allOf.0.query`;
    const lines = (text: string | undefined): readonly string[] => (text ?? '').split('\n').toSorted();
    expect(lines(after.get(queryField))).toEqual(lines(changed ? changed(before.get(queryField)) : before.get(queryField)));
    before.delete(queryField);
    after.delete(queryField);
    expect(changes(before, after)).toEqual(expected);
    expect(bench.azureWrites()).toEqual(writes);
    expect(bench.object().status?.observedGeneration).toBe(2);
    expect(bench.events.filter((event) => event.includes('DriftCorrected'))).toEqual([]);

    bench.forget();
    await bench.run();
    expect([...bench.azureWrites(), ...bench.kubernetesWrites()]).toEqual([]);
  });

  it('takes two writes of the status: at work, and done', async () => {
    bench = await startBench();
    await bench.settle();
    bench.apply(specWith({ alertRule: { severity: 0 } }));
    await bench.run();
    expect(bench.kubernetesWrites()).toEqual(['status', 'status']);
  });

  it('names in its event what was changed', async () => {
    bench = await startBench();
    await bench.settle();
    bench.apply(specWith({ alertRule: { severity: 0 } }));
    await bench.run();
    expect(bench.events).toEqual([
      `Normal UpdatedAlertRule: Updated the alert rule ${bench.object().status?.alertRuleId} (severity: 3 → 0).`,
    ]);
  });

  it('of actionGroupIds changes whom the rule calls, and never those groups', async () => {
    bench = await startBench();
    bench.apply(minimalSpec, 'other');
    await bench.run({ key: 'platform/other' });
    const foreign = bench.object('platform/other').status!.actionGroupId!;
    await bench.settle();
    const own = bench.object().status!.actionGroupId!;
    const called = (): unknown => {
      const rule = bench.emulator
        .resources()
        .alertRules.find(({ id }) => id.toLowerCase() === bench.object().status!.alertRuleId!.toLowerCase());
      return (rule!['properties'] as { actions: { actionGroups: unknown } }).actions.actionGroups;
    };

    bench.apply(specWith({ actionGroupIds: [foreign] }));
    await bench.run();
    expect(bench.azureWrites()).toEqual([putRule]);
    expect(called()).toEqual([own, foreign]);

    bench.forget();
    bench.apply({ clusterResourceId: clusterId, actionGroupIds: [foreign] });
    await bench.run();
    expect(bench.azureWrites()).toEqual([putRule, 'DELETE actionGroups 200']);
    expect(called()).toEqual([foreign]);
    expect(bench.object().status?.actionGroupId).toBeUndefined();
    expect(bench.emulator.resources().actionGroups).toHaveLength(1);

    bench.forget();
    bench.apply(minimalSpec);
    await bench.run();
    expect(bench.azureWrites()).toEqual(['PUT actionGroups 201', putRule]);
    expect(called()).toEqual([own]);
  });
});

describe('a move', () => {
  const places: readonly [string, NonNullable<MaintenanceNotificationSpec['placement']>, string][] = [
    ['another resource group', { resourceGroup: 'ops' }, `${subscription}/resourceGroups/ops`],
    [
      'another subscription',
      { subscriptionId: otherSubscriptionId, resourceGroup: 'alerts' },
      `/subscriptions/${otherSubscriptionId}/resourceGroups/alerts`,
    ],
  ];
  it.each(places)('to %s makes everything new before the old goes, in one run', async (_, placement, group) => {
    bench = await startBench();
    await bench.settle();
    const old = bench.object().status!;
    bench.apply(specWith({ placement }));
    await bench.run();
    expect(bench.azureWrites()).toEqual([
      'PUT actionGroups 201',
      'PUT scheduledQueryRules 201',
      putReader,
      putReader,
      removeReader,
      removeReader,
      'DELETE scheduledQueryRules 200',
      'DELETE actionGroups 200',
    ]);
    const { status } = bench.object();
    expect(status?.alertRuleId?.startsWith(`${group}/`)).toBe(true);
    expect(status?.actionGroupId?.startsWith(`${group}/`)).toBe(true);
    expect(status?.principalId).not.toBe(old.principalId);
    expect(status?.readerAssignments?.map(({ scope }) => scope)).toEqual([shop, subscription]);
    expect(status?.resources).toHaveLength(4);
    expect(bench.emulator.resources().alertRules).toHaveLength(1);
    expect(bench.emulator.resources().roleAssignments.filter(({ isSeed }) => !isSeed)).toHaveLength(2);
  });

  it('to another region makes the rule anew, with a new identity and new assignments', async () => {
    bench = await startBench();
    await bench.settle();
    bench.apply(specWith({ placement: { location: 'northeurope' } }));
    await bench.run();
    expect(bench.azureWrites()).toEqual([
      'DELETE scheduledQueryRules 200',
      'PUT scheduledQueryRules 201',
      putReader,
      putReader,
      removeReader,
      removeReader,
    ]);
    expect(bench.emulator.resources().alertRules[0]?.['location']).toBe('northeurope');
    expect(bench.events.some((event) => event.startsWith('Normal ReplacedAlertRule'))).toBe(true);
  });

  it('that fails half-way leaves the old things at work, and is finished by the next run', async () => {
    bench = await startBench();
    await bench.settle();
    bench.emulator.world.removeResourceGroup(subscription.split('/')[2]!, 'ops');
    bench.apply(specWith({ placement: { resourceGroup: 'ops' } }));
    await bench.run();
    expect(bench.object().status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ResourceGroupNotFound',
    });
    expect(bench.emulator.resources().alertRules).toHaveLength(1);
    bench.emulator.world.addResourceGroup(subscription.split('/')[2]!, { name: 'ops', location: 'westeurope' });
    await bench.run();
    expect(bench.emulator.resources().alertRules.map(({ id }) => id.includes('/ops/'))).toEqual([true]);
  });

  it('there and back before a run has seen it leaves everything as it was', async () => {
    bench = await startBench();
    await bench.settle();
    bench.apply(specWith({ placement: { resourceGroup: 'ops' } }));
    bench.apply(minimalSpec);
    await bench.run();
    expect(bench.azureWrites()).toEqual([]);
  });
});

describe('a suspended object', () => {
  it('is not looked at in Azure, and says so', async () => {
    bench = await startBench();
    bench.apply(specWith({ suspend: true }));
    expect(await bench.run()).toEqual({ kind: 'done' });
    expect(bench.lines().map(({ line }) => line)).toEqual(['status']);
    expect(bench.object().status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'Suspended',
    });
    expect(bench.events).toEqual(['Normal Suspended: spec.suspend is true: nothing is read or written in Azure.']);
  });

  it('keeps its status, observes edits without carrying them out, and carries them out afterwards', async () => {
    bench = await startBench();
    await bench.settle();
    bench.apply(specWith({ suspend: true, alertRule: { severity: 0 } }));
    await bench.run();
    expect(bench.azureCalls()).toEqual([]);
    expect(bench.object().status).toMatchObject({ observedGeneration: 2, conditions: [{ type: 'Ready', status: 'True' }, {}, {}, {}, {}] });
    await bench.run();
    expect(bench.kubernetesWrites()).toEqual(['status']);

    bench.forget();
    bench.apply(specWith({ alertRule: { severity: 0 } }));
    await bench.run();
    expect(bench.azureWrites()).toEqual([putRule]);
  });
});
