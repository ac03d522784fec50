import type { MaintenanceNotificationSpec } from '../api/maintenance-notification.ts';
import { comparableId } from './resource-id.ts';

type ReceiverLists = Required<Omit<NonNullable<MaintenanceNotificationSpec['receivers']>, 'shortName'>>;

/** A kind of receiver, as the spec calls its list. */
export type ReceiverKind = keyof ReceiverLists;

/**
 * What a field holds, and with that how it is compared: `word` without letter case, `id` as ARM ids are, `json` by its value, `text`, `url`
 * and `flag` as they are. `commonSchema` is on where the spec is silent, and off where Azure is. `tenant` is filled in by Azure where we
 * are silent.
 *
 * Azure answers addresses and tickets as they were sent: Terraform's tests against it import every kind and find no difference
 * (hashicorp/terraform-provider-azurerm, monitor_action_group_resource_test.go).
 */
type FieldType = 'text' | 'word' | 'id' | 'url' | 'json' | 'flag' | 'tenant' | 'commonSchema';

interface KindOfReceiver {
  /** The list of an action group in Azure. */
  readonly list: string;
  /** By Azure's names, which are those of the spec too, but for `address`. The name of a receiver is none of them. */
  readonly fields: Readonly<Record<string, FieldType>>;
}

/** Every kind of receiver that this program makes: the one table between spec, comparison and Azure. */
export const receiverKinds = {
  email: { list: 'emailReceivers', fields: { emailAddress: 'word', useCommonAlertSchema: 'commonSchema' } },
  sms: { list: 'smsReceivers', fields: { countryCode: 'text', phoneNumber: 'text' } },
  voice: { list: 'voiceReceivers', fields: { countryCode: 'text', phoneNumber: 'text' } },
  webhook: { list: 'webhookReceivers', fields: { serviceUri: 'url', useCommonAlertSchema: 'commonSchema' } },
  armRole: { list: 'armRoleReceivers', fields: { roleId: 'word', useCommonAlertSchema: 'commonSchema' } },
  azureApp: { list: 'azureAppPushReceivers', fields: { emailAddress: 'word' } },
  logicApp: { list: 'logicAppReceivers', fields: { resourceId: 'id', callbackUrl: 'url', useCommonAlertSchema: 'commonSchema' } },
  azureFunction: {
    list: 'azureFunctionReceivers',
    fields: { functionAppResourceId: 'id', functionName: 'word', httpTriggerUrl: 'url', useCommonAlertSchema: 'commonSchema' },
  },
  automationRunbook: {
    list: 'automationRunbookReceivers',
    fields: {
      automationAccountId: 'id',
      runbookName: 'word',
      webhookResourceId: 'id',
      isGlobalRunbook: 'flag',
      serviceUri: 'url',
      useCommonAlertSchema: 'commonSchema',
    },
  },
  eventHub: {
    list: 'eventHubReceivers',
    fields: {
      eventHubNameSpace: 'word',
      eventHubName: 'word',
      subscriptionId: 'word',
      tenantId: 'tenant',
      useCommonAlertSchema: 'commonSchema',
    },
  },
  itsm: {
    list: 'itsmReceivers',
    fields: { workspaceId: 'word', connectionId: 'word', ticketConfiguration: 'json', region: 'word' },
  },
} as const satisfies Readonly<Record<ReceiverKind, KindOfReceiver>>;

/** All kinds, in the order of the table. */
export const allKinds = Object.keys(receiverKinds) as readonly ReceiverKind[];

type Value = string | boolean;

/** One receiver of an action group. */
export interface Receiver {
  readonly kind: ReceiverKind;
  readonly name: string;
  /** By Azure's names. What is absent has no key. */
  readonly fields: Readonly<Record<string, Value>>;
}

/** What the spec calls a field of a kind. */
const specName = (kind: ReceiverKind, field: string): string => (kind === 'email' && field === 'emailAddress' ? 'address' : field);

const isValue = (value: unknown): value is Value => (typeof value === 'string' && value !== '') || typeof value === 'boolean';

