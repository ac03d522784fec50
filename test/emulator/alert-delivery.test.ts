import { createServer } from 'node:http';
import { describe, expect, it } from 'vitest';
import { listen } from '../support/listen.ts';
import { byName, groupId, minute, ruleId, startAlerts } from './alert-stage.ts';
import { actionGroupPath, clusterId, objectId, readerObjectId, roles, subscription } from './fixtures.ts';

const half = 30 * minute;

interface Post {
  readonly path: string;
  readonly contentType: string | undefined;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into it
  readonly body: any;
}

/** A server that takes what is posted to it, and answers with the status that stands in the path, such as `/503`. */
const startListener = async (): Promise<{ url: string; posts: Post[] } & AsyncDisposable> => {
  const posts: Post[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      posts.push({ path, contentType: request.headers['content-type'], body: JSON.parse(Buffer.concat(chunks).toString()) });
      response.writeHead(Number(path.slice(1)) || 200).end('thanks');
    });
  });
  const port = await listen(server);
  return {
    url: `http://127.0.0.1:${port}`,
    posts,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
};

const webhook = (serviceUri: string, name = 'hook') => ({ name, serviceUri, useCommonAlertSchema: true });

describe('a mail', () => {
  it('can be read by a person', async () => {
    await using stage = await startAlerts();
    await stage.watch(byName, {
      description: 'Tells of maintenance.',
      actions: { actionGroups: [groupId], customProperties: { team: 'shop' } },
    });
    stage.happen('1');
    stage.emulator.clock.advance(half);
    const messages = stage.emulator.mailbox.messages();
    expect(messages).toEqual([
      {
        to: 'oncall@contoso.com',
        subject: 'Fired:Sev3 Azure Monitor Alert watch on prod ( microsoft.containerservice/managedclusters ) at 11/1/2026 12:30:00 PM',
        text: expect.stringContaining('Azure Monitor alert rule watch was triggered for prod at 2026-11-01T12:30:00.123Z') as string,
        at: '2026-11-01T12:30:00.123Z',
        ruleId,
        actionGroup: 'notify',
        monitorCondition: 'Fired',
        dimensions: [{ name: 'name', value: '1' }],
        isTest: false,
      },
    ]);
    for (const part of ['Tells of maintenance.', 'Sev3', clusterId.toLowerCase(), /name +1\n/u, /team +shop\n/u, 'notify action group']) {
      expect(messages[0]?.text).toMatch(part);
    }
  });

  it.each([
    ['Maintenance', 'Maintenance'],
    ['${data.essentials.monitorCondition} at ${data.alertContext.condition.windowStartTime}', 'Fired at 2026-11-01T12:00:00Z'],
    ['${data.alertContext.condition.allOf[0].metricValue} of ${data.alertContext.condition.allOf[0].dimensions[0].value}', '1 of 1'],
    ['${ data.essentials.severity }', 'Sev3'],
    ['${data.essentials.nothing}, ${nonsense', '${data.essentials.nothing}, ${nonsense'],
    ['${data.essentials.constructor}', '${data.essentials.constructor}'],
  ])('with the subject %s is called %s', async (subject, expected) => {
    await using stage = await startAlerts();
    await stage.watch(byName, { actions: { actionGroups: [groupId], actionProperties: { 'Email.Subject': subject } } });
    stage.happen('1');
    stage.emulator.clock.advance(half);
    expect(stage.emulator.mailbox.messages().map((mail) => mail.subject)).toEqual([expected]);
  });

  it('goes to each group and each address of it', async () => {
    await using stage = await startAlerts();
    const second = groupId.replace('notify', 'second');
    const emailReceivers = ['a', 'b'].map((name) => ({ name, emailAddress: `${name}@contoso.com` }));
    await stage.send('PUT', actionGroupPath('second'), {
      body: { location: 'global', properties: { groupShortName: 'second', enabled: true, emailReceivers } },
    });
    await stage.watch({}, { actions: { actionGroups: [groupId, second.toUpperCase(), `${groupId}-gone`] } });
    stage.happen('1');
    await stage.emulator.alerts.evaluate(ruleId);
    expect(stage.emulator.mailbox.messages().map(({ to }) => to)).toEqual(['oncall@contoso.com', 'a@contoso.com', 'b@contoso.com']);
  });

  it('goes to those who hold a role at the subscription itself', async () => {
    await using stage = await startAlerts();
    await stage.notify({ emailReceivers: [], armRoleReceivers: [{ name: 'owners', roleId: roles.owner }] });
    stage.emulator.world.addRoleAssignment({ scope: clusterId, roleDefinitionId: roles.owner, principalId: readerObjectId });
    await stage.watch();
    stage.happen('1');
    await stage.emulator.alerts.evaluate(ruleId);
    expect(stage.emulator.mailbox.messages().map(({ to }) => to)).toEqual([objectId]);
  });

  it.each<[string, (stage: Stage) => Promise<void> | void, readonly string[]]>([
    ['the group is disabled', (stage: Stage) => stage.notify({ enabled: false }), []],
    [
      'the receiver is disabled',
      (stage: Stage) => stage.emulator.world.setReceiverStatus(groupId, 'oncall', 'Disabled'),
      ["The receiver 'oncall' is not enabled."],
    ],
    ['it gets lost', (stage: Stage) => stage.emulator.world.failReceiver(groupId, 'oncall', 'No MX record.'), ['No MX record.']],
    ['the group is gone', (stage: Stage) => stage.emulator.world.deleteActionGroup(groupId), []],
  ])('does not come when %s', async (_what, hinder, faults) => {
    await using stage = await startAlerts();
    await stage.watch();
    stage.happen('1');
    await hinder(stage);
    expect(await stage.emulator.alerts.evaluate(ruleId)).toMatchObject({ fired: 1 });
    expect(stage.mails()).toEqual([]);
    expect(stage.emulator.mailbox.deliveries().map(({ fault }) => fault)).toEqual(faults);
  });
});

