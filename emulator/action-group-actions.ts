import { randomInt } from 'node:crypto';
import { receiverLists } from './action-group-limits.ts';
import {
  actionGroupType,
  actionGroupVersions,
  deliveryFault,
  findActionGroup,
  type Receiver,
  type StoredActionGroup,
  type TestNotification,
} from './action-groups.ts';
import type { Deliveries } from './alerts/delivery.ts';
import { testAlert } from './alerts/test-alert.ts';
import { ArmError } from './errors.ts';
import type { ArmRequest, Azure, ResourceProvider } from './provider.ts';
import { idKey, parentId } from './resource-id.ts';
import { checkedBody, schemas } from './schema.ts';
import { withSevenDigits } from './time.ts';

const testableLists = [...receiverLists, 'incidentReceivers'] as const;

/** Whom to send a test to: the lists of a group, filled by whoever asks rather than taken from the group. */
export type TestNotificationBody = { readonly alertType: string } & Readonly<
  Partial<Record<(typeof testableLists)[number], readonly Receiver[] | null>>
>;

const addressed = (group: StoredActionGroup, body: TestNotificationBody): TestNotification['receivers'] =>
  testableLists.flatMap((list) =>
    (body[list] ?? []).map((receiver) => {
      const name = typeof receiver['name'] === 'string' ? receiver['name'] : '';
      return { list, name, fault: deliveryFault(group, list, name) };
    }),
  );

/** `2026-11-01T12:00:00.1230000+00:00` */
const withOffset = (at: Date): string => withSevenDigits(at).replace('Z', '+00:00');

/** `Email` for the list `emailReceivers`. */
const mechanismOf = (list: string): string => `${list.charAt(0).toUpperCase()}${list.slice(1).replace(/Receivers$/u, '')}`;

/** What came of a test, the capital first letters of `actionDetails` included. */
const testToWire = ({ settings }: Azure, test: TestNotification): unknown => {
  const [state, succeeded] = settings.testNotificationWords === 'recorded' ? ['Complete', 'Succeeded'] : ['Completed', 'Completed'];
  return {
    context: {
      notificationSource: 'Microsoft.Insights/TestNotification',
      contextType: test.alertType.toLowerCase() === 'servicehealth' ? 'Microsoft.Insights/ServiceHealth' : null,
    },
    state,
    createdTime: withOffset(test.createdAt),
    completedTime: withOffset(test.completedAt),
    actionDetails: test.receivers.map(({ list, name, fault }) => ({
      MechanismType: mechanismOf(list),
      Name: name,
      Status: fault === undefined ? succeeded : 'Failed',
      SubState: 'Default',
      SendTime: withOffset(test.createdAt),
      ...(fault === undefined ? {} : { Detail: fault }),
    })),
  };
};

/** What can be asked of an action group: to send test notifications, what came of one, and to enable a receiver again. */
export const actionGroupActions = (azure: Azure, send: Deliveries['send']): ResourceProvider[] => {
  const part = (name: string, verbs: ResourceProvider['verbs']): ResourceProvider => ({
    type: `${actionGroupType}/${name}`,
    apiVersions: actionGroupVersions,
    placement: 'resourceGroup',
    verbs,
  });
  const change = ({ path }: ArmRequest, group: StoredActionGroup): void => {
    azure.state.actionGroups.set(idKey(parentId(path.id)), group);
  };
  const statusAddress = ({ incoming, apiVersion }: ArmRequest, id: string): string =>
    `${azure.url}${parentId(incoming.path)}/notificationStatus/${id}?api-version=${apiVersion}`;

  const subscribe = part('subscribe', {
    POST: (request) => {
      const group = findActionGroup(azure, request);
      const { receiverName } = checkedBody(schemas.enableReceiver, request.body);
      const { emailReceivers, smsReceivers } = group.body.properties;
      const key = receiverName.toLowerCase();
      const isThere = [...(emailReceivers ?? []), ...(smsReceivers ?? [])].some(({ name }) => String(name).toLowerCase() === key);
      if (!isThere || group.receiverStatus?.[key] !== 'Disabled') {
        const message = `The receiver '${receiverName}' can't be enabled: it is not a disabled email or SMS receiver of this action group.`;
        throw new ArmError(409, { code: 'Conflict', message }, { flat: azure.settings.flatActionGroupErrors });
      }
      change(request, { ...group, receiverStatus: { ...group.receiverStatus, [key]: 'Enabled' } });
      return { status: 200 };
    },
  });

  const createNotifications = part('createNotifications', {
    POST: (request) => {
      const group = findActionGroup(azure, request);
      const body = checkedBody(schemas.testNotification, request.body);
      const createdAt = azure.clock();
      const test: TestNotification = {
        id: String(randomInt(11_000_000_000_000, 12_000_000_000_000)),
        alertType: body.alertType,
        createdAt,
        completedAt: new Date(createdAt.getTime() + azure.settings.testNotificationSeconds * 1000),
        receivers: addressed(group, body),
      };
      send(group, { at: createdAt, alert: testAlert(group, createdAt) }, body);
      change(request, { ...group, testNotifications: [...(group.testNotifications ?? []), test] });
      return { status: 202, headers: { location: statusAddress(request, test.id) } };
    },
  });

  const notificationStatus = part('notificationStatus', {
    GET: (request) => {
      const [, id = ''] = request.path.names;
      const test = findActionGroup(azure, request).testNotifications?.find((each) => each.id === id);
      if (test === undefined) {
        const message = `There is no test notification '${id}'.`;
        throw new ArmError(404, { code: 'NotFound', message }, { flat: azure.settings.flatActionGroupErrors });
      }
      if (azure.clock() < test.completedAt) return { status: 202, headers: { location: statusAddress(request, id) } };
      return { status: 200, body: testToWire(azure, test) };
    },
  });

  return [subscribe, createNotifications, notificationStatus];
};
