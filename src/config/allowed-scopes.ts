import { isAllowed, type AllowedScope, type AllowedScopes } from '../core/boundary.ts';
import { isNamespace } from './namespaces.ts';

const guid = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';
// As Azure names them: with a full stop at the end there is none.
const group = String.raw`[-\p{L}\p{N}_.()]*[-\p{L}\p{N}_()]`;
const scope = new RegExp(`^/subscriptions/${guid}(/resourceGroups/${group}(/providers/[^/]+(/[^/]+/[^/]+)+)?)?/?$`, 'iu');

/** Whether objects could reach it at all: one that doesn't allow itself would allow nothing. */
const isScope = (prefix: string): boolean => scope.test(prefix) && isAllowed(prefix, '', [{ prefix, namespace: undefined }]);

/**
 * Reads `/subscriptions/…,team-a=/subscriptions/…/resourceGroups/…`: scopes for all namespaces, and for one. A list that names nothing is
 * a mistake, because it would allow everything.
 */
export const readAllowedScopes = (text: string, name: string, mistakes: string[]): AllowedScopes => {
  const entries = text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');
  if (entries.length === 0 && text !== '') mistakes.push(`${name} is "${text}", which names no scope: leave it out to allow everything.`);
  return entries.flatMap((entry): readonly AllowedScope[] => {
    const [, namespace, prefix = ''] = /^(?:([^/=]*)=)?(.*)$/.exec(entry) ?? [];
    if (namespace !== undefined && !isNamespace(namespace))
      mistakes.push(`${name} lists "${entry}", where "${namespace}" can't be a namespace: write namespace=/subscriptions/….`);
    else if (!isScope(prefix))
      mistakes.push(
        `${name} lists "${entry}": write the full id of a subscription, a resource group or a resource, such as /subscriptions/<id>/resourceGroups/shop, with a namespace and = in front of it if it is for that one only.`,
      );
    else return [{ prefix: prefix.replace(/\/$/, ''), namespace }];
    return [];
  });
};
