import { shellWord } from '../core/shell-word.ts';

/** A failed call, as the sentences speak of it. */
export interface Said {
  /** HTTP status; undefined when no answer came. */
  readonly status: number | undefined;
  /** ARM's error code, or a socket's (`ECONNRESET`); empty when there is none. */
  readonly code: string;
  /** Azure's own words, made steady. */
  readonly text: string;
  /** The same, cut to what a condition has room for; never empty. */
  readonly quote: string;
  /** Where it happened, as the address of the call says. */
  readonly subscriptionId: string | undefined;
}

export type Sentence = (said: Said) => string;

/** One sentence, then what Azure says. */
export const says =
  (what: string): Sentence =>
  ({ quote }) =>
    `${what} Azure says: ${quote}`;

/** One sentence, whatever Azure says. */
export const always =
  (what: string): Sentence =>
  () =>
    what;

/** The narrowest of Azure's own roles that fits the operator, by the action it lacks. */
const roles: readonly (readonly [RegExp, string])[] = [
  [/^Microsoft\.Authorization\/roleAssignments\/(?:write|delete)$/i, 'Role Based Access Control Administrator'],
  [/\/userAssignedIdentities\/assign\/action$/i, 'Managed Identity Operator'],
  [/^Microsoft\.Insights\//i, 'Monitoring Contributor'],
  [/\/read$/i, 'Reader'],
];

const principalIn = (text: string): string => /object id '([^']+)'/.exec(text)?.[1] ?? "<the object id of the operator's identity>";

/** What may not be done, and where. */
const deniedIn = (text: string): readonly [action: string | undefined, scope: string | undefined] => {
  const [, action, scope] = /perform action '([^']+)' over scope '([^']+)'/.exec(text) ?? [];
  return [action, scope];
};

const grant = (text: string, role: string, scope: string): string =>
  `az role assignment create --assignee-object-id ${principalIn(text)} --assignee-principal-type ServicePrincipal --role "${role}" --scope ${shellWord(scope)}`;

const roleFor = (action: string): string => roles.find(([pattern]) => pattern.test(action))?.[1] ?? `<a role with ${action}>`;

/** Where to grant it: a thing of ours may not exist yet, so the group or scope that it is in. */
const grantScope = (scope: string): string =>
  scope.replace(/\/providers\/Microsoft\.(?:Insights|Authorization)(?:\/.*)?$/i, '').replace(/\/maintenanceConfigurations.*$/i, '');

/** A right is missing: which, where, and how to grant it. */
export const denied: Sentence = ({ text, quote }) => {
  const [action, scope] = deniedIn(text);
  if (!action || !scope) return `The operator's identity lacks a right. Azure says: ${quote}`;
  const limit = /roleAssignments\/(?:write|delete)$/i.test(action) ? ' (a condition may limit it to Reader for service principals)' : '';
  return `The operator's identity may not do ${action} on ${scope}: grant it a role that holds this action there. A new grant takes some minutes to act. To grant it${limit}: ${grant(text, roleFor(action), grantScope(scope))}`;
};

/** Azure has one text for a right that is missing and for a condition that isn't fulfilled ("Troubleshoot Azure RBAC"). */
export const deniedByCondition: Sentence = ({ text, quote }) => {
  const [action, scope] = deniedIn(text);
  if (!action || !scope)
    return `The operator's identity lacks a right, or a condition on its role assignment forbids it. Azure says: ${quote}`;
  return `The operator's identity may not do ${action} on ${scope}: it lacks the right, or a condition on its role assignment forbids it. A condition must allow the role Reader (acdd72a7-3385-48ef-bd42-f606fba81ae7) for principals of type ServicePrincipal. To see both: az role assignment list --all --assignee ${principalIn(text)}. To grant the right: ${grant(text, roleFor(action), grantScope(scope))}`;
};

/** Azure may name several actions and scopes, in the same order; the first is told, the next comes with the next try. */
export const linkDenied: Sentence = ({ text, quote }) => {
  const [, actions, scopes] = /action(?:\(s\))? '([^']+)' on the linked scope(?:\(s\))? '([^']+)'/.exec(text) ?? [];
  const [action, scope] = [actions?.split(',')[0]?.trim(), scopes?.split(',')[0]?.trim()];
  if (!action || !scope) return `The operator's identity may not use a resource that the request names. Azure says: ${quote}`;
  const role = /\/read$/i.test(action) ? 'Reader' : roleFor(action);
  return `The operator's identity may not do ${action} on ${scope}, which the request refers to: grant it a role that holds this action there. A new grant takes some minutes to act. To grant it: ${grant(text, role, scope)}`;
};

/** Which policy assignment forbids it. */
export const deniedByPolicy: Sentence = ({ text, quote }) => {
  const name = /"policyAssignment":\{"name":"([^"]+)"/.exec(text)?.[1];
  return `An Azure Policy${name ? ` (assignment "${name}")` : ''} forbids it: ask its owner for an exemption. Azure says: ${quote}`;
};

/** Where the lock is, and how to see and remove it. */
export const locked: Sentence = ({ text, quote }) => {
  const scopes = /scope\(s\) are locked: ('[^']+'(?:, ?'[^']+')*)/.exec(text)?.[1]?.replaceAll("'", '').split(/, ?/);
  const [, subscription, group] = /^\/subscriptions\/([^/]+)(?:\/resourceGroups\/([^/]+))?/i.exec(scopes?.[0] ?? '') ?? [];
  if (!scopes || !subscription) return `A lock is in the way: remove it, or ask its owner. Azure says: ${quote}`;
  const where = `--subscription ${subscription}${group ? ` --resource-group ${shellWord(group)}` : ''}`;
  return `A lock is in the way, at ${scopes.join(' and ')}: remove it, or ask its owner. To find it: az lock list ${where} --query "[].id"; to remove it: az lock delete --ids <id>`;
};

/** How to register the provider. */
export const notRegistered: Sentence = ({ text, subscriptionId, quote }) => {
  const namespace = /namespace '([\w.]+)'|use (microsoft\.\w+)/i.exec(text);
  const where = subscriptionId ? ` --subscription ${subscriptionId}` : '';
  return `Register the provider: az provider register --namespace ${namespace?.[1] ?? namespace?.[2] ?? 'Microsoft.Insights'}${where}. Azure says: ${quote}`;
};

/** For what is in no row. */
export const unknown: Sentence = ({ status, code, quote }) =>
  `An answer that the operator does not know (HTTP status ${status ?? 'none'}${code ? `, ${code}` : ''}); trying again. Azure says: ${quote}`;
