import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventRow, World } from '../../emulator/world.ts';
import {
  clientId,
  clusterId,
  group,
  objectId,
  readerClientId,
  readerObjectId,
  roleAssignmentPath,
  roles,
  smallWorld,
  startAzure,
  stoppedClock,
  subscription,
  subscriptionId,
  tenantId,
  type Reply,
  type Send,
} from './fixtures.ts';

const path = '/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01';
const table = 'containerserviceeventresources';
const otherClusterId = `${group}/providers/Microsoft.ContainerService/managedClusters/prod-2`;

const eventRow = (name: string, cluster = clusterId, properties: EventRow['properties'] = { eventStatus: 'Scheduled' }): EventRow => ({
  id: `${cluster.replace('/resourceGroups/', '/resourcegroups/')}/scheduledEvents/${name}`,
  properties,
});

const ask = (send: Send, body: object = {}, as = clientId): Promise<Reply> => send('POST', path, { body: { query: table, ...body }, as });
const namesIn = ({ body }: Reply): string[] => body.data.map(({ name }: { name: string }) => name);

describe('rows', () => {
  it('are answered in full, beside their subscriptions', async () => {
    await using azure = await startAzure();
    azure.emulator.world.addEventRow(eventRow('1'));
    const answer = await ask(azure.send);
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      totalRecords: 1,
      count: 1,
      resultTruncated: 'false',
      facets: [],
      data: [
        {
          id: `${clusterId.replace('/resourceGroups/', '/resourcegroups/')}/scheduledEvents/1`,
          name: '1',
          type: 'microsoft.containerservice/managedclusters/scheduledevents',
          tenantId,
          kind: '',
          location: '',
          resourceGroup: 'shop',
          subscriptionId,
          managedBy: '',
          sku: null,
          plan: null,
          properties: { eventStatus: 'Scheduled' },
          tags: null,
          identity: null,
          zones: null,
          extendedLocation: null,
        },
      ],
    });
    expect(azure.emulator.journal.calls()).toMatchObject([
      { kind: 'arm', type: 'Microsoft.ResourceGraph/resources', operation: 'read', apiVersion: '2024-04-01', status: 200 },
    ]);
  });

  it.each<[string, EventRow]>([
    ['Canceled with one l', eventRow('1', clusterId, { eventStatus: 'Canceled' })],
    ['Cancelled with two', eventRow('1', clusterId, { eventStatus: 'Cancelled' })],
    ['details that are an object', eventRow('1', clusterId, { eventDetails: { kubernetesVersion: '1.30', daysUntilEOL: -5 } })],
    ['details without a word for the kind', eventRow('1', clusterId, { eventDetails: 'Start to upgrade security vhd' })],
    ['the status last', eventRow('1', clusterId, { lastUpdateTime: '2026-11-01T12:00:00Z', eventStatus: 'Started' })],
    [
      'times of year 1',
      eventRow('1', clusterId, { startTime: '0001-01-01T00:00:00.0000000Z', lastUpdateTime: '0001-01-01T00:00:00.0000000Z' }),
    ],
    ['no times at all', eventRow('1', clusterId, {})],
    ['an id without scheduledEvents', { id: `${clusterId}/1`, name: '1', properties: {} }],
    ['another type, name and location', { ...eventRow('1'), type: 'Microsoft.ContainerService/x', name: 'other', location: 'westeurope' }],
  ])('can have %s', async (_name, row) => {
    await using azure = await startAzure({ world: { ...smallWorld(), eventRows: [row] } });
    const { body } = await ask(azure.send);
    expect(body.data).toMatchObject([row]);
    expect(JSON.stringify(body.data[0].properties)).toBe(JSON.stringify(row.properties));
  });

  it('can have properties with spaces, which only queries see', async () => {
    await using azure = await startAzure();
    azure.emulator.world.addEventRow(eventRow('1', clusterId, '{"eventStatus": "Started"}'));
    const { body } = await ask(azure.send, { query: `${table} | where properties contains '": "'` });
    expect(body.data).toMatchObject([{ properties: { eventStatus: 'Started' } }]);
  });

  it('stay when their cluster goes, and what was given to the world is not changed', async () => {
    await using azure = await startAzure();
    const row = eventRow('1');
    azure.emulator.world.addEventRow(row);
    row.name = 'changed';
    azure.emulator.world.removeCluster(clusterId);
    expect(namesIn(await ask(azure.send))).toEqual(['1']);
  });

  it('must lie below a cluster', async () => {
    await using azure = await startAzure();
    const row = { id: group, properties: {} };
    expect(() => azure.emulator.world.addEventRow(row)).toThrow('does not lie below an AKS cluster');
    await expect(startAzure({ world: { ...smallWorld(), eventRows: [row] } })).rejects.toThrow('eventRows[0].id');
  });
});

