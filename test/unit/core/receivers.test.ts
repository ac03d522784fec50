import type { ActionGroupResource } from '@azure/arm-monitor';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromAzure, toAzure } from '../../../src/azure/action-groups.ts';
import { desiredActionGroup, type ActionGroup } from '../../../src/core/action-group.ts';
import { actionGroupDifference, driftedFields } from '../../../src/core/difference.ts';
import { allKinds, isConfidential, receiverKinds, receiversOf } from '../../../src/core/receivers.ts';
import { specWith, subscriptionId } from '../../support/notification.ts';
import { oneChangeOfEach, oneOfEach, oneOfEachInAzure } from '../../support/receivers.ts';

const owner = { installationId: 'test', namespace: 'platform', name: 'prod' };
const place = { subscriptionId, resourceGroup: 'shop' };
const desired = (receivers: object): ActionGroup => desiredActionGroup(specWith({ receivers }), owner, place, 'prod') as ActionGroup;
const group = desired(oneOfEach);

type Entry = Readonly<Record<string, unknown>>;
/** The body of our PUT with every receiver changed. */
const withEach = (change: (entry: Entry) => Entry): ActionGroupResource => {
  const body = toAzure(group) as unknown as Record<string, readonly Entry[]>;
  return Object.assign(
    {},
    body,
    Object.fromEntries(allKinds.map((kind) => [receiverKinds[kind].list, body[receiverKinds[kind].list]!.map(change)])),
  ) as unknown as ActionGroupResource;
};
const differencesOf = (seen: ActionGroupResource, wanted = group, foreign: 'differ' | 'ignored' = 'ignored') =>
  actionGroupDifference(wanted, fromAzure(seen, wanted.id), foreign);

describe('a receiver of every kind', () => {
  it('goes to Azure with all that the spec says of it', () => {
    expect(toAzure(group)).toEqual({
      location: 'Global',
      groupShortName: 'prod',
      enabled: true,
      tags: { 'aks-notifier-owner': 'test/platform/prod' },
      ...oneOfEachInAzure,
    });
  });

  it('leaves out what the spec does not say', () => {
    const { serviceUri: _, ...runbook } = oneOfEach.automationRunbook[0];
    const { tenantId: __, ...hub } = oneOfEach.eventHub[0];
    expect(receiversOf(specWith({ receivers: { automationRunbook: [runbook], eventHub: [hub] } }))).toEqual([
      { kind: 'automationRunbook', name: 'book', fields: expect.not.objectContaining({ serviceUri: expect.anything() }) },
      { kind: 'eventHub', name: 'hub', fields: expect.not.objectContaining({ tenantId: expect.anything() }) },
    ]);
  });

  it.each<[string, (entry: Entry) => Entry]>([
    ['just as it was sent', (entry) => entry],
    ['with its name in other letter case', (entry) => ({ ...entry, name: String(entry['name']).toUpperCase() })],
    ['with what is off said', (entry) => ({ ...entry, managedIdentity: 'None', useAadAuth: false })],
    [
      'with what it does not have as null',
      (entry) => ({ ...entry, managedIdentity: null, objectId: null, tenantId: entry['tenantId'] ?? null }),
    ],
    ['with a status', (entry) => ({ ...entry, status: 'Disabled' })],
    ['with fields of the future', (entry) => ({ ...entry, future: 1 })],
    [
      'with ids, words and names of things in other letter case',
      (entry) =>
        Object.fromEntries(
          Object.entries(entry).map(([field, value]) => [
            field,
            typeof value === 'string' && !/^(serviceUri|callbackUrl|httpTriggerUrl|ticketConfiguration)$/.test(field)
              ? value.toUpperCase()
              : value,
          ]),
        ),
    ],
    [
      'with its ticket written in another way',
      (entry) =>
        'ticketConfiguration' in entry
          ? { ...entry, ticketConfiguration: '{ "UseTemplate": false,\n "WorkItemType": "Incident", "PayloadRevision": 0 }' }
          : entry,
    ],
  ])('comes back without a difference: %s', (_, change) => {
    expect(differencesOf(withEach(change))).toEqual([]);
  });

  it.each(oneChangeOfEach)(
    'is different when another hand changed its $field: $kind',
    ({ kind, list, field, azureField = field, to, shown }) => {
      const seen = { ...toAzure(group), [list]: [{ ...oneOfEachInAzure[list][0], [azureField]: to }] };
      const [difference, ...others] = differencesOf(seen);
      expect(others).toEqual([]);
      expect(difference?.field).toBe(`receivers.${kind}[${oneOfEachInAzure[list][0].name.toLowerCase()}].${field}`);
      expect(isConfidential(difference!.field)).toBe(shown === undefined);
      expect([undefined, `${difference?.should} → ${difference?.is}`]).toContain(shown);
      expect(driftedFields([difference!])).toEqual([`receivers.${kind}.${field}`]);
    },
  );

  it.each(allKinds)('that is missing is named once, and one too many as well: %s', (kind) => {
    const { list } = receiverKinds[kind];
    const field = `receivers.${kind}[${oneOfEachInAzure[list][0].name.toLowerCase()}]`;
    expect(differencesOf({ ...toAzure(group), [list]: [] })).toEqual([{ field, is: '(absent)', should: 'present' }]);
    const { [kind]: _, ...others } = oneOfEach;
    expect(differencesOf(toAzure(group), desired(others))).toEqual([{ field, is: 'present', should: '(absent)' }]);
  });

  it.each(allKinds)('with a setting that is never made is drift: %s', (kind) => {
    const { list } = receiverKinds[kind];
    const changed = (setting: object) =>
      differencesOf({ ...toAzure(group), [list]: [Object.assign({}, oneOfEachInAzure[list][0], setting)] });
    const path = `receivers.${kind}[${oneOfEachInAzure[list][0].name.toLowerCase()}]`;
    expect(changed({ managedIdentity: 'SystemAssigned' })).toEqual([
      { field: `${path}.managedIdentity`, is: 'present', should: '(absent)' },
    ]);
    expect(changed({ useAadAuth: true })).toEqual([{ field: `${path}.useAadAuth`, is: 'present', should: '(absent)' }]);
  });
});

