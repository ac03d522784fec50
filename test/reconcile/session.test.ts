import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServerCertificate } from '../../emulator/certificates.ts';
import { createActionGroups } from '../../src/azure/action-groups.ts';
import { createAlertRules } from '../../src/azure/alert-rules.ts';
import { createClusters } from '../../src/azure/clusters.ts';
import { createIdentities } from '../../src/azure/identities.ts';
import { createRoleAssignments } from '../../src/azure/role-assignments.ts';
import { createTestNotifications } from '../../src/azure/test-notifications.ts';
import { createSession, type AzureCall } from '../../src/azure/session.ts';
import { desiredActionGroup } from '../../src/core/action-group.ts';
import { ReconcileError } from '../../src/core/failure.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { WriteRefusedError } from '../../src/runtime/write-gate.ts';
import { listen } from '../support/listen.ts';
import { clusterId, minimalSpec, subscriptionId } from '../support/notification.ts';

/** What one request is answered with; undefined: never. */
type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let answer: Answer;
let azure: Azure;
/** What is asked before each write. */
let beforeWrite: () => () => void;
let getToken: () => Promise<void>;
const requests: string[] = [];
const calls: AzureCall[] = [];
/** What one test is told to wait for is over in the next. */
let now = 0;

beforeAll(async () => {
  const certificate = await createServerCertificate('127.0.0.1');
  setDefaultCACertificates([...getCACertificates('default'), certificate.ca]);
  server = createServer({ key: certificate.key, cert: certificate.certificate }, (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    request.resume().on('end', () => answer(request, response));
  });
  const endpoint = `https://127.0.0.1:${await listen(server)}`;
  const session = createSession({
    credential: {
      getToken: async () => {
        await getToken();
        // Asked for anew each time.
        return { token: 'token', expiresOnTimestamp: Date.now() };
      },
    },
    beforeWrite: () => beforeWrite(),
    endpoint,
    audience: 'https://management.azure.com',
    userAgent: 'aks-notifier/test',
    onCall: (call) => void calls.push(call),
    clock: { now: () => Date.now(), monotonic: () => now },
  });
  azure = {
    clusters: createClusters(session),
    identities: createIdentities(session),
    actionGroups: createActionGroups(session),
    alertRules: createAlertRules(session),
    roleAssignments: createRoleAssignments(session),
    testNotifications: createTestNotifications(session),
  };
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
});
beforeEach(() => {
  requests.length = 0;
  calls.length = 0;
  now += 24 * 3_600_000;
  beforeWrite = () => () => undefined;
  getToken = () => Promise.resolve();
});

const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };
const raw =
  (status: number, body: string, contentType: string): Answer =>
  (_, response) => {
    response.writeHead(status, { 'content-type': contentType }).end(body);
  };
const error = (code: string, message = 'Text.'): unknown => ({ error: { code, message } });

const never = new AbortController().signal;
const owner = { installationId: 'test', namespace: 'platform', name: 'prod' };
const place = { subscriptionId, resourceGroup: 'shop' };
const group = desiredActionGroup(minimalSpec, owner, place, 'prod')!;
const ruleId = group.id.replace('actionGroups', 'scheduledQueryRules');
const identityId = `/subscriptions/${subscriptionId}/resourceGroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader`;
const assignmentId = `/subscriptions/${subscriptionId}/providers/Microsoft.Authorization/roleAssignments/00000000-0000-4000-8000-000000000001`;

const failureOf = async (asked: Promise<unknown>): Promise<ReconcileError> => {
  const thrown: unknown = await asked.then(
    () => undefined,
    (each: unknown) => each,
  );
  if (thrown instanceof ReconcileError) return thrown;
  throw new Error(`expected a ReconcileError, got ${String(thrown)}`);
};

