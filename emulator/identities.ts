import { echoed } from './echo.ts';
import { resourceNotFound } from './errors.ts';
import type { Azure, ResourceProvider } from './provider.ts';
import { idKey, lastSegment } from './resource-id.ts';

const type = 'Microsoft.ManagedIdentity/userAssignedIdentities';

/** User-assigned managed identities, read only: the world says what there is. */
export const userAssignedIdentities = (azure: Azure): ResourceProvider => ({
  type,
  apiVersions: ['2023-01-31'],
  placement: 'resourceGroup',
  verbs: {
    GET: ({ path }) => {
      const { state, settings } = azure;
      const identity = state.userAssignedIdentities.get(idKey(path.id));
      if (identity === undefined) throw resourceNotFound(`${type}/${path.names[0] ?? ''}`, path.resourceGroup ?? '');
      const { id, principalId, clientId } = identity;
      const groups = state.subscriptions.get(path.subscriptionId.toLowerCase())?.resourceGroups;
      const location = groups?.get(path.resourceGroup?.toLowerCase() ?? '')?.location;
      const properties = { tenantId: state.tenantId, principalId, clientId };
      return { status: 200, body: echoed(settings, { id, name: lastSegment(id), type, location, tags: {}, properties }) };
    },
  },
});