it('an incident receiver is one that is never made', () => {
  const incident = { name: 'Icm', connection: { name: 'c', id: 'i' }, incidentManagementService: 'Icm', mappings: {} };
  expect(differencesOf({ ...toAzure(group), incidentReceivers: [incident] })).toEqual([
    { field: 'receivers.incident[icm]', is: 'present', should: '(absent)' },
  ]);
});

it('a runbook receiver without a name is a receiver too many', () => {
  const { name: _, ...nameless } = oneOfEachInAzure.automationRunbookReceivers[0];
  const seen = toAzure(group);
  expect(
    differencesOf({ ...seen, automationRunbookReceivers: [...seen.automationRunbookReceivers!, nameless] }).map(({ field }) => field),
  ).toEqual(['receivers.automationRunbook[]']);
});

it.each([
  ['Enabled', 0],
  ['enabled', 0],
  [null, 0],
  [undefined, 0],
  ['NotSpecified', 1],
  ['DISABLED', 1],
])('a receiver with the status %s is enabled, or not', (status, notEnabled) => {
  const seen = { ...toAzure(group), smsReceivers: [{ ...oneOfEachInAzure.smsReceivers[0], status }] } as Parameters<typeof fromAzure>[0];
  expect(fromAzure(seen, group.id).notEnabled).toHaveLength(notEnabled);
});

it('the tenant of an event hub is Azure’s where the spec is silent', () => {
  const { tenantId: _, ...hub } = oneOfEach.eventHub[0];
  const silent = desired({ ...oneOfEach, eventHub: [hub] });
  expect(differencesOf(toAzure(group), silent)).toEqual([]);
  expect(differencesOf(toAzure(group), silent, 'differ')).toEqual([]);
  const other = { ...oneOfEachInAzure.eventHubReceivers[0], tenantId: subscriptionId };
  expect(differencesOf({ ...toAzure(group), eventHubReceivers: [other] }).map(({ field }) => field)).toEqual([
    'receivers.eventHub[hub].tenantId',
  ]);
});

describe('any receivers', () => {
  const valueOf = (type: string): fc.Arbitrary<string | boolean> => {
    if (type === 'flag' || type === 'commonSchema') return fc.boolean();
    return fc.string({ minLength: 1, maxLength: 12 });
  };
  const receiver = fc.constantFrom(...allKinds).chain((kind) =>
    fc.record({
      kind: fc.constant(kind),
      name: fc.string({ minLength: 1, maxLength: 12 }),
      fields: fc.record(Object.fromEntries(Object.entries(receiverKinds[kind].fields).map(([field, type]) => [field, valueOf(type)]))),
    }),
  );
  const receivers = fc.uniqueArray(receiver, { selector: ({ name }) => name.toLowerCase(), maxLength: 12 });

  it('are in Azure what they are here, in whatever order', () => {
    fc.assert(
      fc.property(
        receivers.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([one, other]) => {
          const wanted = { ...group, receivers: one };
          expect(differencesOf(toAzure({ ...group, receivers: other }), wanted, 'differ')).toEqual([]);
        },
      ),
    );
  });

  it('differ when a field of one does, and show no confidential value', () => {
    fc.assert(
      fc.property(
        receivers.filter(({ length }) => length > 0),
        fc.nat(),
        (all, index) => {
          const [first, ...others] = all;
          const fields = Object.entries(first!.fields);
          const [field, value] = fields[index % fields.length]!;
          const changed = typeof value === 'boolean' ? !value : `${value}x`;
          const seen = toAzure({ ...group, receivers: [{ ...first!, fields: { ...first!.fields, [field]: changed } }, ...others] });
          const differences = differencesOf(seen, { ...group, receivers: all }, 'differ');
          expect(differences).toHaveLength(1);
          const type = (receiverKinds[first!.kind].fields as Readonly<Record<string, string>>)[field]!;
          expect(isConfidential(differences[0]!.field)).toBe(['url', 'json'].includes(type));
        },
      ),
    );
  });
});
