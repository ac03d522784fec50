import { createServer } from 'node:https';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Agent } from 'undici';
import { createServerCertificate } from '../../emulator/certificates.ts';
import { startEmulator, type Emulator, type EmulatorOptions } from '../../emulator/emulator.ts';
import type { World } from '../../emulator/world.ts';
import { listen } from '../support/listen.ts';

export const tenantId = '11111111-1111-4111-8111-111111111111';
export const clientId = '22222222-2222-4222-8222-222222222222';
export const objectId = '33333333-3333-4333-8333-333333333333';
export const readerClientId = '2bbbbbbb-2222-4222-8222-222222222222';
export const readerObjectId = '3bbbbbbb-3333-4333-8333-333333333333';
export const subscriptionId = 'aaaaaaaa-4444-4444-8444-444444444444';
export const subscription = `/subscriptions/${subscriptionId}`;
export const group = `${subscription}/resourceGroups/shop`;
export const clusterId = `${group}/providers/Microsoft.ContainerService/managedClusters/prod`;
export const userAssignedId = `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/watcher`;
export const watcherPrincipalId = '5aaaaaaa-5555-4555-8555-555555555555';

export const roles = {
  owner: '8e3af657-a8ff-443c-a75c-2fe8c4bcb635',
  contributor: 'b24988ac-6180-42a0-ab88-20f7382dd24c',
  reader: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
  monitoringContributor: '749f88d5-cbae-40b8-bcfc-e573ddc772fa',
  accessAdministrator: 'f58310d9-a9f6-439a-9e8d-f62e7b41a168',
  managedIdentityOperator: 'f1a07417-d97a-45cb-824c-7a7467783830',
};

export const versions = {
  alertRules: '2025-01-01-preview',
  actionGroups: '2024-10-01-preview',
  roleAssignments: '2022-04-01',
  clusters: '2026-06-01',
};

/** A tenant with one subscription, one cluster, an application that owns the subscription, and one that may only read it. */
export const smallWorld = (): World => ({
  tenantId,
  applications: [
    { clientId, objectId, federatedCredentials: [] },
    { clientId: readerClientId, objectId: readerObjectId, federatedCredentials: [] },
  ],
  subscriptions: [{ subscriptionId, resourceGroups: [{ name: 'shop', location: 'westeurope' }] }],
  roleAssignments: [
    { scope: subscription, roleDefinitionId: roles.owner, principalId: objectId },
    { scope: subscription, roleDefinitionId: roles.reader, principalId: readerObjectId },
  ],
  clusters: [
    {
      id: clusterId,
      location: 'westeurope',
      upgradeChannel: 'stable',
      nodeOSUpgradeChannel: 'NodeImage',
      maintenanceConfigurations: {
        aksManagedAutoUpgradeSchedule: {
          maintenanceWindow: { schedule: { weekly: { intervalWeeks: 1, dayOfWeek: 'Sunday' } }, durationHours: 4, startTime: '02:00' },
        },
      },
    },
  ],
  userAssignedIdentities: [{ id: userAssignedId, principalId: watcherPrincipalId, clientId: '6aaaaaaa-6666-4666-8666-666666666666' }],
});

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The parsed body; an empty object when there is none. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any;
}

interface RequestOptions {
  /** Client id to sign in as; null sends no token. Default: the owner. */
  readonly as?: string | null;
  readonly body?: unknown;
  readonly form?: Record<string, string>;
  readonly headers?: Record<string, string>;
}

/** Sends requests to an emulator over real HTTPS, trusting only its own CA. `path` is sent as it is, doubled slashes and all. */
export type Send = (method: string, path: string, options?: RequestOptions) => Promise<Reply>;

