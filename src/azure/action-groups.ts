import type { ActionGroupResource } from '@azure/arm-monitor';
import type { ActionGroup } from '../core/action-group.ts';
import type { NotEnabled } from '../core/receiver-status.ts';
import { allKinds, receiverFromAzure, receiverKinds, type Receiver, type ReceiverKind } from '../core/receivers.ts';
import { resourceIdOf } from '../core/resource-id.ts';
import { listScopeId, readList, type Listing, type ListScope } from './listing.ts';
import { absentIfNotFound, resourceIn, type Session } from './session.ts';

/** Action groups in Azure: read, replace, delete. Every call throws ReconcileError, and nothing else, for what Azure can answer. */
export interface ActionGroups {
  observe(id: string, signal: AbortSignal): Promise<ActionGroup | undefined>;
  list(scope: ListScope, signal: AbortSignal): Promise<Listing<ActionGroup>>;
  put(group: ActionGroup, signal: AbortSignal): Promise<void>;
  /** A group that isn't there is no error. */
  remove(id: string, signal: AbortSignal): Promise<void>;
}

type Lists = Pick<ActionGroupResource, (typeof receiverKinds)[ReceiverKind]['list']>;
type Entry = Readonly<Record<string, unknown>>;

const entriesOf = (group: ActionGroupResource, kind: ReceiverKind): readonly Entry[] =>
  (group[receiverKinds[kind].list] ?? []) as readonly object[] as readonly Entry[];

/** Settings of a receiver that we never make. */
const strangeSettings = ({ useAadAuth, managedIdentity }: Entry): readonly string[] => [
  ...(useAadAuth === true ? ['useAadAuth'] : []),
  ...(typeof managedIdentity === 'string' && !/^(none)?$/i.test(managedIdentity) ? ['managedIdentity'] : []),
];

/** What we never make: whoever adds it by hand is told that it isn't wanted. */
const strangersIn = (group: ActionGroupResource): readonly string[] => [
  ...allKinds.flatMap((kind) =>
    entriesOf(group, kind).flatMap((entry) =>
      strangeSettings(entry).map((setting) => `${kind}[${receiverFromAzure(kind, entry).name}].${setting}`),
    ),
  ),
  ...(group.incidentReceivers ?? []).map(({ name }) => `incident[${name}]`),
];

/** Azure tells the status of mail and SMS receivers only. */
const notEnabledIn = (group: ActionGroupResource): readonly NotEnabled[] =>
  (['email', 'sms'] as const).flatMap((kind) =>
    entriesOf(group, kind).flatMap((entry) => {
      const { status } = entry;
      return typeof status !== 'string' || /^enabled$/i.test(status) ? [] : [{ name: receiverFromAzure(kind, entry).name, kind, status }];
    }),
  );

/** Azure's answer in our own words: only what we own is taken over. */
export const fromAzure = (group: ActionGroupResource, id: string): ActionGroup => ({
  id: group.id ?? id,
  enabled: group.enabled ?? true,
  shortName: group.groupShortName ?? '',
  receivers: allKinds.flatMap((kind) => entriesOf(group, kind).map((entry) => receiverFromAzure(kind, entry))),
  strangers: strangersIn(group),
  notEnabled: notEnabledIn(group),
  tags: group.tags ?? {},
});

/** The receivers as the lists of a request, all of them, empty or not. */
const listsToAzure = (receivers: readonly Receiver[]): Lists =>
  Object.fromEntries(
    allKinds.map((kind) => [
      receiverKinds[kind].list,
      receivers.filter((each) => each.kind === kind).map(({ name, fields }) => Object.assign({ name }, fields)),
    ]),
  ) as Lists;

/** The body of a PUT. A PUT replaces everything, so it always holds the whole of what we want. */
export const toAzure = ({ shortName, enabled, receivers, tags }: ActionGroup): ActionGroupResource => ({
  location: 'Global',
  groupShortName: shortName,
  enabled,
  ...listsToAzure(receivers),
  tags: { ...tags },
});

export const createActionGroups = (session: Session): ActionGroups => {
  const at = (id: string) => {
    const { subscriptionId, resourceGroup, name } = resourceIdOf(id);
    return { groups: session.monitor(subscriptionId).actionGroups, resourceGroup, name };
  };
  return {
    observe: async (id, signal) => {
      const { groups, resourceGroup, name } = at(id);
      const what = { operation: 'actionGroups.get', doing: `read the action group ${name}`, signal };
      const found = await absentIfNotFound(
        session.call(what, async (options) => resourceIn(await groups.get(resourceGroup, name, options))),
      );
      return found && fromAzure(found, id);
    },
    list: async (scope, signal) => {
      const groups = session.monitor(scope.subscriptionId).actionGroups;
      const what = { operation: 'actionGroups.list', doing: `list the action groups of ${listScopeId(scope)}`, signal };
      const { items, pages } = await readList(session, what, (options) =>
        scope.resourceGroup === undefined ? groups.listBySubscriptionId(options) : groups.listByResourceGroup(scope.resourceGroup, options),
      );
      return { items: items.map((each) => fromAzure(each, each.id ?? '')), pages };
    },
    put: async (group, signal) => {
      const { groups, resourceGroup, name } = at(group.id);
      const what = { operation: 'actionGroups.put', doing: `write the action group ${name} in resource group ${resourceGroup}`, signal };
      await session.call(what, (options) => groups.createOrUpdate(resourceGroup, name, toAzure(group), options));
    },
    remove: async (id, signal) => {
      const { groups, resourceGroup, name } = at(id);
      const what = {
        operation: 'actionGroups.delete',
        doing: `delete the action group ${name} in resource group ${resourceGroup}`,
        signal,
      };
      await absentIfNotFound(session.call(what, (options) => groups.delete(resourceGroup, name, options)));
    },
  };
};