/** One call of each client that there is. */
const everyCall: readonly [string, () => Promise<unknown>][] = [
  ['a cluster read', () => azure.clusters.observe(clusterId, never)],
  ['an identity read', () => azure.identities.observe(identityId, never)],
  ['a list of windows', () => azure.clusters.maintenanceWindows(clusterId, never)],
  ['a group read', () => azure.actionGroups.observe(group.id, never)],
  ['a group write', () => azure.actionGroups.put(group, never)],
  ['a group deletion', () => azure.actionGroups.remove(group.id, never)],
  ['a rule read', () => azure.alertRules.observe(ruleId, never)],
  ['a rule deletion', () => azure.alertRules.remove(ruleId, never)],
  ['an assignment read', () => azure.roleAssignments.observe(assignmentId, never)],
  ['an assignment deletion', () => azure.roleAssignments.remove(assignmentId, never)],
];

describe('a run that has begun', () => {
  it('goes on when what is left is for those alone, whichever client it calls with', async () => {
    const reads: readonly ((signal: AbortSignal) => Promise<unknown>)[] = [
      (signal) => azure.clusters.observe(clusterId, signal),
      (signal) => azure.clusters.maintenanceWindows(clusterId, signal),
      (signal) => azure.identities.observe(identityId, signal),
      (signal) => azure.actionGroups.observe(group.id, signal),
      (signal) => azure.alertRules.observe(ruleId, signal),
      (signal) => azure.roleAssignments.observe(assignmentId, signal),
    ];
    answer = json(404, error('ResourceNotFound'), { 'x-ms-ratelimit-remaining-subscription-reads': '20' });
    const outcomes = async (signal: () => AbortSignal): Promise<readonly string[]> => {
      const words: string[] = [];
      for (const each of reads)
        words.push(
          await each(signal()).then(
            () => 'sent',
            (thrown: unknown) => (thrown instanceof ReconcileError ? thrown.reason : String(thrown)),
          ),
        );
      return words;
    };
    const one = new AbortController().signal;
    // The first is the one that is told how little there is.
    expect(await outcomes(() => one)).not.toContain('Throttled');
    expect(await outcomes(() => new AbortController().signal)).toEqual(reads.map(() => 'Throttled'));
    expect(requests).toHaveLength(reads.length);
  });
});

describe.each(everyCall)('%s', (_, call) => {
  it('is not sent before a time that Azure has named, and then neither asks to write nor counts as a call', async () => {
    answer = json(429, error('TooManyRequests'), { 'retry-after': '60' });
    await failureOf(call());
    requests.length = 0;
    calls.length = 0;
    beforeWrite = () => {
      throw new Error('nothing is written');
    };
    now += 20_000;
    expect(await failureOf(call())).toMatchObject({ reason: 'Throttled', retry: { kind: 'after', seconds: 40 } });
    expect([requests, calls]).toEqual([[], []]);
  });

  it('is sent once and not repeated by the SDK, however it fails', async () => {
    const sent: number[] = [];
    for (const [status, headers] of [
      [429, { 'retry-after': '300' }],
      [429, {}],
      [503, { 'retry-after': '300' }],
      [500, {}],
      [408, {}],
    ] as const) {
      requests.length = 0;
      now += 3_600_000;
      answer = json(status, error('Some'), headers);
      await failureOf(call());
      sent.push(requests.length);
    }
    expect(sent).toEqual([1, 1, 1, 1, 1]);
  });

  it.each<[string, Answer, string, unknown]>([
    ['429 with a wait', json(429, error('TooManyRequests'), { 'retry-after': '17' }), 'Throttled', { kind: 'after', seconds: 17 }],
    [
      '429 with a wait in milliseconds',
      json(429, error('TooManyRequests'), { 'x-ms-retry-after-ms': '2500' }),
      'Throttled',
      { kind: 'after', seconds: 2.5 },
    ],
    ['429 without one', json(429, error('TooManyRequests')), 'Throttled', { kind: 'afterAWhile' }],
    ['503 with a wait', json(503, error('ServerBusy'), { 'retry-after': '5' }), 'AzureUnavailable', { kind: 'after', seconds: 5 }],
    ['500', json(500, error('InternalServerError')), 'AzureUnavailable', { kind: 'fast' }],
    ['a page of HTML', raw(502, '<html>Bad gateway</html>', 'text/html'), 'AzureUnavailable', { kind: 'fast' }],
    ['a nested error', json(409, error('ScopeLocked')), 'ResourceLocked', { kind: 'crawl' }],
    ['a flat error', json(409, { code: 'ScopeLocked', message: 'Text.' }), 'ResourceLocked', { kind: 'crawl' }],
    ['an expired token', json(401, error('ExpiredAuthenticationToken')), 'AuthenticationFailed', { kind: 'slow' }],
    ['a connection that is cut', (request) => request.socket.destroy(), 'AzureUnavailable', { kind: 'fast' }],
  ])('understands %s', async (__, given, reason, retry) => {
    answer = given;
    expect(await failureOf(call())).toMatchObject({ reason, retry });
  });
});

