import { MonitorClient } from '@azure/arm-monitor';
import { ClientAssertionCredential } from '@azure/identity';
import { describe, expect, it } from 'vitest';
import type { FaultEffect } from '../../emulator/faults.ts';
import { clientId, startAzure, subscriptionId, tenantId } from './fixtures.ts';
import { trust } from './trust.ts';

/** What the real SDK makes of faults, so that those who write tests with them meet what Azure would make them meet. */
const withClient = async (
  effect: FaultEffect,
  use: (client: MonitorClient, azure: Awaited<ReturnType<typeof startAzure>>) => Promise<void>,
) => {
  await using azure = await startAzure();
  const { emulator } = azure;
  trust(emulator.ca);
  emulator.faults.add({ times: 1, effect });
  const credential = { getToken: async () => ({ token: await emulator.mintToken(clientId), expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const client = new MonitorClient(credential, subscriptionId, { endpoint: emulator.url, retryOptions: { maxRetries: 0 } });
  await use(client, azure);
};

const put = (client: MonitorClient) =>
  client.actionGroups.createOrUpdate('shop', 'a', { location: 'Global', groupShortName: 'a', enabled: true });

const isDone = [{ name: 'a' }];

describe('what the SDK makes of', () => {
  it.each<[string, FaultEffect, object, object[]]>([
    ['a connection cut before the work', { kind: 'reset', when: 'before' }, { code: 'ECONNRESET' }, []],
    ['a lost answer', { kind: 'reset', when: 'after' }, { code: 'ECONNRESET' }, isDone],
    ['JSON that breaks off', { kind: 'garble', how: 'cutJson' }, { code: 'PARSE_ERROR', statusCode: 201 }, isDone],
    ['an empty answer', { kind: 'garble', how: 'emptyBody' }, { name: 'TypeError' }, isDone],
    ['an HTML page', { kind: 'garble', how: 'html' }, { statusCode: 502, code: undefined }, isDone],
    ['a nested error', { kind: 'error', name: 'ScopeLocked' }, { statusCode: 409, code: 'ScopeLocked' }, []],
    [
      'a throttled call',
      { kind: 'error', name: 'SubscriptionRequestsThrottled' },
      { statusCode: 429, code: 'SubscriptionRequestsThrottled' },
      [],
    ],
  ])('%s', async (_name, effect, error, groups) => {
    await withClient(effect, async (client, { emulator }) => {
      await expect(put(client)).rejects.toMatchObject(error);
      expect(emulator.resources().actionGroups).toMatchObject(groups);
      await put(client);
      expect(emulator.journal.count({ method: 'PUT' })).toBe(2);
    });
  });

  it('a hang: nothing, until it gives up', async () => {
    await withClient({ kind: 'hang' }, async (client, { emulator }) => {
      const patience = new AbortController();
      const answer = client.actionGroups.get('shop', 'a', { abortSignal: patience.signal }).catch((error: Error) => error.name);
      await expect.poll(() => emulator.journal.calls()).toMatchObject([{ errorCode: 'hang' }]);
      patience.abort();
      expect(await answer).toBe('AbortError');
    });
  });

  it('a claims challenge: a new token that answers the claims, and the call again', async () => {
    await using azure = await startAzure();
    const { emulator } = azure;
    trust(emulator.ca);
    emulator.faults.add({ times: 1, effect: { kind: 'error', name: 'AuthenticationFailed/claims' } });
    const asked: (string | undefined)[] = [];
    const credential = {
      getToken: async (_scopes: string | string[], options?: { claims?: string }) => {
        asked.push(options?.claims);
        return { token: await emulator.mintToken(clientId), expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    };
    const client = new MonitorClient(credential, subscriptionId, { endpoint: emulator.url, retryOptions: { maxRetries: 0 } });
    await put(client);
    expect(asked).toEqual([undefined, expect.stringContaining('"nbf"')]);
    expect(emulator.journal.calls().map(({ status }) => status)).toEqual([401, 201]);
  });

  it.each<[string, FaultEffect, RegExp]>([
    ['a credential that is missing', { kind: 'error', name: 'AADSTS70021' }, /70021/u],
    ['another subject', { kind: 'error', name: 'AADSTS700213' }, /700213/u],
    ['an unknown application', { kind: 'error', name: 'AADSTS700016' }, /700016/u],
    ['an old assertion', { kind: 'error', name: 'AADSTS700024' }, /700024/u],
    ['an issuer that is away', { kind: 'error', name: 'AADSTS90061' }, /90061/u],
    ['a sign-in service that is busy', { kind: 'error', name: 'AADSTS90033' }, /90033/u],
    ['a sign-in service that throttles', { kind: 'error', name: 'AADSTS90055' }, /90055/u],
  ])('%s', async (_name, effect, message) => {
    await using azure = await startAzure();
    const { emulator } = azure;
    trust(emulator.ca);
    emulator.faults.add({ match: { kind: 'token' }, effect });
    const credential = new ClientAssertionCredential(tenantId, clientId, async () => 'e30.e30.e30', {
      authorityHost: emulator.url,
      disableInstanceDiscovery: true,
      retryOptions: { maxRetries: 0 },
    });
    await expect(credential.getToken(`${emulator.url}/.default`)).rejects.toThrow(message);
    expect(emulator.journal.calls({ kind: 'token' })).toHaveLength(1);
  });
});
