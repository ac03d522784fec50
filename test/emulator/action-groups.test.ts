import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type Emulator } from '../../emulator/emulator.ts';
import {
  actionGroup,
  actionGroupPath,
  group,
  sender,
  smallWorld,
  startAzure,
  subscriptionId,
  tenantId,
  type Reply,
  type Send,
} from './fixtures.ts';
import { oneOfEachInAzure } from '../support/receivers.ts';

let emulator: Emulator;
let send: Send;
let close: () => Promise<void>;
let made = 0;

const create = (body: unknown): Promise<Reply> => {
  made += 1;
  return send('PUT', actionGroupPath(`group-${made}`), { body });
};

beforeAll(async () => {
  emulator = await startEmulator({ world: smallWorld() });
  ({ send, close } = sender(emulator));
});

afterAll(async () => {
  await close();
  await emulator.stop();
});

it('lives: 404, 201, 200, 200, 200, 204', async () => {
  const path = actionGroupPath('life');
  const missing = await send('GET', path);
  expect(missing.body.error.message).toContain("'microsoft.insights/actiongroups/life' under resource group 'shop'");
  const statuses = [
    missing,
    await send('PUT', path, { body: actionGroup() }),
    await send('PUT', path, { body: actionGroup() }),
    await send('GET', path),
    await send('DELETE', path),
    await send('DELETE', path),
  ].map(({ status }) => status);
  expect(statuses).toEqual([404, 201, 200, 200, 200, 204]);
});