type Stage = Awaited<ReturnType<typeof startAlerts>>;

describe('a post', () => {
  it('carries the common alert schema', async () => {
    await using listener = await startListener();
    await using stage = await startAlerts();
    await stage.notify({ emailReceivers: [], webhookReceivers: [webhook(`${listener.url}/hook`)] });
    await stage.watch(byName, { actions: { actionGroups: [groupId], customProperties: { team: 'shop' } }, description: 'Tells.' });
    stage.happen('1');
    stage.emulator.clock.advance(half);
    await stage.emulator.alerts.settled();
    expect(listener.posts).toHaveLength(1);
    const [{ path, contentType, body } = { path: '', contentType: '', body: {} }] = listener.posts;
    expect([path, contentType]).toEqual(['/hook', 'application/json; charset=utf-8']);
    expect(body).toEqual({
      schemaId: 'azureMonitorCommonAlertSchema',
      data: {
        essentials: {
          alertId: expect.stringMatching(/^\/subscriptions\/.*\/providers\/Microsoft\.AlertsManagement\/alerts\/[0-9a-f-]{36}$/u) as string,
          alertRule: 'watch',
          severity: 'Sev3',
          signalType: 'Log',
          monitorCondition: 'Fired',
          monitoringService: 'Log Alerts V2',
          alertTargetIDs: [clusterId.toLowerCase()],
          configurationItems: [clusterId.toLowerCase()],
          originAlertId: expect.any(String) as string,
          firedDateTime: '2026-11-01T12:30:00.1230000Z',
          description: 'Tells.',
          essentialsVersion: '1.0',
          alertContextVersion: '1.0',
        },
        alertContext: {
          properties: { team: 'shop' },
          conditionType: 'LogQueryCriteria',
          condition: {
            windowSize: 'PT30M',
            allOf: [
              {
                searchQuery: expect.stringContaining('containerserviceeventresources') as string,
                metricMeasureColumn: null,
                targetResourceTypes: "['microsoft.containerservice/managedclusters']",
                operator: 'GreaterThan',
                threshold: '0',
                timeAggregation: 'Count',
                dimensions: [{ name: 'name', value: '1' }],
                metricValue: 1,
                failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 },
              },
            ],
            windowStartTime: '2026-11-01T12:00:00Z',
            windowEndTime: '2026-11-01T12:30:00Z',
          },
        },
        customProperties: { team: 'shop' },
      },
    });
  });

  it('is made to logic apps, functions and runbooks as well; what others get is written down', async () => {
    await using listener = await startListener();
    await using stage = await startAlerts();
    const { url } = listener;
    const resourceId = `${subscription}/resourceGroups/shop/providers/Microsoft.Logic/workflows/flow`;
    await stage.notify({
      emailReceivers: [],
      webhookReceivers: [webhook(`${url}/webhook`)],
      logicAppReceivers: [{ name: 'flow', resourceId, callbackUrl: `${url}/logic` }],
      azureFunctionReceivers: [{ name: 'f', functionAppResourceId: resourceId, functionName: 'f', httpTriggerUrl: `${url}/function` }],
      automationRunbookReceivers: [
        {
          name: 'book',
          automationAccountId: resourceId,
          runbookName: 'book',
          webhookResourceId: resourceId,
          isGlobalRunbook: false,
          serviceUri: `${url}/runbook`,
        },
      ],
      smsReceivers: [{ name: 'phone', countryCode: '49', phoneNumber: '1234' }],
    });
    await stage.watch();
    stage.happen('1');
    await stage.emulator.alerts.evaluate(ruleId);
    expect(listener.posts.map(({ path }) => path).toSorted()).toEqual(['/function', '/logic', '/runbook', '/webhook']);
    const deliveries = stage.emulator.mailbox.deliveries().map(({ kind, receiver, target, status }) => [kind, receiver, target, status]);
    expect(deliveries).toHaveLength(5);
    expect(deliveries).toContainEqual(['smsReceivers', 'phone', '1234', undefined]);
    expect(deliveries).toContainEqual(['logicAppReceivers', 'flow', `${url}/logic`, 200]);
  });

  it('that is refused, or reaches nobody, is written down with the reason', async () => {
    await using listener = await startListener();
    await using stage = await startAlerts();
    const webhookReceivers = ['503', ''].map((path) => webhook(`${listener.url}/${path}`, `hook${path}`));
    await stage.notify({
      emailReceivers: [],
      webhookReceivers: [...webhookReceivers, webhook('https://contoso.com/x', 'far')],
    });
    await stage.watch();
    stage.happen('1');
    await stage.emulator.alerts.evaluate(ruleId);
    const outcomes = (): string[] => stage.emulator.mailbox.deliveries().map(({ receiver, fault }) => `${receiver}: ${fault ?? 'arrived'}`);
    expect(outcomes()).toEqual(['far: The emulator posts to this machine only.', 'hook503: It was answered 503.', 'hook: arrived']);
    await listener[Symbol.asyncDispose]();
    stage.emulator.mailbox.clear();
    await stage.emulator.alerts.evaluate(ruleId);
    expect(outcomes()[1]).toMatch(/^hook503: .*ECONNREFUSED/u);
  });

  it('that is never answered ends with the emulator', async () => {
    const server = createServer(() => undefined);
    const port = await listen(server);
    const arrived = new Promise((resolve) => {
      server.once('request', resolve);
    });
    const stage = await startAlerts();
    await stage.notify({ webhookReceivers: [webhook(`http://127.0.0.1:${port}`)] });
    await stage.watch();
    stage.happen('1');
    stage.emulator.clock.advance(half);
    await arrived;
    await stage[Symbol.asyncDispose]();
    expect(stage.emulator.mailbox.deliveries().at(-1)?.fault).toContain('aborted');
    server.closeAllConnections();
    server.close();
  });
});

