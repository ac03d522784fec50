/** Many notifications in the namespace `default`, each of one of many clusters. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MaintenanceNotification } from '../src/api/maintenance-notification.ts';
import { clusterId, isReady, type Stage } from '../test/support/stage.ts';
import { waitFor } from '../test/support/wait.ts';

export const path = '/apis/aks-notifier.dev/v1alpha1/namespaces/default/maintenancenotifications';
const longest = 30 * 60_000;

/** Clusters c0, c1, … that nobody plans any maintenance for. */
export const addClusters = ({ emulator }: Stage, count: number): void => {
  for (let index = 0; index < count; index += 1)
    emulator.world.addCluster({
      id: clusterId(`c${index}`),
      location: 'westeurope',
      upgradeChannel: 'stable',
      nodeOSUpgradeChannel: 'NodeImage',
      maintenanceConfigurations: {},
    });
};

// A page of objects at a time, as everybody should; without the cache of the API server in between everything is as new as can be.
const listed = async ({ controlPlane }: Stage): Promise<readonly MaintenanceNotification[]> => {
  const items: MaintenanceNotification[] = [];
  for (let token = ''; ;) {
    const { body } = await controlPlane.request<{
      readonly items: readonly MaintenanceNotification[];
      readonly metadata: { readonly continue?: string };
    }>('GET', `${path}?limit=500${token === '' ? '' : `&continue=${encodeURIComponent(token)}`}`);
    items.push(...body.items);
    token = body.metadata.continue ?? '';
    if (token === '') return items;
  }
};

/** Waits until so many objects are there and all of them Ready. Looks once in a while, for looking costs the API server something too. */
export const everythingInPlace = (stage: Stage, count: number, pauseMilliseconds: number): Promise<unknown> =>
  waitFor(
    'everything to be in place',
    async () => {
      await sleep(pauseMilliseconds);
      const found = await listed(stage);
      return found.length === count && found.every(isReady);
    },
    longest,
  );
