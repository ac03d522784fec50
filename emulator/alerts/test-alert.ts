import { randomUUID } from 'node:crypto';
import type { Condition } from '../alert-rules.ts';
import type { StoredActionGroup } from '../action-groups.ts';
import { commonAlert, type CommonAlert } from './payload.ts';

const condition: Condition = { query: 'Heartbeat', timeAggregation: 'Count', operator: 'GreaterThan', threshold: 0 };

/** The made-up alert that a test notification tells of. */
export const testAlert = ({ subscriptionId, resourceGroup }: StoredActionGroup, at: Date): CommonAlert => {
  const scope = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.OperationalInsights/workspaces/test-logAlertRule-v2`;
  const series = { dimensions: [{ name: 'Computer', value: 'test-computer' }], count: 1 };
  return commonAlert(
    {
      subscriptionId,
      name: 'test-logAlertRule-v2',
      body: {
        location: '',
        properties: { severity: 3, scopes: [scope], windowSize: 'PT5M', description: 'Alert rule description' },
      },
    },
    condition,
    { alertId: randomUUID(), monitorCondition: 'Fired', series, firedAt: at, at },
  );
};
