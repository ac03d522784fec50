import type { MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import { subscriptionId } from './notification.ts';

type Receivers = Required<Omit<NonNullable<MaintenanceNotificationSpec['receivers']>, 'shortName'>>;

const group = `/subscriptions/${subscriptionId}/resourceGroups/Shop/providers`;
const automationAccountId = `${group}/Microsoft.Automation/automationAccounts/Ops`;
const workspace = '33333333-3333-4333-8333-333333333333';

/** One receiver of every kind, with every field that has no Secret. */
export const oneOfEach = {
  email: [{ address: 'Oncall@contoso.com', name: 'people' }],
  sms: [{ name: 'Duty', countryCode: '49', phoneNumber: '1712345678' }],
  voice: [{ name: 'Night', countryCode: '1', phoneNumber: '5551234567' }],
  webhook: [{ name: 'hook', serviceUri: 'https://hooks.example.com/Path?key=Secret' }],
  armRole: [{ name: 'owners', roleId: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635' }],
  azureApp: [{ name: 'App', emailAddress: 'oncall@contoso.com' }],
  logicApp: [
    {
      name: 'flow',
      resourceId: `${group}/Microsoft.Logic/workflows/On-Maintenance`,
      callbackUrl: 'https://logic.example.com/triggers/manual?sig=Secret',
    },
  ],
  azureFunction: [
    {
      name: 'function',
      functionAppResourceId: `${group}/Microsoft.Web/sites/Hooks`,
      functionName: 'Announce',
      httpTriggerUrl: 'https://functions.example.com/api/announce?code=Secret',
    },
  ],
  automationRunbook: [
    {
      name: 'book',
      automationAccountId,
      runbookName: 'Announce',
      webhookResourceId: `${automationAccountId}/webhooks/Announce`,
      isGlobalRunbook: false,
      serviceUri: 'https://automation.example.com/webhooks?token=Secret',
    },
  ],
  eventHub: [
    {
      name: 'hub',
      eventHubNameSpace: 'Contoso-Events',
      eventHubName: 'Maintenance',
      subscriptionId,
      tenantId: '44444444-4444-4444-8444-444444444444',
    },
  ],
  itsm: [
    {
      name: 'tickets',
      workspaceId: `${subscriptionId}|${workspace}`,
      connectionId: 'a3b9076c-ce8e-434e-85b4-aff10cb3c8f1',
      ticketConfiguration: '{"PayloadRevision":0,"WorkItemType":"Incident","UseTemplate":false}',
      region: 'westeurope',
    },
  ],
} as const satisfies Receivers;

/** The same, each as Azure has it. */
export const oneOfEachInAzure = {
  emailReceivers: [{ name: 'people', emailAddress: 'Oncall@contoso.com', useCommonAlertSchema: true }],
  smsReceivers: oneOfEach.sms,
  voiceReceivers: oneOfEach.voice,
  webhookReceivers: [{ ...oneOfEach.webhook[0], useCommonAlertSchema: true }],
  armRoleReceivers: [{ ...oneOfEach.armRole[0], useCommonAlertSchema: true }],
  azureAppPushReceivers: oneOfEach.azureApp,
  logicAppReceivers: [{ ...oneOfEach.logicApp[0], useCommonAlertSchema: true }],
  azureFunctionReceivers: [{ ...oneOfEach.azureFunction[0], useCommonAlertSchema: true }],
  automationRunbookReceivers: [{ ...oneOfEach.automationRunbook[0], useCommonAlertSchema: true }],
  eventHubReceivers: [{ ...oneOfEach.eventHub[0], useCommonAlertSchema: true }],
  itsmReceivers: oneOfEach.itsm,
} as const;

/** A change of one field of every kind, as it is made in the spec: where, and what it is called afterwards. */
export const oneChangeOfEach: readonly {
  readonly kind: keyof Receivers;
  readonly list: keyof typeof oneOfEachInAzure;
  /** Of the spec. */
  readonly field: string;
  /** Of Azure, where it is another one. */
  readonly azureField?: string;
  readonly to: string | boolean;
  /** How a difference shows it; undefined: not at all. */
  readonly shown?: string;
}[] = [
  {
    kind: 'email',
    list: 'emailReceivers',
    field: 'address',
    azureField: 'emailAddress',
    to: 'other@contoso.com',
    shown: 'oncall@contoso.com → other@contoso.com',
  },
  { kind: 'sms', list: 'smsReceivers', field: 'phoneNumber', to: '1799999999', shown: '1712345678 → 1799999999' },
  { kind: 'voice', list: 'voiceReceivers', field: 'countryCode', to: '44', shown: '1 → 44' },
  { kind: 'webhook', list: 'webhookReceivers', field: 'serviceUri', to: 'https://hooks.example.com/path?key=Secret' },
  {
    kind: 'armRole',
    list: 'armRoleReceivers',
    field: 'roleId',
    to: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
    shown: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635 → acdd72a7-3385-48ef-bd42-f606fba81ae7',
  },
  {
    kind: 'azureApp',
    list: 'azureAppPushReceivers',
    field: 'emailAddress',
    to: 'other@contoso.com',
    shown: 'oncall@contoso.com → other@contoso.com',
  },
  { kind: 'logicApp', list: 'logicAppReceivers', field: 'callbackUrl', to: 'https://logic.example.com/triggers/manual?sig=Other' },
  { kind: 'azureFunction', list: 'azureFunctionReceivers', field: 'functionName', to: 'Tell', shown: 'announce → tell' },
  { kind: 'automationRunbook', list: 'automationRunbookReceivers', field: 'isGlobalRunbook', to: true, shown: 'false → true' },
  { kind: 'eventHub', list: 'eventHubReceivers', field: 'eventHubName', to: 'other', shown: 'maintenance → other' },
  { kind: 'itsm', list: 'itsmReceivers', field: 'ticketConfiguration', to: '{"PayloadRevision":0,"WorkItemType":"Event"}' },
];
