import { ClientAssertionCredential } from '@azure/identity';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEmulator, type Emulator } from '../../emulator/emulator.ts';
import { defaultSettings } from '../../emulator/settings.ts';
import {
  audience,
  clientId,
  clusterId,
  objectId,
  sender,
  smallWorld,
  startAzure,
  startIssuer,
  stoppedClock,
  subject,
  tenantId,
  versions,
  type FakeIssuer,
  type Reply,
  type Send,
} from './fixtures.ts';
import { trust } from './trust.ts';

const tokenPath = `/${tenantId}/oauth2/v2.0/token`;
const armScope = 'https://management.azure.com/.default';

let issuer: FakeIssuer;
let emulator: Emulator;
let send: Send;
let close: () => Promise<void>;
const clock = stoppedClock();

const form = (assertion: string, change: Record<string, string> = {}): Record<string, string> => ({
  client_id: clientId,
  scope: armScope,
  grant_type: 'client_credentials',
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: assertion,
  ...change,
});

const ask = (fields: Record<string, string>, path = tokenPath): Promise<Reply> => send('POST', path, { as: null, form: fields });

beforeAll(async () => {
  issuer = await startIssuer(clock.now);
  emulator = await startEmulator({ world: smallWorld(), issuerCa: issuer.ca, clock: clock.now });
  ({ send, close } = sender(emulator));
});

afterAll(async () => {
  await close();
  await emulator.stop();
  await issuer[Symbol.asyncDispose]();
});

beforeEach(() => {
  emulator.world.setFederatedCredentials(clientId, [{ issuer: issuer.url, subject, audience }]);
  emulator.journal.clear();
});

describe('metadata', () => {
  it('names its own host for everything', async () => {
    const { status, body } = await send('GET', `/${tenantId}/v2.0/.well-known/openid-configuration`, { as: null });
    expect(status).toBe(200);
    for (const field of ['issuer', 'token_endpoint', 'authorization_endpoint', 'jwks_uri']) expect(body[field]).toContain(emulator.url);
    expect(emulator.journal.calls({ kind: 'metadata' })).toHaveLength(1);
  });
});

describe('a good assertion', () => {
  it('gives an access token that opens Resource Manager', async () => {
    const answer = await ask(form(await issuer.sign()));
    expect(answer).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 3600 } });
    const claims = decodeJwt(answer.body.access_token);
    expect(claims).toMatchObject({ aud: 'https://management.azure.com', oid: objectId, appid: clientId, tid: tenantId });
    expect(claims.exp! - claims.iat!).toBe(3600);

    const authorization = `Bearer ${answer.body.access_token}`;
    const got = await send('GET', `${clusterId}?api-version=${versions.clusters}`, { as: null, headers: { authorization } });
    expect(got.status).toBe(200);
  });

  it.each([
    ['the public cloud', () => armScope, 'https://management.azure.com'],
    ['the endpoint of the emulator', () => `${emulator.url}/.default`, undefined],
    ['a scope with a doubled slash', () => 'https://management.azure.com//.default', 'https://management.azure.com'],
  ])('may ask for %s', async (_name, scope, expected) => {
    const answer = await ask(form(await issuer.sign(), { scope: scope() }));
    expect(decodeJwt(answer.body.access_token).aud).toBe(expected ?? emulator.url);
  });

  it('is accepted after the issuer has changed its key, and keys are not asked for again until then', async () => {
    await ask(form(await issuer.sign()));
    issuer.requests.length = 0;
    expect((await ask(form(await issuer.sign()))).status).toBe(200);
    expect(issuer.requests).toEqual([]);
    await issuer.rotate();
    expect((await ask(form(await issuer.sign()))).status).toBe(200);
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/openid/v1/jwks']);
  });

  it('may go to an authority whose address ends with a slash', async () => {
    const answer = await ask(form(await issuer.sign()), `/${tokenPath}`);
    expect(answer.status).toBe(200);
    expect(emulator.journal.calls({ kind: 'token' })).toMatchObject([{ path: tokenPath }]);
  });

  it('leaves no trace of a token in the journal', async () => {
    const assertion = await issuer.sign();
    const { body } = await ask(form(assertion));
    const [call] = emulator.journal.calls({ kind: 'token' });
    expect(call).toMatchObject({ method: 'POST', status: 200, name: clientId, principalId: objectId });
    const journal = JSON.stringify(emulator.journal.calls());
    expect(journal).not.toContain(assertion.split('.')[2]);
    expect(journal).not.toContain(body.access_token.split('.')[2]);
  });
});

