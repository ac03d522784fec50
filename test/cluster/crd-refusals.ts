import { actionGroupId, clusterId, email, identityId, type Json, type NamedList, receivers, right, spec } from './crd-objects.ts';

/** A wrong spec, the field that the API server is to name, and the words it is to say of it. */
export interface Refusal {
  readonly what: string;
  readonly spec: Json;
  readonly field: string;
  readonly says: string;
}

const wrong = (what: string, field: string, says: string, changes: Json): Refusal => ({ what, field, says, spec: spec(changes) });

/** One receiver of a list, right but for the changes. */
const wrongReceiver = (list: NamedList, what: string, field: string, says: string, changes: Json): Refusal => ({
  what: `${list}: ${what}`,
  field: `spec.receivers.${list}[0]${field}`,
  says,
  spec: receivers({ [list]: [{ ...right[list], ...changes }] }),
});

const wrongEmail = (what: string, address: string): Refusal => ({
  what: `a mail address with ${what}`,
  field: 'spec.receivers.email[0].address',
  says: 'address must be one plain mail address, such as oncall@contoso.com',
  spec: spec({ receivers: { email: [{ address }] } }),
});

const secret = { secretKeyRef: { name: 'hooks', key: 'url' } };

const notACluster =
  'clusterResourceId must be the full ARM id of an AKS cluster: /subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.ContainerService/managedClusters/<name>';
const notAGroup =
  'each of actionGroupIds must be the full ARM id of an action group: /subscriptions/<id>/resourceGroups/<group>/providers/Microsoft.Insights/actionGroups/<name>';
const notAResourceGroup = 'resourceGroup must be the name of a resource group, not its id';
const notADuration = 'interval must be a duration from 30s to 24h in whole hours, minutes and seconds, such as 10m or 1h30m';
const wrongSettling = 'settlingTime must be a duration from 0m to 12h in whole hours and minutes, such as 30m or 1h30m';
const wrongOverlap = 'overlap must be a duration from 0m to 12h in whole hours and minutes, such as 5m or 1h';
const wrongTagName = 'the name of a tag must not contain any of < > % & \\ ? /';
const ourTag = 'aks-notifier-owner is the tag by which the operator knows its own resources: choose another name';
const nobody = 'nobody would be told: set at least one of receivers and actionGroupIds';
const noReceiver = 'receivers must hold at least one receiver, such as email: [{address: oncall@contoso.com}]';
const tooManyGroups =
  'an alert rule holds at most 5 action groups, and receivers make one of them: list at most 4 actionGroupIds beside receivers';

const groups = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => actionGroupId(`group-${index}`));

const ofCluster: readonly Refusal[] = [
  wrong('no cluster', 'spec.clusterResourceId', 'Required value', { clusterResourceId: undefined }),
  wrong("a cluster's bare name", 'spec.clusterResourceId', notACluster, { clusterResourceId: 'prod' }),
  wrong('no cluster id but a resource group id', 'spec.clusterResourceId', notACluster, {
    clusterResourceId: clusterId.replace(/\/providers.*/, ''),
  }),
  wrong('another kind of resource', 'spec.clusterResourceId', notACluster, { clusterResourceId: actionGroupId('x') }),
  wrong('a subscription by its name', 'spec.clusterResourceId', notACluster, {
    clusterResourceId: clusterId.replace(/[-0-9a-f]{36}/, 'production'),
  }),
  wrong('a slash at the end of the cluster id', 'spec.clusterResourceId', notACluster, { clusterResourceId: `${clusterId}/` }),
  wrong('a quote in the cluster id', 'spec.clusterResourceId', notACluster, { clusterResourceId: `${clusterId}" or 1==1 //` }),
  wrong('a cluster id of two lines', 'spec.clusterResourceId', notACluster, { clusterResourceId: `${clusterId}\n` }),
  wrong('an empty cluster id', 'spec.clusterResourceId', notACluster, { clusterResourceId: '' }),
  wrong('a cluster id without end', 'spec.clusterResourceId', 'Too long: may not be more than 300', {
    clusterResourceId: clusterId + 'x'.repeat(300),
  }),
];