describe('what comes back', () => {
  it('has every receiver list, nulls, a capital Global and the subscription in capitals', async () => {
    const path = actionGroupPath('Echo');
    await send('PUT', path, { body: actionGroup() });
    const { body } = await send('GET', path);
    expect(body).toEqual({
      id: `${group.replace(subscriptionId, subscriptionId.toUpperCase())}/providers/microsoft.insights/actionGroups/Echo`,
      type: 'Microsoft.Insights/ActionGroups',
      name: 'Echo',
      location: 'Global',
      kind: null,
      tags: null,
      properties: {
        groupShortName: 'shop',
        enabled: true,
        emailReceivers: [{ name: 'oncall', emailAddress: 'oncall@contoso.com', useCommonAlertSchema: false, status: 'Enabled' }],
        smsReceivers: [],
        webhookReceivers: [],
        eventHubReceivers: [],
        itsmReceivers: [],
        azureAppPushReceivers: [],
        automationRunbookReceivers: [],
        voiceReceivers: [],
        logicAppReceivers: [],
        azureFunctionReceivers: [],
        armRoleReceivers: [],
      },
    });
    expect((await send('PUT', path, { body })).status).toBe(200);
  });

  it('keeps what was said about a receiver, of every kind', async () => {
    const id = `${group}/providers/Microsoft.X/y/z`;
    const uri = 'https://example.com/hook?code=secret';
    const receivers = {
      smsReceivers: [{ name: '1', countryCode: '49', phoneNumber: '1701234567' }],
      voiceReceivers: [{ name: '2', countryCode: '49', phoneNumber: '1701234567' }],
      azureAppPushReceivers: [{ name: '3', emailAddress: 'a@contoso.com' }],
      webhookReceivers: [{ name: '4', serviceUri: uri, useCommonAlertSchema: true, useAadAuth: false, managedIdentity: 'None' }],
      logicAppReceivers: [{ name: '5', resourceId: id, callbackUrl: uri, useCommonAlertSchema: true }],
      azureFunctionReceivers: [
        { name: '6', functionAppResourceId: id, functionName: 'f', httpTriggerUrl: uri, useCommonAlertSchema: true },
      ],
      automationRunbookReceivers: [
        {
          name: '7',
          automationAccountId: id,
          runbookName: 'r',
          webhookResourceId: id,
          isGlobalRunbook: false,
          serviceUri: uri,
          useCommonAlertSchema: true,
        },
      ],
      armRoleReceivers: [{ name: '8', roleId: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635', useCommonAlertSchema: true }],
      eventHubReceivers: [{ name: '9', eventHubNameSpace: 'n', eventHubName: 'h', subscriptionId, tenantId, useCommonAlertSchema: true }],
      itsmReceivers: [
        {
          name: '10',
          workspaceId: 'w',
          connectionId: 'c',
          ticketConfiguration: "{ 'PayloadRevision':0, 'WorkItemType':'Incident' }",
          region: 'westeurope',
        },
      ],
      incidentReceivers: [{ name: '11', connection: { name: 'a', id: 'b' }, incidentManagementService: 'Icm', mappings: { x: 'y' } }],
    };
    const { status, body } = await create(actionGroup({ ...receivers, emailReceivers: null }, { tags: { a: 'b' } }));
    expect(status).toBe(201);
    const withStatus = { ...receivers, smsReceivers: [{ ...receivers.smsReceivers[0], status: 'Enabled' }], emailReceivers: [] };
    expect(body).toMatchObject({ properties: withStatus, tags: { a: 'b' } });
  });

  it('has the subscription as it was sent when that is switched', async () => {
    await using azure = await startAzure({ upperCaseActionGroupIds: false });
    const { body } = await azure.send('PUT', actionGroupPath('a'), { body: actionGroup() });
    expect(body.id).toContain(`/subscriptions/${subscriptionId}/`);
  });

  it('a PATCH changes tags and enabled, and nothing else can be named in one', async () => {
    const path = actionGroupPath('patched');
    await send('PUT', path, { body: actionGroup({}, { identity: { type: 'SystemAssigned' } }) });
    const before = await send('GET', path);
    const { body } = await send('PATCH', path, { body: { tags: { a: 'b' }, properties: { enabled: false } } });
    expect(body).toEqual({ ...before.body, tags: { a: 'b' }, properties: { ...before.body.properties, enabled: false } });
    const refused = await send('PATCH', path, { body: { properties: { groupShortName: 'x' } } });
    expect(refused.body.error.code).toBe('InvalidRequestContent');
  });
});

describe('what is refused', () => {
  const email = (name: string, emailAddress = 'a@contoso.com') => ({ name, emailAddress });

  it.each<[string, object, RegExp]>([
    ['a short name of 13', actionGroup({ groupShortName: '1234567890123' }), /longer than 12/u],
    ['names that differ in case', actionGroup({ emailReceivers: [email('a'), email('A')] }), /'A' is used more than once/u],
    [
      'one name in two lists',
      actionGroup({ emailReceivers: [email('a')], smsReceivers: [{ name: 'A', countryCode: '1', phoneNumber: '2' }] }),
      /more than once/u,
    ],
    ['a location that has no action groups', actionGroup({}, { location: 'francecentral' }), /'francecentral'/u],
    ['a long address', actionGroup({ emailReceivers: [email('a', `${'x'.repeat(60)}@a.de`)] }), /not valid/u],
    ['no address', actionGroup({ emailReceivers: [email('a', 'nobody')] }), /not valid/u],
    [
      'eleven webhooks',
      actionGroup({ webhookReceivers: Array.from({ length: 11 }, (_, index) => ({ name: `${index}`, serviceUri: 'https://a.de' })) }),
      /'webhookReceivers' has more than 10/u,
    ],
  ])('%s, flat as the service does it', async (_name, body, text) => {
    const answer = await create(body);
    expect(answer.status).toBe(400);
    expect(answer.body).toEqual({ code: 'BadRequest', message: expect.stringMatching(text) });
    expect(emulator.journal.calls().at(-1)?.errorCode).toBe('BadRequest');
  });

  it('nested, when that is switched', async () => {
    await using azure = await startAzure({ flatActionGroupErrors: false });
    const answer = await azure.send('PUT', actionGroupPath('a'), { body: actionGroup({ groupShortName: '1234567890123' }) });
    expect(answer.body.error.code).toBe('BadRequest');
  });

  it.each<[string, object, RegExp]>([
    ['no short name', actionGroup({ groupShortName: undefined }), /groupShortName/u],
    ['neither on nor off', actionGroup({ enabled: undefined }), /'enabled'/u],
    ['no address', actionGroup({ emailReceivers: [{ name: 'a' }] }), /emailReceivers\[0\].emailAddress/u],
    ['a typing mistake', actionGroup({ emailRecievers: [] }), /'emailRecievers'/u],
    [
      'one in a receiver',
      actionGroup({ webhookReceivers: [{ name: 'a', serviceUri: 'x', useCommonAlertSheme: true }] }),
      /webhookReceivers\[0\].useCommonAlertSheme/u,
    ],
    ['a phone number as number', actionGroup({ smsReceivers: [{ name: 'a', countryCode: '1', phoneNumber: 2 }] }), /phoneNumber/u],
  ])('%s: the gateway, nested', async (_name, body, text) => {
    const answer = await create(body);
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'InvalidRequestContent' } } });
    expect(answer.body.error.message).toMatch(text);
  });

  const required = {
    emailReceivers: ['name', 'emailAddress'],
    smsReceivers: ['name', 'countryCode', 'phoneNumber'],
    voiceReceivers: ['name', 'countryCode', 'phoneNumber'],
    webhookReceivers: ['name', 'serviceUri'],
    armRoleReceivers: ['name', 'roleId'],
    azureAppPushReceivers: ['name', 'emailAddress'],
    logicAppReceivers: ['name', 'resourceId', 'callbackUrl'],
    azureFunctionReceivers: ['name', 'functionAppResourceId', 'functionName', 'httpTriggerUrl'],
    automationRunbookReceivers: ['automationAccountId', 'runbookName', 'webhookResourceId', 'isGlobalRunbook'],
    eventHubReceivers: ['name', 'eventHubNameSpace', 'eventHubName', 'subscriptionId'],
    itsmReceivers: ['name', 'workspaceId', 'connectionId', 'ticketConfiguration', 'region'],
  } as const;
  it.each(Object.entries(required).flatMap(([list, fields]) => fields.map((field) => [list, field] as const)))(
    'one of %s without %s, which the specification requires',
    async (list, missing) => {
      const { [list as 'itsmReceivers']: receivers } = oneOfEachInAzure;
      const receiver = Object.fromEntries(Object.entries(receivers[0]).filter(([field]) => field !== missing));
      expect((await create(actionGroup({ [list]: receivers }))).status).toBe(201);
      const { status, body } = await create(actionGroup({ [list]: [receiver] }));
      expect(status).toBe(400);
      expect(body.error.message).toContain(`Required property '${missing}' not found in JSON. Path 'properties.${list}[0].${missing}'.`);
    },
  );

  it('a ticket without its fields, by failing', async () => {
    const itsmReceivers = [{ ...oneOfEachInAzure.itsmReceivers[0], ticketConfiguration: '{}' }];
    expect(await create(actionGroup({ itsmReceivers }))).toMatchObject({ status: 500, body: { code: 'InternalServerError' } });
  });

  it.each(['a%3Ab', 'a%26b', 'a.', 'a%2Fb'])('the name %s', async (name) => {
    expect((await send('PUT', actionGroupPath(name), { body: actionGroup() })).body.code).toBe('BadRequest');
  });

  it('not: regions that have them, in any spelling', async () => {
    expect((await create(actionGroup({}, { location: 'Germany West Central' }))).status).toBe(201);
    expect((await create(actionGroup({}, { location: 'swedencentral' }))).body.location).toBe('swedencentral');
  });
});