describe('a bad request', () => {
  const seconds = (): number => Math.floor(clock.now().getTime() / 1000);
  const unknownClient = '99999999-9999-4999-8999-999999999999';

  it.each<[string, () => Promise<Record<string, string>>, number, number, string, string[]]>([
    [
      'issuer',
      async () => form(await issuer.sign({ iss: 'https://elsewhere.example' })),
      401,
      700_211,
      'invalid_client',
      ["'https://elsewhere.example'"],
    ],
    ['issuer, by a trailing slash', async () => form(await issuer.sign({ iss: `${issuer.url}/` })), 401, 700_211, 'invalid_client', []],
    [
      'subject',
      async () => form(await issuer.sign({ sub: 'system:serviceaccount:a:b' })),
      401,
      700_213,
      'invalid_client',
      ["'system:serviceaccount:a:b'"],
    ],
    ['subject, by case', async () => form(await issuer.sign({ sub: subject.toUpperCase() })), 401, 700_213, 'invalid_client', []],
    ['audience', async () => form(await issuer.sign({ aud: 'api://other' })), 401, 700_212, 'invalid_client', ["'api://other'"]],
    ['audience, one of two', async () => form(await issuer.sign({ aud: [audience, 'other'] })), 401, 700_212, 'invalid_client', []],
    [
      'time: expired',
      async () => form(await issuer.sign({ exp: seconds() - 1 })),
      401,
      700_024,
      'invalid_client',
      ['2026-11-01T12:00:00.1230000Z'],
    ],
    ['time: not yet', async () => form(await issuer.sign({ nbf: seconds() + 60 })), 401, 700_024, 'invalid_client', []],
    ['time: never expires', async () => form(await issuer.sign({ exp: undefined })), 401, 700_024, 'invalid_client', []],
    ['client', async () => form(await issuer.sign(), { client_id: unknownClient }), 400, 700_016, 'unauthorized_client', [unknownClient]],
    ['grant type', async () => form(await issuer.sign(), { grant_type: 'password' }), 400, 70_003, 'unsupported_grant_type', []],
    [
      'scope: unknown resource',
      async () => form(await issuer.sign(), { scope: 'https://vault.azure.net/.default' }),
      400,
      500_011,
      'invalid_resource',
      [],
    ],
    [
      'scope: no .default',
      async () => form(await issuer.sign(), { scope: 'https://management.azure.com' }),
      400,
      1_002_012,
      'invalid_scope',
      [],
    ],
    ['assertion: no JWT', async () => form('nonsense'), 400, 50_027, 'invalid_request', []],
  ])('%s', async (_name, fields, status, number, error, mentioned) => {
    const answer = await ask(await fields());
    expect(answer).toMatchObject({ status, body: { error, error_codes: [number] } });
    expect(answer.body.error_description).toMatch(
      new RegExp(`^AADSTS${number}: .*Trace ID: .*Correlation ID: .*Timestamp: 2026-11-01 12:00:00Z$`, 'u'),
    );
    for (const text of mentioned) expect(answer.body.error_description).toContain(text);
    expect(Object.keys(answer.body).toSorted()).toEqual(
      ['correlation_id', 'error', 'error_codes', 'error_description', 'error_uri', 'timestamp', 'trace_id'].toSorted(),
    );
    expect(emulator.journal.calls({ kind: 'token' })).toMatchObject([{ status, errorCode: `AADSTS${number}` }]);
  });

  it('tenant', async () => {
    const answer = await ask(form(await issuer.sign()), `/${unknownClient}/oauth2/v2.0/token`);
    expect(answer).toMatchObject({ status: 400, body: { error_codes: [90_002] } });
  });

  it('an application without any credential', async () => {
    emulator.world.setFederatedCredentials(clientId, []);
    const answer = await ask(form(await issuer.sign()));
    expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request', error_codes: [70_021] } });
    for (const text of [issuer.url, subject, audience]) expect(answer.body.error_description).toContain(`'${text}'`);
  });

  it('never makes the emulator ask an issuer that no credential names', async () => {
    await using stranger = await startIssuer(clock.now);
    await ask(form(await stranger.sign()));
    expect(stranger.requests).toEqual([]);
  });
});

