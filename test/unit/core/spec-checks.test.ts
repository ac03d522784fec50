import { describe, expect, it } from 'vitest';
import type { MaintenanceNotificationSpec } from '../../../src/api/maintenance-notification.ts';
import { checkSpec } from '../../../src/core/spec-checks.ts';
import { clusterId, minimalSpec, specWith, subscriptionId } from '../../support/notification.ts';

const groupId = `/subscriptions/${subscriptionId}/resourceGroups/ops/providers/Microsoft.Insights/actionGroups/OnCall`;
const role = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';
const hook = { name: 'hook', serviceUri: 'https://example.com' };

describe('a spec that can be carried out', () => {
  it.each<[string, MaintenanceNotificationSpec]>([
    ['the shortest one', minimalSpec],
    ['groups of others only', { clusterResourceId: clusterId, actionGroupIds: [groupId] }],
    [
      'every receiver of this version',
      specWith({ receivers: { email: [{ address: 'a@b.c' }], webhook: [hook], armRole: [{ name: 'r', roleId: role }] } }),
    ],
    ['empty lists of what is not supported', specWith({ receivers: { email: [{ address: 'a@b.c' }], sms: [], itsm: [] } })],
    ['an identity of the rule’s own, by name', specWith({ identity: { type: 'SystemAssigned' } })],
    ['the default conflict policy, by name', specWith({ conflictPolicy: 'Refuse' })],
    ['a cluster id in other letter case', specWith({ clusterResourceId: clusterId.toLowerCase() })],
  ])('passes: %s', (_, spec) => {
    expect(checkSpec(spec)).toBeUndefined();
  });
});

describe('a spec that is wrong', () => {
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

describe('a spec that asks for more than this version can', () => {
  const people = 'use email, webhook, armRole, or an existing group in spec.actionGroupIds';
  it.each<[string, Partial<MaintenanceNotificationSpec>, string]>([
    ['spec.receivers.sms', { receivers: { sms: [{ name: 's', countryCode: '49', phoneNumber: '1' }] } }, people],
    ['spec.receivers.voice', { receivers: { voice: [{ name: 's', countryCode: '49', phoneNumber: '1' }] } }, people],
    ['spec.receivers.azureApp', { receivers: { azureApp: [{ name: 's', emailAddress: 'a@b.c' }] } }, people],
    ['spec.receivers.logicApp', { receivers: { logicApp: [{ name: 's', resourceId: '/x', callbackUrl: 'https://x' }] } }, people],
    [
      'spec.receivers.azureFunction',
      { receivers: { azureFunction: [{ name: 's', functionAppResourceId: '/x', functionName: 'f' }] } },
      people,
    ],
    [
      'spec.receivers.automationRunbook',
      {
        receivers: {
          automationRunbook: [{ name: 's', automationAccountId: '/x', runbookName: 'r', webhookResourceId: '/y', isGlobalRunbook: false }],
        },
      },
      people,
    ],
    [
      'spec.receivers.eventHub',
      { receivers: { eventHub: [{ name: 's', eventHubNameSpace: 'n', eventHubName: 'h', subscriptionId }] } },
      people,
    ],
    [
      'spec.receivers.itsm',
      { receivers: { itsm: [{ name: 's', workspaceId: 'w', connectionId: 'c', ticketConfiguration: '{}', region: 'r' }] } },
      people,
    ],
  ])('is told so, and what to do instead: %s', (field, change, instead) => {
    expect(checkSpec(specWith(change))).toEqual({
      reason: 'NotImplemented',
      message: `${field} is not supported by this version of aks-notifier, so nothing was changed in Azure: ${instead}.`,
    });
  });

  it('hears first of what is wrong, for that stays wrong in every version', () => {
    const verdict = checkSpec(
      specWith({ receivers: { sms: [{ name: 's', countryCode: '49', phoneNumber: '1' }] }, tags: { Team: 'a', team: 'b' } }),
    );
    expect(verdict?.reason).toBe('InvalidSpec');
  });
});