describe('who sees which rows', () => {
  const otherSubscriptionId = 'bbbbbbbb-4444-4444-8444-444444444444';
  const abroad = `/subscriptions/${otherSubscriptionId}/resourceGroups/far/providers/Microsoft.ContainerService/managedClusters/prod`;

  const world = (scope?: string, roleDefinitionId = roles.reader): World => {
    const small = smallWorld();
    small.subscriptions.push({ subscriptionId: otherSubscriptionId, resourceGroups: [{ name: 'far', location: 'westus' }] });
    small.roleAssignments = [{ scope: subscription, roleDefinitionId: roles.owner, principalId: objectId }];
    if (scope !== undefined) small.roleAssignments.push({ scope, roleDefinitionId, principalId: readerObjectId });
    small.eventRows = [eventRow('a'), eventRow('b', otherClusterId), eventRow('c', abroad)];
    return small;
  };

  it.each<[string, string | undefined, string[] | undefined, string[]]>([
    ['a reader of everything', subscription, undefined, ['a', 'b']],
    ['a reader of a resource group', group, undefined, ['a', 'b']],
    ['a reader of one cluster, by its subscription', clusterId, [subscriptionId.toUpperCase()], ['a']],
    ['a reader of one cluster, by no subscription', clusterId, [], ['a']],
    ['who asks for more subscriptions than it sees', clusterId, [subscriptionId, otherSubscriptionId], ['a']],
    ['who sees nothing, by no subscription', undefined, undefined, []],
  ])('%s', async (_name, scope, subscriptions, seen) => {
    await using azure = await startAzure({ world: world(scope) });
    const answer = await ask(azure.send, { subscriptions }, readerClientId);
    expect(namesIn(answer)).toEqual(seen);
    expect(answer.body).toMatchObject({ totalRecords: seen.length, count: seen.length });
  });

  it.each<[string, string | undefined, string]>([
    ['another subscription', clusterId, otherSubscriptionId],
    ['a subscription that there is none of', clusterId, tenantId],
    ['a subscription, but sees nothing', undefined, subscriptionId],
  ])('not who asks for %s', async (_name, scope, asked) => {
    await using azure = await startAzure({ world: world(scope) });
    const answer = await ask(azure.send, { subscriptions: [asked] }, readerClientId);
    expect(answer).toMatchObject({ status: 403, body: { error: { code: 'AccessDenied', details: [{ code: 'AccessDenied' }] } } });
  });

  it('nobody by a role that reads no clusters, and nobody is told', async () => {
    await using azure = await startAzure({ world: world(subscription, roles.managedIdentityOperator) });
    expect(namesIn(await ask(azure.send, { subscriptions: [subscriptionId] }, readerClientId))).toEqual([]);
  });

  it('only once the role acts', async () => {
    const clock = stoppedClock();
    await using azure = await startAzure({ world: world(), clock: clock.now, roleDelaySeconds: 60 });
    const properties = { roleDefinitionId: roles.reader, principalId: readerObjectId, principalType: 'ServicePrincipal' };
    await azure.send('PUT', roleAssignmentPath(clusterId, '70000000-7777-4777-8777-000000000001'), { body: { properties } });
    expect(namesIn(await ask(azure.send, {}, readerClientId))).toEqual([]);
    clock.advance(60);
    expect(namesIn(await ask(azure.send, {}, readerClientId))).toEqual(['a']);
  });
});