describe('signatures', () => {
  it('one by a key that is not published is refused', async () => {
    await using forger = await startIssuer(clock.now);
    const answer = await ask(form(await forger.sign({ iss: issuer.url })));
    expect(answer).toMatchObject({ status: 401, body: { error: 'invalid_client', error_codes: [700_027] } });
  });

  it('one by a key that passes itself off under a published id is refused', async () => {
    await using liar = await startIssuer(clock.now);
    await using azure = await startAzure({ issuerCa: liar.ca, clock: clock.now });
    azure.emulator.world.setFederatedCredentials(clientId, [{ issuer: liar.url, subject, audience }]);
    const before = await azure.send('POST', tokenPath, { as: null, form: form(await liar.sign()) });
    await liar.rotate('secretly');
    const after = await azure.send('POST', tokenPath, { as: null, form: form(await liar.sign()) });
    expect([before.status, after.status]).toEqual([200, 401]);
    expect(after.body.error_codes).toEqual([700_027]);
  });

  it('keys that cannot be fetched: the issuer is down, or its certificate is not trusted', async () => {
    await using broken = await startIssuer(clock.now);
    broken.break();
    await using azure = await startAzure({ issuerCa: broken.ca, clock: clock.now });
    azure.emulator.world.setFederatedCredentials(clientId, [
      { issuer: broken.url, subject, audience },
      { issuer: issuer.url, subject, audience },
    ]);
    for (const each of [broken, issuer]) {
      const answer = await azure.send('POST', tokenPath, { as: null, form: form(await each.sign()) });
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request', error_codes: [90_061] } });
    }
  });
});

describe('settings', () => {
  it('general errors are the older AADSTS70021 for every mismatch', async () => {
    await using azure = await startAzure({ issuerCa: issuer.ca, clock: clock.now, federationErrors: 'general' });
    azure.emulator.world.setFederatedCredentials(clientId, [{ issuer: issuer.url, subject, audience }]);
    for (const claims of [{ iss: 'https://x.example' }, { sub: 'x' }, { aud: 'x' }]) {
      const answer = await azure.send('POST', tokenPath, { as: null, form: form(await issuer.sign(claims)) });
      expect(answer.body.error_codes).toEqual([70_021]);
    }
  });

  it('a leeway lets an assertion through that has just expired, and a token lives as long as it is told', async () => {
    await using azure = await startAzure({ issuerCa: issuer.ca, clock: clock.now, assertionLeewaySeconds: 5, accessTokenSeconds: 60 });
    azure.emulator.world.setFederatedCredentials(clientId, [{ issuer: issuer.url, subject, audience }]);
    const exp = Math.floor(clock.now().getTime() / 1000) - 3;
    const answer = await azure.send('POST', tokenPath, { as: null, form: form(await issuer.sign({ exp })) });
    expect(answer).toMatchObject({ status: 200, body: { expires_in: 60 } });
    expect(defaultSettings.assertionLeewaySeconds).toBe(0);
  });
});

describe('@azure/identity', () => {
  it('signs in with a federated assertion, and names the reason when it cannot', async () => {
    await using real = await startIssuer();
    await using azure = await startAzure({ issuerCa: real.ca });
    azure.emulator.world.setFederatedCredentials(clientId, [{ issuer: real.url, subject, audience }]);
    trust(azure.emulator.ca);
    const credential = (claims = {}) =>
      new ClientAssertionCredential(tenantId, clientId, () => real.sign(claims), {
        authorityHost: azure.emulator.url,
        disableInstanceDiscovery: true,
        retryOptions: { maxRetries: 0 },
      });

    const token = await credential().getToken(armScope);
    expect(decodeJwt(token.token)['oid']).toBe(objectId);
    await expect(credential({ sub: 'system:serviceaccount:a:b' }).getToken(armScope)).rejects.toThrow(/700213/u);
  });
});
