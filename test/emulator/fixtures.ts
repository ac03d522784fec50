import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Agent, fetch } from 'undici';
import { createServerCertificate } from '../../emulator/certificates.ts';
import type { Emulator } from '../../emulator/emulator.ts';
import type { World } from '../../emulator/world.ts';

export const tenantId = '11111111-1111-4111-8111-111111111111';
export const clientId = '22222222-2222-4222-8222-222222222222';
export const objectId = '33333333-3333-4333-8333-333333333333';
export const readerClientId = '2bbbbbbb-2222-4222-8222-222222222222';
export const readerObjectId = '3bbbbbbb-3333-4333-8333-333333333333';
export const subscriptionId = 'aaaaaaaa-4444-4444-8444-444444444444';
export const subscription = `/subscriptions/${subscriptionId}`;
export const group = `${subscription}/resourceGroups/shop`;
export const clusterId = `${group}/providers/Microsoft.ContainerService/managedClusters/prod`;
export const userAssignedId = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/watcher`;

export const roles = {
  owner: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
  contributor: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
  reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
  monitoringContributor: '749f88d5-cbae-40b8-bcfc-e573ddc772fa',
  accessAdministrator: 'f58310d9-a9f6-439a-9e8d-f62e7b41a168',
  managedIdentityOperator: 'f1a07417-d97a-45cb-824c-7a7467783830',
};

/** A tenant with one subscription, one cluster, an application that owns the subscription, and one that may only read it. */
export const smallWorld = (): World => ({
  tenantId,
  applications: [
    { clientId, objectId, federatedCredentials: [] },
    { clientId: readerClientId, objectId: readerObjectId, federatedCredentials: [] },
  ],
  subscriptions: [{ subscriptionId, resourceGroups: [{ name: 'shop', location: 'westeurope' }] }],
  roleAssignments: [
    { scope: subscription, roleDefinitionId: roles.owner, principalId: objectId },
    { scope: subscription, roleDefinitionId: roles.reader, principalId: readerObjectId },
  ],
  clusters: [
    {
      id: clusterId,
      location: 'westeurope',
      upgradeChannel: 'stable',
      nodeOSUpgradeChannel: 'NodeImage',
      maintenanceConfigurations: {
        aksManagedAutoUpgradeSchedule: {
          maintenanceWindow: { schedule: { weekly: { intervalWeeks: 1, dayOfWeek: 'Sunday' } }, durationHours: 4, startTime: '02:00' },
        },
      },
    },
  ],
  userAssignedIdentities: [
    { id: userAssignedId, principalId: '5aaaaaaa-5555-4555-8555-555555555555', clientId: '6aaaaaaa-6666-4666-8666-666666666666' },
  ],
});

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body; an empty object when there is none. */
  readonly body: any; // oxlint-disable-line typescript/no-explicit-any -- tests look into answers of every shape
}
