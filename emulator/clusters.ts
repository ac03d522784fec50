import { echoed } from './echo.ts';
import { ArmError, resourceNotFound } from './errors.ts';
import { page } from './page.ts';
import type { ArmRequest, Azure, ResourceProvider, WireResource } from './provider.ts';
import { idKey, lastSegment, parentId } from './resource-id.ts';
import type { Cluster } from './world.ts';

const type = 'Microsoft.ContainerService/managedClusters';
const configurationType = `${type}/maintenanceConfigurations`;
const apiVersions = ['2026-06-01'];

/** AKS answers with a small `g` in `resourcegroups`, whatever was sent: one more reason to compare ids without case. */
const idToWire = (id: string): string => id.replace(/\/resourceGroups\//iu, '/resourcegroups/');

const clusterToWire = ({ id, location, upgradeChannel, nodeOSUpgradeChannel = 'NodeImage' }: Cluster): WireResource => ({
  id: idToWire(id),
  name: lastSegment(id),
  type: 'Microsoft.ContainerService/ManagedClusters',
  location: location.toLowerCase().replaceAll(' ', ''),
  properties: {
    provisioningState: 'Succeeded',
    powerState: { code: 'Running' },
    kubernetesVersion: '1.33',
    currentKubernetesVersion: '1.33.5',
    autoUpgradeProfile: { ...(upgradeChannel === undefined ? {} : { upgradeChannel }), nodeOSUpgradeChannel },
  },
});

const configurationToWire = (cluster: Cluster, name: string, properties: unknown): WireResource => ({
  id: `${idToWire(cluster.id)}/maintenanceConfigurations/${name}`,
  name,
  type: configurationType,
  properties,
});

/** AKS clusters, read only: the world says what there is. */
export const clusters = (azure: Azure): ResourceProvider => ({
  type,
  apiVersions,
  placement: 'resourceGroup',
  verbs: {
    GET: ({ path }) => {
      const cluster = azure.state.clusters.get(idKey(path.id));
      if (cluster === undefined) throw resourceNotFound(`${type}/${path.names[0] ?? ''}`, path.resourceGroup ?? '');
      return { status: 200, body: echoed(azure.settings, clusterToWire(cluster)) };
    },
  },
});

/** Planned maintenance windows of a cluster, read only. */
export const maintenanceConfigurations = (azure: Azure): ResourceProvider => {
  const parent = ({ path }: ArmRequest): Cluster => {
    const id = parentId(path.id);
    const cluster = azure.state.clusters.get(idKey(id));
    if (cluster !== undefined) return cluster;
    throw new ArmError(404, {
      code: 'ParentResourceNotFound',
      message: `Failed to perform 'read' on resource(s) of type 'managedClusters/maintenanceConfigurations', because the parent resource '${id}' could not be found.`,
    });
  };
  return {
    type: configurationType,
    apiVersions,
    placement: 'resourceGroup',
    verbs: {
      GET: (request) => {
        const cluster = parent(request);
        const wanted = request.path.names[1] ?? '';
        const found = Object.entries(cluster.maintenanceConfigurations ?? {}).find(([name]) => name.toLowerCase() === wanted.toLowerCase());
        if (found === undefined) {
          throw new ArmError(404, { code: 'NotFound', message: `The maintenance configuration '${wanted}' was not found.` });
        }
        return { status: 200, body: echoed(azure.settings, configurationToWire(cluster, ...found)) };
      },
      LIST: (request) => {
        const cluster = parent(request);
        const entries = new Map(
          Object.entries(cluster.maintenanceConfigurations ?? {}).map(([name, properties]) => [name.toLowerCase(), { name, properties }]),
        );
        return page(azure, request, entries, ({ name, properties }) =>
          echoed(azure.settings, configurationToWire(cluster, name, properties)),
        );
      },
    },
  };
};
