import { readFileSync } from 'node:fs';
import type { World } from '../../emulator/world.ts';

const read = (path: string): string => readFileSync(new URL(`../../deploy/azure/${path}`, import.meta.url), 'utf8');
const role = (id: string, file: string): { id: string; name: string; actions: string[] } => ({
  id,
  ...(JSON.parse(read(`roles/${file}`)) as { name: string; actions: string[] }),
});
const operator = role('5e9f7a1c-2b3d-4c4e-8f60-718293a4b5c6', 'operator.json');
const readerGrants = role('5e9f7a1c-2b3d-4c4e-8f60-718293a4b5c7', 'reader-grants.json');

/** What `deploy/azure` gives the operator at a scope, and not an action more. */
export const setUpRights = (scope: string, principalId: string): Required<Pick<World, 'roleDefinitions' | 'roleAssignments'>> => ({
  roleDefinitions: [operator, readerGrants].map(({ id, name, actions }) => ({ id, name, actions })),
  roleAssignments: [
    { scope, roleDefinitionId: operator.id, principalId },
    { scope, roleDefinitionId: readerGrants.id, principalId, condition: read('reader-only.txt'), conditionVersion: '2.0' },
  ],
});
