import { receiverFault, receiverLists } from './action-group-limits.ts';
import { echoed } from './echo.ts';
import { locationConflict, resourceNotFound } from './errors.ts';
import type { Answer } from './http.ts';
import { checkAssignable, dropIdentity, identityToWire, settleIdentity, type IdentityBody, type StoredIdentity } from './identity.ts';
import { below, page } from './page.ts';
import type { ArmRequest, Azure, ResourceProvider, WireResource } from './provider.ts';
import { idKey, parentId } from './resource-id.ts';
import { checkedBody, schemas } from './schema.ts';

/** One receiver; which fields it has depends on its list. */
export type Receiver = Readonly<Record<string, unknown>>;

/** The properties of a group, `incidentReceivers` and all. */
type GroupProperties = Readonly<Partial<Record<(typeof receiverLists)[number] | 'incidentReceivers', readonly Receiver[] | null>>> & {
  readonly groupShortName: string;
  readonly enabled: boolean;
};

/** The body of a PUT, read-only properties taken out. */
export interface GroupBody {
  readonly location: string;
  readonly tags?: Readonly<Record<string, string>> | null;
  readonly identity?: IdentityBody | null;
  readonly properties: GroupProperties;
}

/** An action group as it is kept. */
export interface StoredActionGroup {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
  readonly body: Omit<GroupBody, 'identity'>;
  readonly identity?: StoredIdentity;
  /** By the receiver's name in small letters; kept over writes. */
  readonly receiverStatus?: Readonly<Record<string, ReceiverStatus>>;
  /** What goes wrong whenever something is sent to a receiver, by its name in small letters; kept over writes. */
  readonly receiverFaults?: Readonly<Record<string, string>>;
  /** The test notifications that were sent, oldest first. */
  readonly testNotifications?: readonly TestNotification[];
}

/** A test of a group's receivers. */
export interface TestNotification {
  readonly id: string;
  readonly alertType: string;
  readonly createdAt: Date;
  readonly completedAt: Date;
  /** Every receiver that was addressed, and what went wrong there. */
  readonly receivers: readonly { readonly list: string; readonly name: string; readonly fault: string | undefined }[];
}

/** Whether a mail or SMS receiver gets anything: only an `Enabled` one does. */
export type ReceiverStatus = 'NotSpecified' | 'Enabled' | 'Disabled';

/** As the journal calls it. */
export const actionGroupType = 'Microsoft.Insights/actionGroups';
const writeAction = `${actionGroupType}/write`;
/** The versions of action groups and of what can be asked of them. */
export const actionGroupVersions = ['2023-01-01', '2024-10-01-preview'];

/** Lists whose receivers have `useCommonAlertSchema`, which the service fills in. */
const withCommonSchema = new Set<string>([
  'emailReceivers',
  'webhookReceivers',
  'eventHubReceivers',
  'automationRunbookReceivers',
  'logicAppReceivers',
  'azureFunctionReceivers',
  'armRoleReceivers',
]);

/** Lists whose receivers have a `status`. Which one a mail address shows before its owner confirmed it isn't known; assumed: `Enabled`. */
const withStatus: ReadonlySet<string> = new Set(['emailReceivers', 'smsReceivers']);

/** Why something sent to a receiver gets lost, if it does. */
export const deliveryFault = (
  { receiverFaults = {}, receiverStatus = {} }: StoredActionGroup,
  list: string,
  name: string,
): string | undefined => {
  const key = name.toLowerCase();
  const status = withStatus.has(list) ? (receiverStatus[key] ?? 'Enabled') : 'Enabled';
  return status === 'Enabled' ? receiverFaults[key] : `The receiver '${name}' is not enabled.`;
};

/** Lists whose receivers have `managedIdentity`. */
const withIdentity = new Set<string>([
  'webhookReceivers',
  'eventHubReceivers',
  'automationRunbookReceivers',
  'logicAppReceivers',
  'azureFunctionReceivers',
]);

/** The fields of a receiver that come back whether or not they were sent. */
const receiverDefaults = ({ settings: { defaults }, state }: Azure, list: string): Receiver => {
  if (defaults === 'none') return {};
  return {
    ...(withCommonSchema.has(list) ? { useCommonAlertSchema: false } : {}),
    ...(withStatus.has(list) ? { status: 'Enabled' } : {}),
    ...(defaults === 'all' && list === 'webhookReceivers' ? { useAadAuth: false } : {}),
    ...(defaults === 'all' && withIdentity.has(list) ? { managedIdentity: 'None' } : {}),
    ...(defaults === 'all' && list === 'eventHubReceivers' ? { tenantId: state.tenantId } : {}),
  };
};

const receiverToWire = (azure: Azure, { receiverStatus = {} }: StoredActionGroup, list: string, receiver: Receiver): Receiver => {
  const status = withStatus.has(list) ? receiverStatus[String(receiver['name']).toLowerCase()] : undefined;
  return { ...receiverDefaults(azure, list), ...receiver, ...(status === undefined ? {} : { status }) };
};

