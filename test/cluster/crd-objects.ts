/** Objects of our kind for the tests of its schema. Loosely typed, since many of them are wrong on purpose. */

export type Json = Readonly<Record<string, unknown>>;

export interface Wished {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Json;
  readonly spec: Json;
}

const subscriptionId = '00000000-0000-4000-8000-00000000000a';
const group = `/subscriptions/${subscriptionId}/resourceGroups/shop`;

export const clusterId = `${group}/providers/Microsoft.ContainerService/managedClusters/prod`;
export const actionGroupId = (name: string): string => `${group}/providers/Microsoft.Insights/actionGroups/${name}`;
export const identityId = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/rule-reader`;
const logicAppId = `${group}/providers/Microsoft.Logic/workflows/on-maintenance`;
const functionAppId = `${group}/providers/Microsoft.Web/sites/hooks`;
const automationAccountId = `${group}/providers/Microsoft.Automation/automationAccounts/ops`;
const roleId = '8e3af657-a8ff-443c-a75c-2fe8c4bcb635';
const secret = { secretKeyRef: { name: 'hooks', key: 'url' } };

export const notification = (name: string, spec: Json): Wished => ({
  apiVersion: 'aks-notifier.dev/v1alpha1',
  kind: 'MaintenanceNotification',
  metadata: { name },
  spec,
});

export const email = [{ address: 'oncall@contoso.com' }];

/** The least that is right, and what a case adds to it; `undefined` takes a field away. */
export const spec = (changes: Json = {}): Json => ({ clusterResourceId: clusterId, receivers: { email }, ...changes });
export const receivers = (changes: Json): Json => spec({ receivers: { email, ...changes } });

/** One right receiver of each list that is keyed by name. */
export const right = {
  sms: { name: 'sms', countryCode: '49', phoneNumber: '1712345678' },
  voice: { name: 'voice', countryCode: '1', phoneNumber: '5551234567' },
  webhook: { name: 'webhook', serviceUri: 'https://chat.contoso.com/hooks/aks?token=1' },
  armRole: { name: 'owners', roleId },
  azureApp: { name: 'app', emailAddress: 'oncall@contoso.com' },
  logicApp: { name: 'logic-app', resourceId: logicAppId, callbackUrl: 'https://logic.contoso.com/trigger' },
  azureFunction: {
    name: 'function',
    functionAppResourceId: functionAppId,
    functionName: 'announce',
    httpTriggerUrl: 'https://hooks.contoso.com/api/announce',
  },
  automationRunbook: {
    name: 'runbook',
    automationAccountId,
    runbookName: 'announce',
    webhookResourceId: `${automationAccountId}/webhooks/announce`,
    isGlobalRunbook: false,
  },
  eventHub: { name: 'event-hub', eventHubNameSpace: 'contoso-events', eventHubName: 'maintenance', subscriptionId },
  itsm: {
    name: 'tickets',
    workspaceId: `${subscriptionId}|${roleId}`,
    connectionId: 'a3b9076c-ce8e-434e-85b4-aff10cb3c8f1',
    ticketConfiguration: '{"PayloadRevision":0,"WorkItemType":"Incident"}',
    region: 'westeurope',
  },
} as const satisfies Readonly<Record<string, Json>>;

export type NamedList = keyof typeof right;
export const namedLists = Object.keys(right) as readonly NamedList[];

/** A spec with every field that the schema knows. */
export const everyField: Json = {
  clusterResourceId: clusterId,
  upgradeTypes: ['K8sVersionUpgrade', 'NodeOSUpgrade'],
  statuses: ['Scheduled', 'Started', 'Completed', 'Canceled', 'Failed'],
  endOfSupportNotices: true,
  receivers: {
    shortName: 'shop-prod',
    email: [{ address: 'oncall@contoso.com', name: 'on call', useCommonAlertSchema: false }],
    sms: [right.sms],
    voice: [right.voice],
    webhook: [
      { ...right.webhook, useCommonAlertSchema: true },
      { name: 'secret webhook', serviceUriFrom: secret, useCommonAlertSchema: true },
    ],
    armRole: [{ ...right.armRole, useCommonAlertSchema: true }],
    azureApp: [right.azureApp],
    logicApp: [
      { ...right.logicApp, useCommonAlertSchema: true },
      { name: 'secret logic app', resourceId: logicAppId, callbackUrlFrom: secret },
    ],
    azureFunction: [
      { ...right.azureFunction, useCommonAlertSchema: true },
      { name: 'secret function', functionAppResourceId: functionAppId, functionName: 'announce', httpTriggerUrlFrom: secret },
    ],
    automationRunbook: [
      { ...right.automationRunbook, serviceUri: 'https://automation.contoso.com/webhooks?token=1', useCommonAlertSchema: true },
      { ...right.automationRunbook, name: 'secret runbook', serviceUriFrom: secret },
    ],
    eventHub: [{ ...right.eventHub, tenantId: roleId, useCommonAlertSchema: true }],
    itsm: [right.itsm],
  },
  actionGroupIds: [1, 2, 3, 4].map((number) => actionGroupId(`group-${number}`)),
  alertRule: {
    severity: 4,
    evaluationFrequency: '24h',
    settlingTime: '1h30m',
    overlap: '12h',
    displayName: 'Maintenance of prod',
    description: 'x'.repeat(4096),
    emailSubject: 'Maintenance: ${data.essentials.monitorCondition}',
    customProperties: { team: 'platform', empty: '' },
  },
  placement: { subscriptionId, resourceGroup: 'Alerts_(all).1', location: 'northeurope' },
  identity: { type: 'UserAssigned', resourceId: identityId },
  readerScopes: ['Cluster', 'ResourceGroup', 'Subscription'],
  tags: { 'cost center': '4711', 'a:b=c.d': 'x'.repeat(256), ['n'.repeat(512)]: '' },
  conflictPolicy: 'Adopt',
  deletionPolicy: 'Orphan',
  suspend: true,
  interval: '1h30m',
};