const receiverFrom = (kind: ReceiverKind, name: string, valueOf: (field: string) => unknown, commonSchemaByDefault: boolean): Receiver => ({
  kind,
  name,
  fields: Object.fromEntries(
    Object.entries(receiverKinds[kind].fields).flatMap(([field, type]): readonly [string, Value][] => {
      const value = valueOf(field) ?? (type === 'commonSchema' ? commonSchemaByDefault : undefined);
      return isValue(value) ? [[field, value]] : [];
    }),
  ),
});

type Entry = Readonly<Record<string, unknown>>;

/** What the spec calls a receiver: a mail receiver may have no name but its address. */
export const nameOf = (receiver: { readonly name?: string; readonly address?: string }): string => receiver.name ?? receiver.address ?? '';

/** The receivers of a spec, kind by kind, whose Secrets' values are in place. */
export const receiversOf = ({ receivers = {} }: MaintenanceNotificationSpec): readonly Receiver[] =>
  allKinds.flatMap((kind) =>
    (receivers[kind] ?? []).map((each: object) => {
      const entry = each as Entry;
      return receiverFrom(kind, nameOf(each), (field) => entry[specName(kind, field)], true);
    }),
  );

/** A receiver as Azure shows it: its name may be missing, and what it doesn't have may be null. */
export const receiverFromAzure = (kind: ReceiverKind, entry: Entry): Receiver =>
  receiverFrom(kind, typeof entry['name'] === 'string' ? entry['name'] : '', (field) => entry[field], false);

/** The addresses at which a receiver is called: whoever knows one can often call it too. */
export const addressesOf = ({ kind, fields }: Receiver): readonly string[] => {
  const types: Readonly<Record<string, FieldType>> = receiverKinds[kind].fields;
  return Object.entries(fields).flatMap(([field, value]) => (types[field] === 'url' ? [String(value)] : []));
};

const canonicalJson = (text: string): string => {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, inner]: [string, unknown]): [string, unknown] => [key, sorted(inner)])
        .toSorted(([one], [other]) => (one < other ? -1 : 1)),
    );
  };
  try {
    return JSON.stringify(sorted(JSON.parse(text)));
  } catch {
    return text;
  }
};

/** The one form in which a value is compared. */
const comparable = (type: FieldType, value: Value): string => {
  switch (type) {
    case 'word':
    case 'tenant':
      return String(value).toLowerCase();
    case 'id':
      return comparableId(String(value));
    case 'json':
      return canonicalJson(String(value));
    case 'text':
    case 'url':
    case 'flag':
    case 'commonSchema':
      return String(value);
  }
};

/**
 * A receiver as flat fields, each in the form it is compared in: `receivers.sms[duty]`, which says that it is there, and
 * `receivers.sms[duty].phoneNumber`.
 */
export const comparableReceiver = ({ kind, name, fields }: Receiver): Readonly<Record<string, string>> => {
  const path = `receivers.${kind}[${name.toLowerCase()}]`;
  const types: readonly [string, FieldType][] = Object.entries(receiverKinds[kind].fields);
  return Object.fromEntries([
    [path, 'present'],
    ...types.flatMap(([field, type]): readonly [string, string][] => {
      const value = fields[field];
      return value === undefined ? [] : [[`${path}.${specName(kind, field)}`, comparable(type, value)]];
    }),
  ]);
};

const fieldsOfType = (...types: readonly FieldType[]): readonly string[] =>
  allKinds.flatMap((kind) =>
    Object.entries(receiverKinds[kind].fields).flatMap(([field, type]) => (types.includes(type) ? [`${kind}.${field}`] : [])),
  );

const confidential = new Set(fieldsOfType('url', 'json'));
const filledIn = new Set(fieldsOfType('tenant'));

/** `sms.phoneNumber` of `receivers.sms[duty].phoneNumber`. */
const kindAndField = (path: string): string => path.replace(/^receivers\.(\w+)\[.*\]\.(\w+)$/s, '$1.$2');

/** Whether nobody may be shown what a field of a difference holds: an address that is called often has a key in it, or comes from a Secret. */
export const isConfidential = (path: string): boolean => confidential.has(kindAndField(path));

/** Whether a field of a difference is one that Azure may fill in where we are silent. */
export const mayBeFilledIn = (path: string): boolean => filledIn.has(kindAndField(path));