const ofNotices: readonly Refusal[] = [
  wrong('an unknown upgrade type', 'spec.upgradeTypes[0]', 'supported values: "K8sVersionUpgrade", "NodeOSUpgrade"', {
    upgradeTypes: ['Node'],
  }),
  wrong('no upgrade type', 'spec.upgradeTypes', 'should have at least 1 items', { upgradeTypes: [] }),
  wrong('an upgrade type twice', 'spec.upgradeTypes[1]', 'Duplicate value: "NodeOSUpgrade"', {
    upgradeTypes: ['NodeOSUpgrade', 'NodeOSUpgrade'],
  }),
  wrong('an unknown status', 'spec.statuses[0]', 'supported values: "Scheduled", "Started", "Completed", "Canceled", "Failed"', {
    statuses: ['Cancelled'],
  }),
  wrong('no status', 'spec.statuses', 'should have at least 1 items', { statuses: [] }),
  wrong('the end of support as a word', 'spec.endOfSupportNotices', 'must be of type boolean', { endOfSupportNotices: 'yes' }),
  wrong('a status twice', 'spec.statuses[1]', 'Duplicate value: "Failed"', { statuses: ['Failed', 'Failed'] }),
];

const ofGroups: readonly Refusal[] = [
  wrong('nobody to tell', 'spec', nobody, { receivers: undefined }),
  wrong('nobody to tell but an empty list', 'spec', nobody, { receivers: undefined, actionGroupIds: [] }),
  wrong('empty receivers', 'spec.receivers', noReceiver, { receivers: {} }),
  wrong('receivers with a name only', 'spec.receivers', noReceiver, { receivers: { shortName: 'prod' } }),
  wrong('receivers whose lists are empty', 'spec.receivers', noReceiver, { receivers: { email: [], sms: [] } }),
  wrong('empty receivers beside a group', 'spec.receivers', noReceiver, { receivers: {}, actionGroupIds: groups(1) }),
  wrong('five groups beside receivers', 'spec', tooManyGroups, { actionGroupIds: groups(5) }),
  wrong('six groups', 'spec.actionGroupIds', 'Too many: 6: must have at most 5 items', { receivers: undefined, actionGroupIds: groups(6) }),
  wrong('an action group by its name', 'spec.actionGroupIds[0]', notAGroup, { actionGroupIds: ['night-shift'] }),
  wrong('an action group name that ends with a full stop', 'spec.actionGroupIds[0]', notAGroup, { actionGroupIds: [actionGroupId('x.')] }),
  wrong('an action group name with a colon', 'spec.actionGroupIds[0]', notAGroup, { actionGroupIds: [actionGroupId('x:y')] }),
  wrong('one action group twice', 'spec.actionGroupIds[1]', 'Duplicate value', {
    actionGroupIds: [actionGroupId('x'), actionGroupId('x')],
  }),
  wrong('one action group in two spellings', 'spec.actionGroupIds', 'two of actionGroupIds are the same action group', {
    actionGroupIds: [actionGroupId('x'), actionGroupId('X')],
  }),
  wrong('an empty short name', 'spec.receivers.shortName', 'should be at least 1 chars long', { receivers: { email, shortName: '' } }),
  wrong('a padded short name', 'spec.receivers.shortName', 'should match', { receivers: { email, shortName: ' prod' } }),
  wrong('a short name of two lines', 'spec.receivers.shortName', 'should match', { receivers: { email, shortName: 'a\nb' } }),
  wrong('a short name of 13 characters', 'spec.receivers.shortName', 'Too long: may not be more than 12', {
    receivers: { email, shortName: 'x'.repeat(13) },
  }),
];

