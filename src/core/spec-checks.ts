import type { MaintenanceNotificationSpec } from '../api/maintenance-notification.ts';
import type { Reason } from '../api/condition.ts';
import { allReceivers, hasReceivers } from './action-group.ts';
import { nameOf } from './receivers.ts';
import { comparableId, parseResourceId } from './resource-id.ts';

/** Why a spec can't be carried out, in words its author can act on. */
export interface Verdict {
  readonly reason: Extract<Reason, 'InvalidSpec'>;
  readonly message: string;
}

type Check = (spec: MaintenanceNotificationSpec) => Verdict | undefined;

const invalid = (message: string): Verdict => ({ reason: 'InvalidSpec', message });

/** The first word that occurs twice without regard to letter case. */
const duplicate = (words: readonly string[]): string | undefined => {
  const seen = new Set<string>();
  return words.find((word) => {
    const isThere = seen.has(word.toLowerCase());
    seen.add(word.toLowerCase());
    return isThere;
  });
};

const clusterIdParses: Check = ({ clusterResourceId }) =>
  parseResourceId(clusterResourceId)?.type.toLowerCase() === 'microsoft.containerservice/managedclusters'
    ? undefined
    : invalid('spec.clusterResourceId is not the id of an AKS cluster: copy it from `az aks show --query id`.');

const somebodyIsTold: Check = (spec) =>
  hasReceivers(spec) || (spec.actionGroupIds ?? []).length > 0
    ? undefined
    : invalid('spec names nobody to tell: add a receiver to spec.receivers or a group to spec.actionGroupIds.');

const identityIsIdentity: Check = ({ identity }) =>
  identity?.type !== 'UserAssigned' ||
  parseResourceId(identity.resourceId ?? '')?.type.toLowerCase() === 'microsoft.managedidentity/userassignedidentities'
    ? undefined
    : invalid('spec.identity.resourceId is not the id of a user-assigned identity: copy it from `az identity show --query id`.');

// Azure wants receiver names unique across all lists of a group, without regard to case; CEL's cost budget can't hold that.
const receiverNamesUnique: Check = (spec) => {
  const twice = duplicate(allReceivers(spec).map(nameOf));
  return twice === undefined
    ? undefined
    : invalid(
        `Two receivers are called "${twice}": Azure wants names unique across all receivers, without regard to letter case. Give one of them another name.`,
      );
};

/** Undefined when the text is no JSON object. */
const jsonObject = (text: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
};

// Azure fails with 500 when one of the two is missing: github.com/Azure/azure-rest-api-specs/issues/20488. It reads single quotes as well.
const ticketsDescribed: Check = ({ receivers }) => {
  const wrong = receivers?.itsm?.find(({ ticketConfiguration }) => {
    const ticket = jsonObject(ticketConfiguration) ?? jsonObject(ticketConfiguration.replaceAll("'", '"'));
    return !ticket || !('PayloadRevision' in ticket) || !('WorkItemType' in ticket);
  });
  return (
    wrong &&
    invalid(
      `spec.receivers.itsm[${wrong.name}].ticketConfiguration must be a JSON object with PayloadRevision and WorkItemType, such as {"PayloadRevision":0,"WorkItemType":"Incident"}.`,
    )
  );
};

const groupsUnique: Check = ({ actionGroupIds }) => {
  const twice = duplicate((actionGroupIds ?? []).map(comparableId));
  return twice === undefined ? undefined : invalid(`spec.actionGroupIds names ${twice} twice: remove one of them.`);
};

const groupsAreGroups: Check = ({ actionGroupIds }) => {
  const wrong = actionGroupIds?.find((id) => parseResourceId(id)?.type.toLowerCase() !== 'microsoft.insights/actiongroups');
  return wrong === undefined ? undefined : invalid(`spec.actionGroupIds: ${wrong} is not the id of an action group.`);
};

const tagsUnique: Check = ({ tags }) => {
  const twice = duplicate(Object.keys(tags ?? {}));
  return twice === undefined ? undefined : invalid(`spec.tags holds "${twice}" twice: Azure does not tell tag names apart by letter case.`);
};

/** What the schema of the CRD can't say. The first verdict wins. */
const checks: readonly Check[] = [
  clusterIdParses,
  somebodyIsTold,
  groupsAreGroups,
  groupsUnique,
  receiverNamesUnique,
  ticketsDescribed,
  tagsUnique,
  identityIsIdentity,
];

/** Undefined when the spec can be carried out. */
export const checkSpec = (spec: MaintenanceNotificationSpec): Verdict | undefined => {
  for (const check of checks) {
    const verdict = check(spec);
    if (verdict) return verdict;
  }
  return undefined;
};