const propertiesToWire = (azure: Azure, group: StoredActionGroup): Record<string, unknown> => {
  const { defaults } = azure.settings;
  const { properties } = group.body;
  const lists = receiverLists
    .filter((list) => defaults !== 'none' || (properties[list] ?? []).length > 0)
    .map((list) => [list, (properties[list] ?? []).map((receiver) => receiverToWire(azure, group, list, receiver))]);
  const { groupShortName, enabled, incidentReceivers = defaults === 'all' ? [] : null } = properties;
  return {
    groupShortName,
    enabled,
    ...Object.fromEntries(lists),
    ...(incidentReceivers === null ? {} : { incidentReceivers }),
  };
};

/** `global` comes back as `Global`; other locations as they were sent. */
const locationToWire = (location: string): string => (location.toLowerCase() === 'global' ? 'Global' : location);

/** An action group as answers show it, recorded oddities included: the GUID in upper case, `kind` and missing `tags` as null. */
export const actionGroupToWire = (azure: Azure, group: StoredActionGroup): WireResource => {
  const { tags = null, location } = group.body;
  const subscriptionId = azure.settings.upperCaseActionGroupIds ? group.subscriptionId.toUpperCase() : group.subscriptionId;
  return echoed(azure.settings, {
    id: `/subscriptions/${subscriptionId}/resourceGroups/${group.resourceGroup}/providers/microsoft.insights/actionGroups/${group.name}`,
    type: 'Microsoft.Insights/ActionGroups',
    name: group.name,
    location: locationToWire(location),
    kind: null,
    tags,
    ...(group.identity === undefined ? {} : { identity: identityToWire(azure, group.identity) }),
    properties: propertiesToWire(azure, group),
  });
};

/** The group that a request is about, itself or something below it. Throws 404 when there is none. */
export const findActionGroup = ({ state }: Azure, { path }: ArmRequest): StoredActionGroup => {
  const group = state.actionGroups.get(idKey(parentId(path.id)));
  if (group === undefined) throw resourceNotFound(`${actionGroupType.toLowerCase()}/${path.names[0] ?? ''}`, path.resourceGroup ?? '');
  return group;
};

/** Action groups: PUT replaces everything, PATCH changes tags, identity and `enabled` only. */
export const actionGroups = (azure: Azure): ResourceProvider => {
  const groups = azure.state.actionGroups;
  const store = (request: ArmRequest, wanted: GroupBody, existing: StoredActionGroup | undefined, keepIdentity: boolean): Answer => {
    const { path } = request;
    const [name = ''] = path.names;
    const fault = receiverFault(wanted, name, azure.settings.flatActionGroupErrors);
    if (fault !== undefined) throw fault;
    const there = existing && locationToWire(existing.body.location);
    if (there !== undefined && there.toLowerCase() !== wanted.location.toLowerCase()) {
      throw locationConflict(name, path.resourceGroup ?? '', there, wanted.location);
    }
    const { identity: wantedIdentity, ...body } = wanted;
    const identity = keepIdentity ? existing?.identity : settleIdentity(azure, wantedIdentity, existing?.identity);
    const { identity: _before, ...kept } = existing ?? {
      subscriptionId: path.subscriptionId,
      resourceGroup: path.resourceGroup ?? '',
      name,
    };
    const group: StoredActionGroup = { ...kept, body, ...(identity === undefined ? {} : { identity }) };
    groups.set(idKey(path.id), group);
    return { status: existing === undefined ? 201 : 200, body: actionGroupToWire(azure, group) };
  };

  return {
    type: actionGroupType,
    apiVersions: actionGroupVersions,
    placement: 'resourceGroup',
    verbs: {
      GET: (request) => ({ status: 200, body: actionGroupToWire(azure, findActionGroup(azure, request)) }),
      LIST: (request) => page(azure, request, below(groups, request.path.scope), (group) => actionGroupToWire(azure, group)),
      PUT: (request) => {
        const wanted = checkedBody(schemas.actionGroup, request.body);
        checkAssignable(azure, request, writeAction, wanted.identity);
        return store(request, wanted, groups.get(idKey(request.path.id)), false);
      },
      PATCH: (request) => {
        const existing = findActionGroup(azure, request);
        const change = checkedBody(schemas.actionGroupPatch, request.body);
        checkAssignable(azure, request, writeAction, change.identity);
        const properties = { ...existing.body.properties, ...change.properties };
        return store(request, { ...existing.body, ...change, properties }, existing, change.identity === undefined);
      },
      DELETE: ({ path }) => {
        const group = groups.get(idKey(path.id));
        if (group === undefined) return { status: 204 };
        groups.delete(idKey(path.id));
        dropIdentity(azure, group.identity);
        return { status: 200 };
      },
    },
  };
};