const ofReceivers: readonly Refusal[] = [
  wrongEmail('no domain', 'oncall'),
  wrongEmail('a name around it', 'On Call <oncall@contoso.com>'),
  wrongEmail('a second one', 'a@contoso.com,b@contoso.com'),
  wrongEmail('a blank at its end', 'oncall@contoso.com '),
  {
    what: 'a mail address of 65 characters',
    field: 'spec.receivers.email[0].address',
    says: 'Too long: may not be more than 64',
    spec: spec({ receivers: { email: [{ address: `${'x'.repeat(53)}@contoso.com` }] } }),
  },
  {
    what: 'a mail address twice',
    field: 'spec.receivers.email[1]',
    says: 'Duplicate value: {"address":"oncall@contoso.com"}',
    spec: spec({ receivers: { email: [...email, ...email] } }),
  },
  {
    what: '1001 mail addresses',
    field: 'spec.receivers.email',
    says: 'Too many: 1001: must have at most 1000 items',
    spec: spec({ receivers: { email: Array.from({ length: 1001 }, (_, index) => ({ address: `p${index}@contoso.com` })) } }),
  },
  wrongReceiver('sms', "a '+' in the country code", '.countryCode', "countryCode must be one to four digits without '+', such as 1 or 49", {
    countryCode: '+49',
  }),
  wrongReceiver('sms', 'a number with blanks', '.phoneNumber', 'phoneNumber must be four to fifteen digits', { phoneNumber: '171 234' }),
  wrongReceiver('sms', 'an empty name', '.name', 'should be at least 1 chars long', { name: '' }),
  ...(['sms', 'webhook'] as const).flatMap((list) =>
    [' padded', 'padded ', 'two\nlines', 'a line end\n', 'a bell\u0007', '\u00a0padded'].map((name) =>
      wrongReceiver(list, `the name ${JSON.stringify(name)}`, '.name', 'should match', { name }),
    ),
  ),
  wrong('a padded name of a mail receiver', 'spec.receivers.email[0].name', 'should match', {
    receivers: { email: [{ ...email[0], name: 'on call ' }] },
  }),
  wrongReceiver('webhook', 'no URL', '', 'set exactly one of serviceUri and serviceUriFrom', { serviceUri: undefined }),
  wrongReceiver('webhook', 'two URLs', '', 'set exactly one of serviceUri and serviceUriFrom', { serviceUriFrom: secret }),
  wrongReceiver('webhook', 'no scheme', '.serviceUri', 'serviceUri must be a URL that begins with https:// or http://', {
    serviceUri: 'chat.contoso.com/hook',
  }),
  wrongReceiver('webhook', 'another scheme', '.serviceUri', 'serviceUri must be a URL that begins with https:// or http://', {
    serviceUri: 'ftp://chat.contoso.com/hook',
  }),
  wrongReceiver('webhook', 'a Secret without a key', '.serviceUriFrom.secretKeyRef.key', 'Required value', {
    serviceUri: undefined,
    serviceUriFrom: { secretKeyRef: { name: 'hooks' } },
  }),
  ...(
    [
      ['a dot', '.'],
      ['a way out of the folder', '../configmaps/x'],
      ['capitals', 'Hooks'],
    ] as const
  ).map(([what, name]) =>
    wrongReceiver(
      'webhook',
      `${what} as the name of a Secret`,
      '.serviceUriFrom.secretKeyRef.name',
      "name must be the name of a Secret: small letters, digits, '-' and '.', such as hooks",
      { serviceUri: undefined, serviceUriFrom: { secretKeyRef: { name, key: 'url' } } },
    ),
  ),
  wrongReceiver('webhook', 'a path as key', '.serviceUriFrom.secretKeyRef.key', "key may hold letters, digits, '-', '_' and '.' only", {
    serviceUri: undefined,
    serviceUriFrom: { secretKeyRef: { name: 'hooks', key: 'a/b' } },
  }),
  wrongReceiver('armRole', 'a role by its name', '.roleId', 'roleId must be the GUID of a role that Azure sends mail to: 8e3af657', {
    roleId: 'Owner',
  }),
  wrongReceiver(
    'armRole',
    'a role that Azure sends no mail to',
    '.roleId',
    '(Contributor), acdd72a7-3385-48ef-bd42-f606fba81ae7 (Reader)',
    {
      roleId: '18d7d88d-d35e-4fb5-a5c3-7773c20a72d9',
    },
  ),
  wrongReceiver('azureApp', 'no address', '.emailAddress', 'emailAddress must be one plain mail address', { emailAddress: 'oncall' }),
  wrongReceiver('logicApp', 'two URLs', '', 'set exactly one of callbackUrl and callbackUrlFrom', { callbackUrlFrom: secret }),
  wrongReceiver('logicApp', 'a bare name', '.resourceId', 'resourceId must be a full ARM id: /subscriptions/<id>/resourceGroups/<group>', {
    resourceId: 'on-maintenance',
  }),
  wrongReceiver('azureFunction', 'no URL', '', 'set exactly one of httpTriggerUrl and httpTriggerUrlFrom', { httpTriggerUrl: undefined }),
  wrongReceiver('azureFunction', 'another kind of id', '.functionAppResourceId', 'functionAppResourceId must be a full ARM id', {
    functionAppResourceId: clusterId,
  }),
  wrongReceiver('automationRunbook', 'two URLs', '', 'set at most one of serviceUri and serviceUriFrom', {
    serviceUri: 'https://x.contoso.com',
    serviceUriFrom: secret,
  }),
  wrongReceiver('automationRunbook', 'the account as its webhook', '.webhookResourceId', 'webhookResourceId must be a full ARM id', {
    webhookResourceId: right.automationRunbook.automationAccountId,
  }),
  wrongReceiver('eventHub', 'a host as its namespace', '.eventHubNameSpace', 'eventHubNameSpace must be the short name of a namespace', {
    eventHubNameSpace: 'contoso.servicebus.windows.net',
  }),
  wrongReceiver('eventHub', 'a tenant by its name', '.tenantId', 'tenantId must be the GUID of a tenant', { tenantId: 'contoso' }),
  wrongReceiver('eventHub', 'a subscription by its name', '.subscriptionId', 'subscriptionId must be the GUID of a subscription', {
    subscriptionId: 'production',
  }),
  wrongReceiver('eventHub', 'a path as its name', '.eventHubName', 'eventHubName must be the name of an event hub', {
    eventHubName: 'contoso/maintenance',
  }),
  wrongReceiver('itsm', 'a region with a blank', '.region', 'supported values: "australiasoutheast", "canadacentral"', {
    region: 'West Europe',
  }),
  wrongReceiver('itsm', 'a region without ITSM connections', '.region', 'Unsupported value: "northeurope"', { region: 'northeurope' }),
  wrongReceiver('itsm', 'a workspace without its subscription', '.workspaceId', 'workspaceId must be <subscription id>|<workspace id>', {
    workspaceId: right.armRole.roleId,
  }),
  // What Azure's specification requires of each kind.
  ...(
    [
      ['sms', ['countryCode', 'phoneNumber']],
      ['voice', ['countryCode', 'phoneNumber']],
      ['armRole', ['roleId']],
      ['azureApp', ['emailAddress']],
      ['logicApp', ['resourceId']],
      ['azureFunction', ['functionAppResourceId', 'functionName']],
      ['automationRunbook', ['automationAccountId', 'runbookName', 'webhookResourceId', 'isGlobalRunbook']],
      ['eventHub', ['eventHubNameSpace', 'eventHubName', 'subscriptionId']],
      ['itsm', ['workspaceId', 'connectionId', 'ticketConfiguration', 'region']],
    ] as const
  ).flatMap(([kind, fields]) =>
    fields.map((field) => wrongReceiver(kind, `no ${field}`, `.${field}`, 'Required value', { [field]: undefined })),
  ),
];