export const sender = (emulator: Emulator): { send: Send; close: () => Promise<void> } => {
  const agent = new Agent({ connect: { ca: emulator.ca } });
  const send: Send = async (method, path, { as = clientId, body, form, headers = {} } = {}) => {
    const answer = await agent.request({
      origin: emulator.url,
      path,
      method,
      headers: {
        ...(as === null ? {} : { authorization: `Bearer ${await emulator.mintToken(as)}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      body:
        form === undefined
          ? body === undefined
            ? null
            : typeof body === 'string'
              ? body
              : JSON.stringify(body)
          : new URLSearchParams(form).toString(),
    });
    const text = await answer.body.text();
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    const flat = Object.entries(answer.headers).map(([name, value]) => [name, [value].flat().join(', ')]);
    return { status: answer.statusCode, headers: Object.fromEntries(flat), text, body: isJson ? JSON.parse(text) : {} };
  };
  return { send, close: () => agent.close() };
};

/** An emulator of the small world with a sender, both gone when the scope ends: `await using azure = await startAzure()`. */
export const startAzure = async (options: Partial<EmulatorOptions> = {}): Promise<{ emulator: Emulator; send: Send } & AsyncDisposable> => {
  const emulator = await startEmulator({ world: smallWorld(), ...options });
  const { send, close } = sender(emulator);
  return {
    emulator,
    send,
    [Symbol.asyncDispose]: async () => {
      await close();
      await emulator.stop();
    },
  };
};

export const alertRulePath = (name: string, version = versions.alertRules): string =>
  `${group}/providers/Microsoft.Insights/scheduledQueryRules/${name}?api-version=${version}`;
export const actionGroupPath = (name: string, version = versions.actionGroups): string =>
  `${group}/providers/Microsoft.Insights/actionGroups/${name}?api-version=${version}`;
export const roleAssignmentPath = (scope: string, name: string): string =>
  `${scope}/providers/Microsoft.Authorization/roleAssignments/${name}?api-version=${versions.roleAssignments}`;

type Fields = Record<string, unknown>;

/** A condition like the operator's own. */
export const condition = (change: Fields = {}): Fields => ({
  query: 'arg("").containerserviceeventresources | where type == "x"',
  timeAggregation: 'Count',
  operator: 'GreaterThan',
  threshold: 0,
  failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 },
  ...change,
});

/** A body that the alert rule service takes; `properties` and top-level fields can be changed. */
export const alertRule = (properties: Fields = {}, top: Fields = {}): Fields => ({
  location: 'westeurope',
  kind: 'LogAlert',
  identity: { type: 'SystemAssigned' },
  ...top,
  properties: {
    severity: 3,
    scopes: [clusterId],
    evaluationFrequency: 'PT30M',
    windowSize: 'PT30M',
    autoMitigate: false,
    criteria: { allOf: [condition()] },
    ...properties,
  },
});

/** A body that the action group service takes. */
export const actionGroup = (properties: Fields = {}, top: Fields = {}): Fields => ({
  location: 'global',
  ...top,
  properties: {
    groupShortName: 'shop',
    enabled: true,
    emailReceivers: [{ name: 'oncall', emailAddress: 'oncall@contoso.com' }],
    ...properties,
  },
});

/** A clock that stands still until it is moved. */
export const stoppedClock = (start = '2026-11-01T12:00:00.123Z'): { now: () => Date; advance: (seconds: number) => void } => {
  let at = new Date(start).getTime();
  return {
    now: () => new Date(at),
    advance: (seconds) => {
      at += seconds * 1000;
    },
  };
};

export interface FakeIssuer extends AsyncDisposable {
  readonly url: string;
  readonly ca: string;
  /** Paths asked for, oldest first. */
  readonly requests: string[];
  /** Signs with the newest key; `claims` replace or (undefined) remove the usual ones. */
  readonly sign: (claims?: Record<string, unknown>) => Promise<string>;
  /** Publishes another key under another id and signs with it from now on; `secretly`: without publishing it. */
  readonly rotate: (secretly?: 'secretly') => Promise<void>;
  /** Answers 500 from now on. */
  readonly break: () => void;
}

export const subject = 'system:serviceaccount:platform:aks-notifier';
export const audience = 'api://AzureADTokenExchange';

/** An OIDC issuer like a Kubernetes API server: metadata and keys over HTTPS with a CA of its own. */
export const startIssuer = async (clock: () => Date = () => new Date()): Promise<FakeIssuer> => {
  const certificate = await createServerCertificate('127.0.0.1');
  const requests: string[] = [];
  const published: object[] = [];
  let signing = await generateKeyPair('RS256');
  let keyNumber = 0;
  let isBroken = false;
  let url = '';

  const publish = async (): Promise<void> => {
    published.push({ ...(await exportJWK(signing.publicKey)), kid: String(keyNumber), alg: 'RS256', use: 'sig' });
  };
  await publish();

  const server = createServer({ key: certificate.key, cert: certificate.certificate }, (request, response) => {
    requests.push(request.url ?? '');
    const body = request.url?.endsWith('/openid-configuration') ? { issuer: url, jwks_uri: `${url}/openid/v1/jwks` } : { keys: published };
    response.writeHead(isBroken ? 500 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  url = `https://127.0.0.1:${await listen(server)}`;

  return {
    get url() {
      return url;
    },
    ca: certificate.ca,
    requests,
    sign: (claims = {}) => {
      const now = Math.floor(clock().getTime() / 1000);
      return new SignJWT({ iss: url, sub: subject, aud: [audience], iat: now, nbf: now, exp: now + 600, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: String(keyNumber) })
        .sign(signing.privateKey);
    },
    rotate: async (secretly) => {
      signing = await generateKeyPair('RS256');
      if (secretly === 'secretly') return;
      keyNumber += 1;
      await publish();
    },
    break: () => {
      isBroken = true;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
};