describe('pages', () => {
  const rowCount = 23;
  const names = Array.from({ length: rowCount }, (_, index) => String(index));
  const world = (): World => ({ ...smallWorld(), eventRows: names.map((name) => eventRow(name)) });

  it('hold every row once, in order, however long they are', async () => {
    await using azure = await startAzure({ world: world() });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 30 }), async ($top, $skip) => {
        const found: string[] = [];
        let options: object = { $top, $skip };
        for (;;) {
          const answer = await ask(azure.send, { options });
          found.push(...namesIn(answer));
          expect(answer.body).toMatchObject({ totalRecords: rowCount, count: answer.body.data.length });
          const token: string | undefined = answer.body.$skipToken;
          expect(answer.body.resultTruncated).toBe(token === undefined ? 'false' : 'true');
          if (token === undefined) break;
          options = { $skipToken: token };
        }
        expect(found).toEqual(names.slice($skip));
      }),
      { numRuns: 20 },
    );
  });

  it.each<[string, object, object]>([
    [
      'without an id can not be gone on with',
      { query: `${table} | project name`, options: { $top: 5 } },
      { count: 5, resultTruncated: 'true' },
    ],
    [
      'of a limited query neither',
      { query: `${table} | take 9`, options: { $top: 5 } },
      { totalRecords: 9, count: 5, resultTruncated: 'true' },
    ],
  ])('%s', async (_name, body, expected) => {
    await using azure = await startAzure({ world: world() });
    const answer = await ask(azure.send, body);
    expect(answer.body).toMatchObject(expected);
    expect(answer.body).not.toHaveProperty('$skipToken');
  });

  it('hold a thousand rows when nothing is said', async () => {
    const eventRows = Array.from({ length: 1001 }, (_, index) => eventRow(String(index)));
    await using azure = await startAzure({ world: { ...smallWorld(), eventRows } });
    const { body } = await ask(azure.send);
    expect(body).toMatchObject({ totalRecords: 1001, count: 1000, resultTruncated: 'true' });
    expect(namesIn(await ask(azure.send, { options: { $skipToken: body.$skipToken } }))).toEqual(['1000']);
  });

  it('can be tables', async () => {
    await using azure = await startAzure({ world: world() });
    const { body } = await ask(azure.send, { query: `${table} | project name, properties | take 1`, options: { resultFormat: 'table' } });
    expect(body.data).toEqual({
      columns: [
        { name: 'name', type: 'string' },
        { name: 'properties', type: 'object' },
      ],
      rows: [['0', { eventStatus: 'Scheduled' }]],
    });
  });
});

describe('a query', () => {
  it('reckons, and gives columns the types of Resource Graph', async () => {
    await using azure = await startAzure({ clock: stoppedClock().now, world: { ...smallWorld(), eventRows: [eventRow('1')] } });
    const query = `${table} | where properties.eventStatus =~ "scheduled" | project text = toupper(name), whole = 7 / 2, part = 0.5, yes = true, at = bin(now(), 1d), duration = 1h`;
    const { body } = await ask(azure.send, { query, options: { resultFormat: 'table' } });
    expect(body.data).toEqual({
      columns: [
        { name: 'text', type: 'string' },
        { name: 'whole', type: 'integer' },
        { name: 'part', type: 'number' },
        { name: 'yes', type: 'boolean' },
        { name: 'at', type: 'datetime' },
        { name: 'duration', type: 'string' },
      ],
      rows: [['1', 3, 0.5, true, '2026-11-01T00:00:00.0000000Z', '01:00:00']],
    });
  });

  it.each<[string, string, string]>([
    ['arg, which is for alert rules', `arg("").${table}`, "The name 'arg' does not refer to any known function. (KS211 at 0)"],
    ['a column that is not there', `${table} | where colour == 1`, "The name 'colour' does not refer to any known column"],
  ])('can not have %s', async (_name, query, message) => {
    await using azure = await startAzure();
    const { status, body } = await ask(azure.send, { query });
    expect(status).toBe(400);
    expect(body.error.details).toContainEqual({ code: 'ParserFailure', message: expect.stringContaining(message) });
  });
});

