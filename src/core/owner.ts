import { createHash } from 'node:crypto';
import { v5 as uuidv5 } from 'uuid';
import { ownerTagName } from '../api/names.ts';
import { comparableId } from './resource-id.ts';

/** Who owns a thing in Azure: one object of one installation of the operator. */
export interface Owner {
  readonly installationId: string;
  readonly namespace: string;
  readonly name: string;
}

/** The words that stand in the tag of rule and action group and in the description of a role assignment. */
export const ownerWords = ({ installationId, namespace, name }: Owner): string => `${installationId}/${namespace}/${name}`;

/** The description of our role assignments. A person who meets it in the portal learns where it comes from. */
export const ownerDescription = (owner: Owner): string => `${ownerTagName}: ${ownerWords(owner)}`;

/** Whom the description of a role assignment names, in the words of our descriptions; undefined: nobody. */
export const ownerNamed = (description: string): string | undefined =>
  new RegExp(`\\b${ownerTagName}: *([a-z0-9/.-]*[a-z0-9])`).exec(description)?.[1];

/** The name of rule and action group: a prefix people recognise, the cluster's name, and a hash that no other owner shares. */
export const azureName = (owner: Owner, clusterName: string): string =>
  `aks-notifier-${clusterName}-${createHash('sha256').update(ownerWords(owner)).digest('hex').slice(0, 12)}`;

/** Our own namespace of version 5 UUIDs: it never changes, or every role assignment would get a new name. */
const uuidNamespace = 'b0ff3a3c-8f4e-4c1c-9a52-6f0d2c6ad8d1';

/**
 * The GUID that names a role assignment. A new principal means a new name, because Azure never changes the principal of an
 * existing assignment; two owners that share an identity do not share an assignment.
 */
export const roleAssignmentName = (owner: Owner, scope: string, principalId: string, roleDefinitionId: string): string =>
  uuidv5([ownerWords(owner), comparableId(scope), principalId.toLowerCase(), roleDefinitionId.toLowerCase()].join('|'), uuidNamespace);