const ofAlertRule: readonly Refusal[] = [
  wrong('a severity beyond 4', 'spec.alertRule.severity', 'should be less than or equal to 4', { alertRule: { severity: 5 } }),
  wrong('a severity below 0', 'spec.alertRule.severity', 'should be greater than or equal to 0', { alertRule: { severity: -1 } }),
  wrong('a severity that is no whole number', 'spec.alertRule.severity', 'must be of type integer', { alertRule: { severity: 1.5 } }),
  wrong('a frequency that Azure refuses for such a query', 'spec.alertRule.evaluationFrequency', 'supported values: "5m", "10m", "15m"', {
    alertRule: { evaluationFrequency: '1m' },
  }),
  wrong('a frequency in other words', 'spec.alertRule.evaluationFrequency', 'supported values: "5m", "10m", "15m"', {
    alertRule: { evaluationFrequency: '60m' },
  }),
  wrong('a description of 4097 characters', 'spec.alertRule.description', 'Too long: may not be more than 4096', {
    alertRule: { description: 'x'.repeat(4097) },
  }),
  wrong('a custom property that is no text', 'spec.alertRule.customProperties.team', 'must be of type string', {
    alertRule: { customProperties: { team: 1 } },
  }),
];

const ofWindow: readonly Refusal[] = ['12h1m', '721m', '30s', '1.5h', '-5m', '30', 'PT30M', '1d'].flatMap((duration) => [
  wrong(`the settling time ${duration}`, 'spec.alertRule.settlingTime', wrongSettling, { alertRule: { settlingTime: duration } }),
  wrong(`the overlap ${duration}`, 'spec.alertRule.overlap', wrongOverlap, { alertRule: { overlap: duration } }),
]);

