import { describe, expect, it, vi } from 'vitest';
import type { MaintenanceNotificationSpec } from '../../../src/api/maintenance-notification.ts';
import { checkSpec } from '../../../src/core/spec-checks.ts';
import { clusterId, minimalSpec, specWith, subscriptionId } from '../../support/notification.ts';
import { oneOfEach } from '../../support/receivers.ts';

const groupId = `/subscriptions/${subscriptionId}/resourceGroups/ops/providers/Microsoft.Insights/actionGroups/OnCall`;
const hook = { name: 'hook', serviceUri: 'https://example.com' };

describe('a spec that can be carried out', () => {
  it.each<[string, MaintenanceNotificationSpec]>([
    ['the shortest one', minimalSpec],
    ['groups of others only', { clusterResourceId: clusterId, actionGroupIds: [groupId] }],
    ['a receiver of every kind', specWith({ receivers: oneOfEach })],
    [
      'a ticket in single quotes, which Azure reads as well',
      specWith({
        receivers: { itsm: [{ ...oneOfEach.itsm[0], ticketConfiguration: "{ 'PayloadRevision':0, 'WorkItemType':'Incident' }" }] },
      }),
    ],
    ['empty lists', specWith({ receivers: { email: [{ address: 'a@b.c' }], sms: [], itsm: [] } })],
    ['an identity of the rule’s own, by name', specWith({ identity: { type: 'SystemAssigned' } })],
    ['the default conflict policy, by name', specWith({ conflictPolicy: 'Refuse' })],
    ['a cluster id in other letter case', specWith({ clusterResourceId: clusterId.toLowerCase() })],
  ])('passes: %s', (_, spec) => {
    expect(checkSpec(spec)).toBeUndefined();
  });
});

describe('a spec that is wrong', () => {
  it.each(['', 'Incident', '{}', '[]', 'null', '"x"', '{"PayloadRevision":0}', '{"WorkItemType":"Incident"}', "{'PayloadRevision':0}"])(
    'is told what a ticket looks like: %s',
    (ticketConfiguration) => {
      const itsm = [{ ...oneOfEach.itsm[0], ticketConfiguration }];
      expect(checkSpec(specWith({ receivers: { ...oneOfEach, itsm } }))).toEqual({
        reason: 'InvalidSpec',
        message:
          'spec.receivers.itsm[tickets].ticketConfiguration must be a JSON object with PayloadRevision and WorkItemType, such as {"PayloadRevision":0,"WorkItemType":"Incident"}.',
      });
    },
  );

  it('is told of a name that stands twice among a thousand, without comparing each with each', () => {
    const email = Array.from({ length: 1000 }, (_, index) => ({ address: `person-${index % 999}@contoso.com` }));
    const lowered = vi.spyOn(String.prototype, 'toLowerCase');
    const verdict = checkSpec(specWith({ receivers: { email } }));
    const count = lowered.mock.calls.length;
    lowered.mockRestore();
    expect(verdict?.message).toContain('Two receivers are called "person-0@contoso.com"');
    expect(count).toBeLessThan(5000);
  });

  it.each<[string, Partial<MaintenanceNotificationSpec>, string]>([
    [
      'a cluster id that is none',
      { clusterResourceId: 'prod' },
      'spec.clusterResourceId is not the id of an AKS cluster: copy it from `az aks show --query id`.',
    ],
    [
      'the id of something else',
      { clusterResourceId: groupId },
      'spec.clusterResourceId is not the id of an AKS cluster: copy it from `az aks show --query id`.',
    ],
    ['nobody to tell', { receivers: {} }, 'spec names nobody to tell: add a receiver to spec.receivers or a group to spec.actionGroupIds.'],
    [
      'only a short name',
      { receivers: { shortName: 'ops', email: [] } },
      'spec names nobody to tell: add a receiver to spec.receivers or a group to spec.actionGroupIds.',
    ],
    ['a group id that is none', { actionGroupIds: [clusterId] }, `spec.actionGroupIds: ${clusterId} is not the id of an action group.`],
    [
      'a group twice, in other letter case',
      { actionGroupIds: [groupId, groupId.toLowerCase()] },
      `spec.actionGroupIds names ${groupId.toLowerCase()} twice: remove one of them.`,
    ],
    [
      'two receivers of one name in two lists',
      { receivers: { email: [{ address: 'a@b.c', name: 'Hook' }], webhook: [hook] } },
      'Two receivers are called "hook": Azure wants names unique across all receivers, without regard to letter case. Give one of them another name.',
    ],
    [
      'a mail address that is another receiver’s name',
      { receivers: { email: [{ address: 'a@b.c' }, { address: 'x@y.z', name: 'A@B.C' }] } },
      'Two receivers are called "A@B.C": Azure wants names unique across all receivers, without regard to letter case. Give one of them another name.',
    ],
    [
      'a tag twice, in other letter case',
      { tags: { Team: 'a', team: 'b' } },
      'spec.tags holds "team" twice: Azure does not tell tag names apart by letter case.',
    ],
  ])('is refused as InvalidSpec, with what to do: %s', (_, change, message) => {
    expect(checkSpec(specWith(change))).toEqual({ reason: 'InvalidSpec', message });
  });
});
