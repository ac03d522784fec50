import { truthCluster, type Wanted } from './notice-rows.ts';

/**
 * The query that Microsoft's page "Azure Kubernetes Service Communication Manager" of 2025-04-02 gave for cluster upgrades, with its
 * table line and the cluster filled in, to compare ours with. The page's query for node OS upgrades differs in the word of the last filter (as
 * corrected later); it has none for a choice of statuses, so those are not asked for here.
 */
export const publishedQuery = ({ upgradeTypes = ['K8sVersionUpgrade', 'NodeOSUpgrade'] }: Wanted): string => {
  const { subscriptionId, resourceGroup, type, name } = truthCluster;
  // The page has one rule per kind; a row that either of the two announces is announced.
  const kinds = upgradeTypes.map((kind) => `upgradeType == "${kind}"`).join(' or ');
  return [
    'arg("").containerserviceeventresources',
    '| where type == "microsoft.containerservice/managedclusters/scheduledevents"',
    `| where id contains "/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/${type}/${name}"`,
    '| where properties has "eventStatus"',
    '| extend status = substring(properties, indexof(properties, "eventStatus") + strlen("eventStatus") + 3, 50)',
    '| extend status = substring(status, 0, indexof(status, ",") - 1)',
    '| where status != ""',
    '| where properties has "eventDetails"',
    `| extend upgradeType = case(properties has "K8sVersionUpgrade", "K8sVersionUpgrade", properties has "NodeOSUpgrade", "NodeOSUpgrade",
       status == "Completed" or status == "Failed",
       case(properties has '"type":1', "K8sVersionUpgrade", properties has '"type":2', "NodeOSUpgrade", ""), "")`,
    '| where properties has "lastUpdateTime"',
    '| extend eventTime = substring(properties, indexof(properties, "lastUpdateTime") + strlen("lastUpdateTime") + 3, 50)',
    '| extend eventTime = substring(eventTime, 0, indexof(eventTime, ",") - 1)',
    '| extend eventTime = todatetime(tostring(eventTime))',
    '| where eventTime >= ago(2h)',
    `| where ${kinds}`,
    '| project eventTime, upgradeType, status, properties',
    '| order by eventTime asc',
  ].join('\n');
};