describe('a read of what isn’t there', () => {
  it.each(['ResourceNotFound', 'NotFound', 'ResourceGroupNotFound', 'RoleAssignmentNotFound'])('finds nothing: %s', async (code) => {
    answer = json(404, error(code));
    expect(await azure.actionGroups.observe(group.id, never)).toBeUndefined();
    expect(await azure.alertRules.observe(ruleId, never)).toBeUndefined();
    expect(await azure.roleAssignments.observe(assignmentId, never)).toBeUndefined();
    expect(await azure.clusters.observe(clusterId, never)).toBeUndefined();
    expect(await azure.identities.observe(identityId, never)).toBeUndefined();
  });

  it.each<[string, Answer]>([
    ['a subscription that can’t be seen', json(404, error('SubscriptionNotFound'))],
    ['a page of a proxy', raw(404, '<html>Not found</html>', 'text/html')],
    ['an empty answer', raw(404, '', 'text/plain')],
  ])('proves nothing, and deletes nothing, when it is %s', async (_, given) => {
    answer = given;
    const failures = [
      await failureOf(azure.actionGroups.observe(group.id, never)),
      await failureOf(azure.alertRules.remove(ruleId, never)),
      await failureOf(azure.roleAssignments.observe(assignmentId, never)),
      await failureOf(azure.clusters.observe(clusterId, never)),
      await failureOf(azure.identities.observe(identityId, never)),
    ];
    expect(new Set(failures.map(({ reason }) => reason)).size).toBe(1);
  });
});

describe('a deletion of what isn’t there', () => {
  it.each<[string, Answer]>([
    ['204', (_, response) => response.writeHead(204).end()],
    ['404 ResourceNotFound', json(404, error('ResourceNotFound'))],
    ['404 ResourceGroupNotFound', json(404, error('ResourceGroupNotFound'))],
  ])('is no failure: %s', async (_, given) => {
    answer = given;
    await expect(azure.actionGroups.remove(group.id, never)).resolves.toBeUndefined();
    await expect(azure.alertRules.remove(ruleId, never)).resolves.toBeUndefined();
    await expect(azure.roleAssignments.remove(assignmentId, never)).resolves.toBeUndefined();
  });
});

describe.each(everyCall.filter(([name]) => !/write|deletion/.test(name)))('%s that is answered 200', (_, call) => {
  it.each<[string, Answer]>([
    ['cut JSON', raw(200, '{"id": "x", "prop', 'application/json')],
    ['an empty body', raw(200, '', 'application/json')],
    ['a page of HTML', raw(200, '<html>Welcome</html>', 'text/html')],
    ['an empty object', raw(200, '{}', 'application/json')],
  ])('and %s is a failure, not a thing', async (__, given) => {
    answer = given;
    expect(['AzureUnavailable', 'AzureError']).toContain((await failureOf(call())).reason);
  });
});

