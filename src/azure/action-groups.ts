import type { ActionGroupResource } from '@azure/arm-monitor';
import type { ActionGroup, Receiver } from '../core/action-group.ts';
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

/** Receiver lists of Azure's that we don't make: whoever adds one by hand is told that it isn't wanted. */
const strangeLists = [
  'smsReceivers',
  'voiceReceivers',
  'azureAppPushReceivers',
  'itsmReceivers',
  'automationRunbookReceivers',
  'logicAppReceivers',
  'azureFunctionReceivers',
  'eventHubReceivers',
  'incidentReceivers',
] as const satisfies readonly (keyof ActionGroupResource)[];

/** Azure's answer in our own words: only what we own is taken over. */
export const fromAzure = (group: ActionGroupResource, id: string): ActionGroup => {
  const receivers: readonly Receiver[] = [
    ...(group.emailReceivers ?? []).map((each): Receiver => ({
      kind: 'email',
      name: each.name,
      target: each.emailAddress,
      commonAlertSchema: each.useCommonAlertSchema ?? false,
    })),
    ...(group.webhookReceivers ?? []).map((each): Receiver => ({
      kind: 'webhook',
      name: each.name,
      target: each.serviceUri,
      commonAlertSchema: each.useCommonAlertSchema ?? false,
    })),
    ...(group.armRoleReceivers ?? []).map((each): Receiver => ({
      kind: 'armRole',
      name: each.name,
      target: each.roleId,
      commonAlertSchema: each.useCommonAlertSchema ?? false,
    })),
  ];
  return {
    id: group.id ?? id,
    enabled: group.enabled ?? true,
    shortName: group.groupShortName ?? '',
    receivers,
    strangers: [
      ...(group.webhookReceivers ?? []).flatMap(({ name, useAadAuth }) => (useAadAuth ? [`webhook[${name}].useAadAuth`] : [])),
      ...strangeLists.flatMap((list) => (group[list] ?? []).map(({ name }) => `${list.replace('Receivers', '')}[${name ?? ''}]`)),
    ],
    tags: group.tags ?? {},
  };
};

/** The body of a PUT. A PUT replaces everything, so it always holds the whole of what we want. */
export const toAzure = ({ shortName, enabled, receivers, tags }: ActionGroup): ActionGroupResource => {
  const of = (kind: Receiver['kind']): readonly Receiver[] => receivers.filter((each) => each.kind === kind);
  return {
    location: 'Global',
    groupShortName: shortName,
    enabled,
    emailReceivers: of('email').map(({ name, target, commonAlertSchema }) => ({
      name,
      emailAddress: target,
      useCommonAlertSchema: commonAlertSchema,
    })),
    webhookReceivers: of('webhook').map(({ name, target, commonAlertSchema }) => ({
      name,
      serviceUri: target,
      useCommonAlertSchema: commonAlertSchema,
    })),
    armRoleReceivers: of('armRole').map(({ name, target, commonAlertSchema }) => ({
      name,
      roleId: target,
      useCommonAlertSchema: commonAlertSchema,
    })),
    tags: { ...tags },
  };
};

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