describe('what is refused', () => {
  it.each<[string, object, string]>([
    ['no query', { query: undefined }, 'InvalidRequestContent'],
    ['pages of 1,001', { options: { $top: 1001 } }, 'InvalidRequestContent'],
    ['pages of none', { options: { $top: 0 } }, 'InvalidRequestContent'],
    ['another format', { options: { resultFormat: 'csv' } }, 'InvalidRequestContent'],
    ['a token of its own making', { options: { $skipToken: 'abc' } }, 'BadRequest'],
    ['facets', { facets: [{ expression: 'name' }] }, 'BadRequest'],
  ])('%s', async (_name, body, code) => {
    await using azure = await startAzure();
    expect(await ask(azure.send, body)).toMatchObject({ status: 400, body: { error: { code } } });
  });

  it('a query that is not understood, in the words of Resource Graph', async () => {
    await using azure = await startAzure({ clock: stoppedClock().now });
    const answer = await ask(azure.send, { query: `${table} | summarize count()` });
    expect(answer.status).toBe(400);
    const id = answer.headers['x-ms-request-id'];
    expect(answer.body.error).toEqual({
      code: 'BadRequest',
      message: `Please provide below info when asking for support: timestamp = 2026-11-01T12:00:00.1230000Z, correlationId = ${id}.`,
      details: [
        { code: 'InvalidQuery', message: expect.stringContaining('Query is invalid.') },
        { code: 'ParserFailure', message: "The emulator doesn't have the operator 'summarize'." },
      ],
    });
  });

  it('management groups, since there are none', async () => {
    await using azure = await startAzure();
    expect((await ask(azure.send, { managementGroups: ['root'] })).status).toBe(403);
  });

  it.each<[string, string, string, string | null, number, string]>([
    ['nobody', 'POST', path, null, 401, 'AuthenticationFailed'],
    ['another version', 'POST', path.replace('2024', '2014'), clientId, 400, 'NoRegisteredProviderFound'],
    ['another method', 'GET', path, clientId, 405, 'MethodNotAllowed'],
    ['another place', 'POST', path.replace('/resources', '/resourcesHistory'), clientId, 404, 'InvalidResource'],
    ['a place below a subscription', 'POST', `${subscription}${path}`, clientId, 404, 'InvalidResourceNamespace'],
  ])('%s', async (_name, method, target, as, status, code) => {
    await using azure = await startAzure();
    const answer = await azure.send(method, target, { as, ...(method === 'GET' ? {} : { body: { query: table } }) });
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
  });

  it('the sixteenth query of a caller within five seconds, when limits are enforced', async () => {
    const clock = stoppedClock();
    await using azure = await startAzure({ clock: clock.now, throttling: 'enforced' });
    for (let left = 14; left >= 0; left -= 1) {
      const { headers } = await ask(azure.send, { query: left === 7 ? 'nonsense' : table });
      expect(headers).toMatchObject({ 'x-ms-user-quota-remaining': String(left), 'x-ms-user-quota-resets-after': '00:00:05' });
    }
    clock.advance(2);
    const refused = await ask(azure.send);
    expect(refused).toMatchObject({
      status: 429,
      headers: { 'x-ms-user-quota-remaining': '0', 'x-ms-user-quota-resets-after': '00:00:03' },
      body: { error: { code: 'RateLimiting', details: [{ code: 'RateLimiting' }] } },
    });
    expect(azure.emulator.journal.calls({ errorCode: 'RateLimiting' })).toMatchObject([{ status: 429, requestBody: { query: table } }]);
    expect((await ask(azure.send, {}, readerClientId)).status).toBe(200);
    clock.advance(3);
    expect((await ask(azure.send)).headers['x-ms-user-quota-remaining']).toBe('14');
  });

  it('not: many queries, when limits are off', async () => {
    await using azure = await startAzure();
    const left = new Set<string | undefined>();
    for (let count = 0; count < 20; count += 1) left.add((await ask(azure.send)).headers['x-ms-user-quota-remaining']);
    expect([...left]).toEqual(['14']);
  });

  it('what a fault for queries says', async () => {
    await using azure = await startAzure();
    azure.emulator.faults.add({
      match: { type: 'Microsoft.ResourceGraph/resources' },
      effect: { kind: 'error', name: 'ServiceUnavailable' },
    });
    expect((await ask(azure.send)).status).toBe(503);
  });
});
