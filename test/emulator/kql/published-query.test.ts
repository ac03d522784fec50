import { describe, expect, it } from 'vitest';
import { compileQuery, type Row } from '../../../emulator/kql/compile.ts';
import { diagnose } from '../../../emulator/kql/language.ts';
import { now } from './queries.ts';

const cluster = {
  subscriptionId: '5b3c1d2e-0000-4000-8000-000000000001',
  resourceGroup: 'shop',
  type: 'Microsoft.ContainerService/managedClusters',
  name: 'prod',
};

const properties = {
  description: 'ScheduledEvents',
  eventId: 'bbe82027-0444-4f73-897a-0bbfe3af66f1',
  eventSource: 'AutoUprader',
  eventStatus: 'Started',
  eventDetails: 'Start NodeOSUpgrade',
  scheduledTime: '2026-11-01T11:17:12.103268606Z',
  startTime: '0001-01-01T00:00:00.0000000Z',
  lastUpdateTime: '2026-11-01T11:50:00Z',
  resourceType: 'ManagedCluster',
};

const row: Row = {
  name: '1',
  id: `/subscriptions/${cluster.subscriptionId}/resourcegroups/shop/providers/${cluster.type}/prod/scheduledEvents/1`,
  type: 'microsoft.containerservice/managedclusters/scheduledevents',
  properties,
};

const withProperties = (changes: object): Row => ({ ...row, properties: { ...properties, ...changes } });

const results = (text: string, rows: readonly Row[]): readonly Row[] | string => {
  const query = compileQuery(text, 'alert');
  return 'fault' in query ? query.fault : query.run(rows, now);
};

describe('the query that Microsoft published', () => {
  // "Azure Kubernetes Service Communication Manager", 2025-04-02, for upgrades of the cluster.
  const text = `arg("").containerserviceeventresources
| where type == "microsoft.containerservice/managedclusters/scheduledevents"
| where id contains "/subscriptions/${cluster.subscriptionId}/resourcegroups/shop/providers/Microsoft.ContainerService/managedClusters/prod"
| where properties has "eventStatus"
| extend status = substring(properties, indexof(properties, "eventStatus") + strlen("eventStatus") + 3, 50)
| extend status = substring(status, 0, indexof(status, ",") - 1)
| where status != ""
| where properties has "eventDetails"
| extend upgradeType = case(
                          properties has "K8sVersionUpgrade",
                          "K8sVersionUpgrade",
                          properties has "NodeOSUpgrade",
                          "NodeOSUpgrade",
                          status == "Completed" or status == "Failed",
                          case(
   properties has '"type":1',
   "K8sVersionUpgrade",
   properties has '"type":2',
   "NodeOSUpgrade",
   ""
),
                          ""
                      )
| where properties has "lastUpdateTime"
| extend eventTime = substring(properties, indexof(properties, "lastUpdateTime") + strlen("lastUpdateTime") + 3, 50)
| extend eventTime = substring(eventTime, 0, indexof(eventTime, ",") - 1)
| extend eventTime = todatetime(tostring(eventTime))
| where eventTime >= ago(2h)
| where upgradeType == "K8sVersionUpgrade"
| project
   eventTime,
   upgradeType,
   status,
   properties
| order by eventTime asc`;

  const upgrade = { eventDetails: 'K8sVersionUpgrade' };
  const found = { eventTime: '2026-11-01T11:50:00.0000000Z', upgradeType: 'K8sVersionUpgrade', status: 'Started' };
  const asText = (changes: object, space?: number): Row => ({
    ...row,
    properties: JSON.stringify({ ...properties, ...upgrade, ...changes }, null, space),
  });

  it('is right to Microsoft', () => {
    expect(diagnose(text, 'alert')).toEqual([]);
  });

  it('finds an event, whether the bag is an object or a text', () => {
    expect(results(text, [withProperties(upgrade), asText({})])).toMatchObject([found, found]);
  });

  it('tells kinds by their number, when the upgrade is over', () => {
    const numbered = { eventStatus: 'Failed', eventDetails: { type: 1 } };
    expect(results(text, [withProperties(numbered)])).toMatchObject([{ ...found, status: 'Failed' }]);
    expect(results(text, [withProperties({ ...numbered, eventDetails: { type: 12 } })])).toEqual([]);
  });

  it.each<[string, Row]>([
    ['the status is the last in the bag', asText({ eventStatus: undefined, zzz: 'x', lastUpdateTime: undefined })],
    ['the time is the last in the bag', asText({ resourceType: undefined })],
    ['there are spaces in the text', asText({}, 1)],
    ['the time is that of year 1', withProperties({ ...upgrade, lastUpdateTime: '0001-01-01T00:00:00.0000000Z' })],
  ])('loses one when %s', (_name, other) => {
    expect(results(text, [other])).toEqual([]);
  });
});