describe('a test notification', () => {
  it('reaches the receivers that it names, marked as a test', async () => {
    await using listener = await startListener();
    await using stage = await startAlerts();
    const path = actionGroupPath('notify').replace('?', '/createNotifications?');
    const body = {
      alertType: 'logalertv2',
      emailReceivers: [{ name: 'oncall', emailAddress: 'oncall@contoso.com' }],
      webhookReceivers: [webhook(`${listener.url}/hook`)],
    };
    expect((await stage.send('POST', path, { body })).status).toBe(202);
    await stage.emulator.alerts.settled();
    expect(stage.emulator.mailbox.messages()).toMatchObject([{ to: 'oncall@contoso.com', isTest: true, monitorCondition: 'Fired' }]);
    expect(stage.emulator.mailbox.messages()[0]?.text).toContain('This is a test notification.');
    expect(listener.posts).toMatchObject([{ body: { schemaId: 'azureMonitorCommonAlertSchema' } }]);
  });

  it('does not reach one that is lost', async () => {
    await using stage = await startAlerts();
    stage.emulator.world.failReceiver(groupId, 'oncall', 'No MX record.');
    const path = actionGroupPath('notify').replace('?', '/createNotifications?');
    const emailReceivers = [{ name: 'oncall', emailAddress: 'oncall@contoso.com' }];
    await stage.send('POST', path, { body: { alertType: 'logalertv2', emailReceivers } });
    expect(stage.mails()).toEqual([]);
  });
});

describe('by hand', () => {
  it('an event is added, the clock put forward, and the mail read', async () => {
    await using stage = await startAlerts();
    const { send } = stage;
    await stage.watch(byName);
    const event = { id: `${clusterId}/scheduledEvents/1`, properties: { eventStatus: 'Scheduled' } };
    expect((await send('POST', '/_emulator/events', { body: event, as: null })).status).toBe(201);
    await send('POST', `/_emulator/clock?milliseconds=${half}`, { as: null });
    const { body } = await send('GET', '/_emulator/mailbox', { as: null });
    expect(body).toMatchObject([{ to: 'oncall@contoso.com', dimensions: [{ name: 'name', value: '1' }] }]);
    const { text } = await send('GET', '/_emulator/mailbox?format=text', { as: null });
    expect(text).toMatch(/^To: oncall@contoso.com\nSubject: Fired:Sev3 .*\n\nAzure Monitor alert rule watch was triggered/u);
    expect((await send('GET', '/_emulator/deliveries', { as: null })).body).toMatchObject([{ kind: 'emailReceivers' }]);
    expect((await send('GET', '/_emulator/evaluations', { as: null })).body).toMatchObject([{ rows: 1, fired: 1 }]);
    expect((await send('DELETE', '/_emulator/mailbox', { as: null })).status).toBe(204);
    expect((await send('GET', '/_emulator/mailbox', { as: null })).body).toEqual([]);
  });

  it.each([
    ['{', 'This is not an event'],
    [{ id: clusterId }, 'properties'],
    [{ id: `${subscription}/resourceGroups/shop/providers/A/b/c/d/e`, properties: {} }, 'does not lie below an AKS cluster'],
  ])('the event %j is refused', async (body, reason) => {
    await using stage = await startAlerts();
    const answer = await stage.send('POST', '/_emulator/events', { body, as: null });
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(reason);
  });
});
