import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createServerCertificate } from '../../emulator/certificates.ts';
import { startEmulator, type Emulator, type EmulatorOptions } from '../../emulator/emulator.ts';
import { createClusters } from '../../src/azure/clusters.ts';
import { createSession } from '../../src/azure/session.ts';
import { createCredential, type SignInOptions } from '../../src/azure/sign-in.ts';
import { ReconcileError } from '../../src/core/failure.ts';
import { audience, startIssuer, subject, type FakeIssuer } from '../emulator/fixtures.ts';
import { listen } from '../support/listen.ts';
import { benchWorld, clusterId, operatorClientId } from '../support/reconcile-bench.ts';

const scope = 'https://management.azure.com/.default';
let issuer: FakeIssuer;
let emulator: Emulator;
let folder: string;

const start = async (options: Partial<EmulatorOptions> = {}): Promise<void> => {
  emulator = await startEmulator({ world: benchWorld(), issuerCa: issuer.ca, ...options });
  setDefaultCACertificates([...getCACertificates('default'), emulator.ca]);
  emulator.world.setFederatedCredentials(operatorClientId, [{ issuer: issuer.url, subject, audience }]);
};
beforeEach(async () => {
  issuer = await startIssuer();
  folder = await mkdtemp(join(tmpdir(), 'sign-in-'));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await emulator.stop();
  await issuer[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

const tokenFile = (): string => join(folder, 'token');
const writeToken = async (claims: Record<string, unknown> = {}): Promise<void> => writeFile(tokenFile(), `${await issuer.sign(claims)}\n`);
const options = (change: Partial<SignInOptions> = {}): SignInOptions => ({
  clientId: operatorClientId,
  tenantId: benchWorld().tenantId,
  tokenFile: tokenFile(),
  authorityHost: emulator.url,
  ...change,
});
/** A server that trusts nobody and answers as the test says, in the place of Entra. */
const serve = async (
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> => {
  const { ca, certificate, key } = await createServerCertificate('127.0.0.1');
  setDefaultCACertificates([...getCACertificates('default'), ca]);
  const server = createServer({ key, cert: certificate }, answer);
  return {
    url: `https://127.0.0.1:${await listen(server)}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
};
const metadata = (request: IncomingMessage, response: ServerResponse): unknown => {
  const base = `https://${request.headers.host}/${benchWorld().tenantId}`;
  const paths = {
    issuer: '/v2.0',
    token_endpoint: '/oauth2/v2.0/token',
    authorization_endpoint: '/oauth2/v2.0/authorize',
    jwks_uri: '/keys',
  };
  const body = Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, `${base}${path}`]));
  return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};

const tokenCalls = (): number => emulator.journal.calls({ kind: 'token' }).length;

const failure = async (credential: ReturnType<typeof createCredential>): Promise<ReconcileError> => {
  const thrown: unknown = await credential.getToken(scope).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (thrown instanceof ReconcileError) return thrown;
  throw new Error(`expected a ReconcileError, got ${String(thrown)}`);
};

describe('the sign-in', () => {
  it('trades the token of the pod for one that Azure takes', async () => {
    await start();
    await writeToken();
    const session = createSession({
      credential: createCredential(options()),
      endpoint: emulator.url,
      audience: 'https://management.azure.com',
      userAgent: 'test',
    });
    expect(await createClusters(session).observe(clusterId, new AbortController().signal)).toMatchObject({ location: 'westeurope' });
  });

  it('asks once for many who need a token at the same time', async () => {
    await start();
    await writeToken();
    const credential = createCredential(options());
    const tokens = await Promise.all(Array.from({ length: 10 }, () => credential.getToken(scope)));
    expect(new Set(tokens.map((each) => each?.token)).size).toBe(1);
    expect(tokenCalls()).toBe(1);
  });

  it('does not answer a challenge with the token that somebody else is waiting for', async () => {
    await start();
    await writeToken();
    const credential = createCredential(options());
    const claims = JSON.stringify({ access_token: { nbf: { essential: true, value: '1' } } });
    await Promise.all([credential.getToken(scope), credential.getToken(scope, { claims })]);
    expect(tokenCalls()).toBe(2);
  });

  it('reads the token file at each request, so that a rotated token counts at once', async () => {
    await start({ accessTokenSeconds: 1 });
    await writeToken({ sub: 'system:serviceaccount:platform:somebody-else' });
    const credential = createCredential(options());
    await failure(credential);
    await writeToken();
    expect(await credential.getToken(scope)).toMatchObject({ token: expect.any(String) as string });
  });

  it('asks for a new token when Azure refuses the last one, but not for each of a thousand refused calls', async () => {
    await start();
    await writeToken();
    const session = createSession({
      credential: createCredential(options()),
      endpoint: emulator.url,
      audience: 'https://management.azure.com',
      userAgent: 'test',
    });
    const read = () => createClusters(session).observe(clusterId, new AbortController().signal);
    const now = performance.now.bind(performance);
    let passed = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => now() + passed);
    await read();
    emulator.faults.add({ match: { kind: 'arm' }, times: 3, effect: { kind: 'error', name: 'InvalidAuthenticationToken' } });
    await expect(read()).rejects.toMatchObject({ reason: 'AuthenticationFailed' });
    await expect(read()).rejects.toMatchObject({ reason: 'AuthenticationFailed' });
    expect(tokenCalls()).toBe(1);
    passed = 61_000;
    await expect(read()).rejects.toMatchObject({ reason: 'AuthenticationFailed' });
    await read();
    await read();
    expect(tokenCalls()).toBe(2);
  });

  it('tries again at once after a failure, instead of answering from memory', async () => {
    await start();
    await writeToken();
    emulator.world.setFederatedCredentials(operatorClientId, []);
    const credential = createCredential(options());
    await failure(credential);
    emulator.world.setFederatedCredentials(operatorClientId, [{ issuer: issuer.url, subject, audience }]);
    expect((await credential.getToken(scope))?.token).toBeTruthy();
  });
});

describe('a sign-in that is refused', () => {
  const presented = (claims: { issuer?: string; subject?: string; audience?: string } = {}): string =>
    `issuer ${claims.issuer ?? issuer.url}, subject ${claims.subject ?? subject}, audience ${claims.audience ?? audience}`;

  it.each([
    ['another subject', { sub: 'system:serviceaccount:a:b' }, { subject: 'system:serviceaccount:a:b' }, 'AADSTS700213', 'detailed'],
    ['another audience', { aud: ['api://other'] }, { audience: 'api://other' }, 'AADSTS700212', 'detailed'],
    [
      'another subject, in the older words',
      { sub: 'system:serviceaccount:a:b' },
      { subject: 'system:serviceaccount:a:b' },
      'AADSTS70021',
      'general',
    ],
  ] as const)('for %s names issuer, subject and audience, and how to compare them', async (_, claims, shown, code, federationErrors) => {
    await start({ federationErrors });
    await writeToken(claims);
    expect(await failure(createCredential(options()))).toMatchObject({
      reason: 'FederatedCredentialMismatch',
      stalls: 'afterTenMinutes',
      retry: { kind: 'slow' },
      message: `Entra does not accept the operator's ServiceAccount token (${code}): no federated credential of client ${operatorClientId} in tenant ${benchWorld().tenantId} has exactly ${presented(shown)}. Compare them with: az identity federated-credential list.`,
    });
  });

  it('for another issuer says so', async () => {
    await start();
    await writeToken();
    emulator.world.setFederatedCredentials(operatorClientId, [{ issuer: `${issuer.url}/`, subject, audience }]);
    const { reason, message } = await failure(createCredential(options()));
    expect(reason).toBe('FederatedCredentialMismatch');
    expect(message).toContain(presented());
  });

  it('for an application that Entra does not know names client and tenant', async () => {
    await start();
    await writeToken();
    const clientId = randomUUID();
    expect(await failure(createCredential(options({ clientId })))).toMatchObject({
      reason: 'AuthenticationFailed',
      stalls: 'afterTenMinutes',
      message: `Entra knows no application ${clientId} in tenant ${benchWorld().tenantId} (AADSTS700016): check azure.clientId and azure.tenantId.`,
    });
  });

  it('for a token that has expired points at the clocks', async () => {
    await start();
    await writeToken({ iat: 1, nbf: 1, exp: 2 });
    const { reason, stalls, message } = await failure(createCredential(options()));
    expect([reason, stalls]).toEqual(['AuthenticationFailed', 'never']);
    expect(message).toContain('as expired, not valid yet or wrongly signed (AADSTS700024;');
    expect(message).toContain('check the clocks of the nodes, and that the token file is still renewed.');
  });

  it('for want of a token file points at the webhook', async () => {
    await start();
    expect(await failure(createCredential(options()))).toMatchObject({
      reason: 'CredentialUnavailable',
      stalls: 'never',
      message:
        'The ServiceAccount token file named by AZURE_FEDERATED_TOKEN_FILE can\'t be read: is the pod labelled azure.workload.identity/use: "true", and is the workload identity webhook running?',
    });
    expect(tokenCalls()).toBe(0);
  });

  it('because nothing answers says where it was tried, and the same in every run', async () => {
    await start();
    await writeToken();
    const dead = options({ authorityHost: 'https://127.0.0.1:1' });
    const credential = createCredential(dead);
    const first = await failure(credential);
    expect(first).toMatchObject({ reason: 'AuthenticationUnavailable', stalls: 'never', retry: { kind: 'slow' } });
    expect(first.message).toContain('No Azure token could be had from https://127.0.0.1:1; trying again.');
    expect((await failure(credential)).message).toBe(first.message);
  });

  it.each([
    ['another subject', { sub: 'system:serviceaccount:a:b' }],
    ['an expired token', { iat: 1, nbf: 1, exp: 2 }],
    ['a token without a key that anybody knows', { iss: 'https://127.0.0.1:1' }],
  ])('says the same in every run, and never shows the token: %s', async (_, claims) => {
    let later = 0;
    await start({ clock: () => new Date(Date.now() + later) });
    await writeToken(claims);
    const credential = createCredential(options());
    const first = await failure(credential);
    later = 7000;
    const second = await failure(credential);
    expect(second.message).toBe(first.message);
    expect(first.message).not.toMatch(/eyJ|[0-9a-f-]{36}.*Trace/);
  });

  it('reaches a run through the SDKs with all its words', async () => {
    await start();
    await writeToken({ sub: 'system:serviceaccount:a:b' });
    const session = createSession({
      credential: createCredential(options()),
      endpoint: emulator.url,
      audience: 'https://management.azure.com',
      userAgent: 'test',
    });
    const thrown: unknown = await createClusters(session)
      .observe(clusterId, new AbortController().signal)
      .catch((error: unknown) => error);
    expect(thrown).toBeInstanceOf(ReconcileError);
    expect(thrown).toMatchObject({ reason: 'FederatedCredentialMismatch', stalls: 'afterTenMinutes' });
  });
});

describe('a token near its end', () => {
  it('is renewed in good time, serves while Entra is away, and is never left to the SDK to renew', async () => {
    await start({ accessTokenSeconds: 200 });
    await writeToken();
    const credential = createCredential(options());
    const first = await credential.getToken(scope);
    expect(first?.expiresOnTimestamp).toBeLessThanOrEqual(Date.now());
    emulator.world.setFederatedCredentials(operatorClientId, []);
    const before = tokenCalls();
    expect((await credential.getToken(scope))?.token).toBe(first?.token);
    expect(tokenCalls()).toBe(before + 1);
  });

  it('is kept until then', async () => {
    await start();
    await writeToken();
    const credential = createCredential(options());
    await credential.getToken(scope);
    const before = tokenCalls();
    await credential.getToken(scope);
    expect(tokenCalls()).toBe(before);
  });
});

describe('an Entra that is not itself', () => {
  it('and says 429 is left alone for as long as it asks', async () => {
    await start();
    await writeToken();
    let asked = 0;
    const server = await serve((request, response) => {
      if (request.url?.includes('openid-configuration')) return metadata(request, response);
      asked += 1;
      return response.writeHead(429, { 'retry-after': '7', 'content-type': 'application/json' }).end('{"error":"temporarily_unavailable"}');
    });
    const credential = createCredential(options({ authorityHost: server.url }));
    const first = await failure(credential);
    expect(first).toMatchObject({ reason: 'AuthenticationUnavailable', retry: { kind: 'after', seconds: 7 } });
    const second = await failure(credential);
    expect(second).toMatchObject({ reason: 'AuthenticationUnavailable', retry: { kind: 'after' } });
    expect(second.retry.kind === 'after' && second.retry.seconds).toBeLessThan(7);
    expect(asked).toBe(1);
    await server.close();
  });

  it('and never answers holds nobody longer than the caller wants to wait', async () => {
    await start();
    await writeToken();
    const arrived = Promise.withResolvers<void>();
    const server = await serve((request, response) => {
      if (request.url?.includes('openid-configuration')) return metadata(request, response);
      arrived.resolve();
      return undefined;
    });
    const credential = createCredential(options({ authorityHost: server.url }));
    const controller = new AbortController();
    const asking = credential.getToken(scope, { abortSignal: controller.signal });
    await arrived.promise;
    controller.abort(new Error('the run is over'));
    await expect(asking).rejects.toThrow('the run is over');
    await server.close();
  });
});