const ofPlacement: readonly Refusal[] = [
  wrong('a subscription by its name', 'spec.placement.subscriptionId', 'subscriptionId must be the GUID of a subscription', {
    placement: { subscriptionId: 'production' },
  }),
  wrong('a resource group by its id', 'spec.placement.resourceGroup', notAResourceGroup, {
    placement: { resourceGroup: clusterId.replace(/\/providers.*/, '') },
  }),
  wrong('a resource group that ends with a full stop', 'spec.placement.resourceGroup', notAResourceGroup, {
    placement: { resourceGroup: 'shop.' },
  }),
  wrong('a resource group of 91 characters', 'spec.placement.resourceGroup', 'Too long: may not be more than 90', {
    placement: { resourceGroup: 'x'.repeat(91) },
  }),
  wrong('a region as people call it', 'spec.placement.location', 'location must be the short name of an Azure region, in small letters', {
    placement: { location: 'West Europe' },
  }),
];

const ofIdentity: readonly Refusal[] = [
  wrong('an identity without a type', 'spec.identity.type', 'Required value', { identity: { resourceId: identityId } }),
  wrong('an unknown type of identity', 'spec.identity.type', 'supported values: "SystemAssigned", "UserAssigned"', {
    identity: { type: 'None' },
  }),
  wrong('a user-assigned identity without its id', 'spec.identity', 'type UserAssigned needs resourceId', {
    identity: { type: 'UserAssigned' },
  }),
  wrong('an id for the system-assigned identity', 'spec.identity', 'resourceId goes with type UserAssigned only', {
    identity: { type: 'SystemAssigned', resourceId: identityId },
  }),
  wrong('an identity by its name', 'spec.identity.resourceId', 'resourceId must be the full ARM id of a user-assigned identity', {
    identity: { type: 'UserAssigned', resourceId: 'rule-reader' },
  }),
  wrong('an unknown scope', 'spec.readerScopes[0]', 'supported values: "Cluster", "ResourceGroup", "Subscription"', {
    readerScopes: ['ManagementGroup'],
  }),
  wrong('a scope twice', 'spec.readerScopes[1]', 'Duplicate value: "Cluster"', { readerScopes: ['Cluster', 'Cluster'] }),
];

const ofTags: readonly Refusal[] = [
  wrong('the tag of the operator', 'spec.tags', ourTag, { tags: { 'aks-notifier-owner': 'me' } }),
  wrong('the tag of the operator in other letters', 'spec.tags', ourTag, { tags: { 'AKS-Notifier-Owner': 'me' } }),
  ...['<', '>', '%', '&', '\\', '?', '/'].map((letter) =>
    wrong(`a tag with ${letter} in its name`, 'spec.tags', wrongTagName, { tags: { [`a${letter}b`]: '' } }),
  ),
  wrong('a tag name of 513 characters', 'spec.tags', 'the name of a tag must have 1 to 512 characters', {
    tags: { ['n'.repeat(513)]: '' },
  }),
  wrong('an empty tag name', 'spec.tags', 'the name of a tag must have 1 to 512 characters', { tags: { '': 'x' } }),
  wrong('a tag value of 257 characters', 'spec.tags.team', 'Too long: may not be more than 256', { tags: { team: 'x'.repeat(257) } }),
  wrong('50 tags', 'spec.tags', 'Too many: 50: must have at most 49 items', {
    tags: Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`tag-${index}`, ''])),
  }),
];

const ofPolicies: readonly Refusal[] = [
  wrong('an unknown conflict policy', 'spec.conflictPolicy', 'supported values: "Refuse", "Adopt"', { conflictPolicy: 'Force' }),
  wrong('an unknown deletion policy', 'spec.deletionPolicy', 'supported values: "Delete", "Orphan"', { deletionPolicy: 'Retain' }),
  wrong('suspend as a word', 'spec.suspend', 'must be of type boolean', { suspend: 'yes' }),
  ...['29s', '0s', '24h1s', '48h', '10', 'ten minutes', '-10m', '1d', 'PT10M', '1.5h'].map((interval) =>
    wrong(`the interval ${interval}`, 'spec.interval', notADuration, { interval }),
  ),
  wrong('an empty interval', 'spec.interval', 'should be at least 2 chars long', { interval: '' }),
];

export const refusals: readonly Refusal[] = [
  ...ofCluster,
  ...ofNotices,
  ...ofGroups,
  ...ofReceivers,
  ...ofAlertRule,
  ...ofWindow,
  ...ofPlacement,
  ...ofIdentity,
  ...ofTags,
  ...ofPolicies,
];