describe('a call', () => {
  it('ends when the run is broken off, with the reason of who broke it off', async () => {
    const run = new AbortController();
    answer = () => run.abort(new Error('shutting down'));
    await expect(azure.alertRules.observe(ruleId, run.signal)).rejects.not.toBeInstanceOf(ReconcileError);
    expect(requests).toHaveLength(1);
  });
});

describe('an assignment that exists', () => {
  const assignment = {
    id: assignmentId,
    scope: `/subscriptions/${subscriptionId}`,
    roleId: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
    principalId: 'p',
    description: 'd',
  };

  it('under another name is said to exist', async () => {
    answer = json(409, error('RoleAssignmentExists'));
    expect(await azure.roleAssignments.create(assignment, never)).toBe('exists');
  });

  it('is found whatever the form and letter case of its role, its scope and its principal', async () => {
    answer = json(200, {
      value: [
        { id: '/x', properties: { scope: '/subscriptions/other', roleDefinitionId: `/r/${assignment.roleId}`, principalId: 'p' } },
        {
          id: '/y',
          properties: {
            scope: assignment.scope.toUpperCase(),
            roleDefinitionId: `/providers/Microsoft.Authorization/roleDefinitions/${assignment.roleId.toUpperCase()}`,
            principalId: 'P',
          },
        },
      ],
    });
    expect(await azure.roleAssignments.findSame(assignment, never)).toMatchObject({ id: '/y' });
    expect(requests[0]).toContain('filter=principalId%20eq%20%27p%27');
  });

  it('is asked for with one slash in front', async () => {
    answer = json(404, error('RoleAssignmentNotFound'));
    await azure.roleAssignments.observe(assignmentId, never);
    expect(requests[0]).toMatch(/^GET \/subscriptions\//);
  });
});

describe('the metrics of calls', () => {
  it('get the operation and the status of each', async () => {
    answer = json(409, error('ScopeLocked'));
    await failureOf(azure.actionGroups.put(group, never));
    answer = (_, response) => response.writeHead(204).end();
    await azure.actionGroups.remove(group.id, never);
    answer = (request) => request.socket.destroy();
    await failureOf(azure.alertRules.observe(ruleId, never));
    expect(calls.map(({ operation, code }) => `${operation} ${code}`)).toEqual([
      'actionGroups.put 409',
      'actionGroups.delete ok',
      'scheduledQueryRules.get ECONNRESET',
    ]);
  });
});

describe.each(everyCall)('%s', (name, call) => {
  const isWrite = /write|deletion/.test(name);

  it('asks before it is sent if it is a write, behind the sign-in, and tells its end', async () => {
    const order: string[] = [];
    getToken = async () => void order.push('signed in');
    beforeWrite = () => {
      order.push('asked');
      return () => void order.push('ended');
    };
    answer = (request, response) => {
      order.push(request.method ?? '');
      json(503, error('ServerBusy'))(request, response);
    };
    await failureOf(call());
    const method = order.find((each) => each === each.toUpperCase()) ?? '';
    expect(order.filter((each) => each !== 'signed in')).toEqual(isWrite ? ['asked', method, 'ended'] : [method]);
    expect(order.lastIndexOf('signed in')).toBeLessThan(order.indexOf(isWrite ? 'asked' : method));
  });

  it('is not sent if it is a write that may not begin any more when the sign-in has ended', async () => {
    let mayWrite = true;
    getToken = async () => {
      mayWrite = false;
      return Promise.resolve();
    };
    beforeWrite = () => {
      if (!mayWrite) throw new WriteRefusedError('no lease any more');
      return () => undefined;
    };
    answer = json(503, error('ServerBusy'));
    const refused = await call().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(refused).toBeInstanceOf(isWrite ? WriteRefusedError : ReconcileError);
    expect(requests).toHaveLength(isWrite ? 0 : 1);
  });
});
