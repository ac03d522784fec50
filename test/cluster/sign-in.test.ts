import { importPKCS8, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import { isReady, minimal, operatorNamespace, operatorUser, startStage, type Stage } from '../support/stage.ts';
import { waitFor } from '../support/wait.ts';

const audience = 'api://AzureADTokenExchange';

/** What the pod gets in its token file; the tests change it. */
let tokenForPod: () => Promise<string>;
let stage: Stage;

beforeAll(async () => {
  stage = await startStage({ kubelet: { azureToken: () => tokenForPod() } });
  tokenForPod = () => stage.controlPlane.serviceAccountToken(operatorNamespace, 'aks-notifier', { audiences: [audience] });
  await stage.install();
});

afterAll(async () => {
  await stage?.stop();
});

/** Signs a token as the API server would, with claims of the test's choice. */
const sign = async (claims: { issuer?: string; subject?: string; audience?: string; secondsLeft?: number }): Promise<string> => {
  const { signingKey, signingKeyId, issuer } = stage.controlPlane;
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({})
    .setProtectedHeader({ alg: 'RS256', kid: signingKeyId })
    .setIssuer(claims.issuer ?? issuer)
    .setSubject(claims.subject ?? operatorUser)
    .setAudience(claims.audience ?? audience)
    .setIssuedAt(now - 7200)
    .setNotBefore(now - 7200)
    .setExpirationTime(now + (claims.secondsLeft ?? 3600))
    .sign(await importPKCS8(signingKey, 'RS256'));
};

const readyOf = ({ status }: MaintenanceNotification) => (status?.conditions ?? []).find(({ type }) => type === 'Ready');

it.each([
  [
    'subject',
    () => sign({ subject: 'system:serviceaccount:other:aks-notifier' }),
    'FederatedCredentialMismatch',
    'subject system:serviceaccount:other:aks-notifier',
  ],
  ['audience', () => sign({ audience: 'api://somebody-else' }), 'FederatedCredentialMismatch', 'audience api://somebody-else'],
  ['issuer', () => sign({ issuer: 'https://127.0.0.1:1' }), 'FederatedCredentialMismatch', 'issuer https://127.0.0.1:1'],
  ['expiry', () => sign({ secondsLeft: -3600 }), 'AuthenticationFailed', 'expired'],
])('a token with a wrong %s is refused, and the condition says in words what to check', async (what, wrong, reason, words) => {
  const right = tokenForPod;
  tokenForPod = wrong;
  await stage.kubelet.pause('gracefully');
  stage.emulator.journal.clear();
  stage.kubelet.resume();
  const namespace = await stage.controlPlane.createNamespace('team');
  await stage.kubectl(['apply', '-f', '-'], minimal(namespace));
  const refused = await stage.waitForStatus(namespace, 'prod', `refused for its ${what}`, (object) => readyOf(object)?.status === 'False');

  expect(readyOf(refused)).toMatchObject({ reason });
  expect(readyOf(refused)?.message).toContain(words);
  expect(readyOf(refused)?.message).not.toMatch(/eyJ|Trace ID|Correlation/);
  expect(stage.emulator.journal.calls({ kind: 'token' }).every(({ status }) => status >= 400)).toBe(true);
  expect(stage.emulator.journal.calls({ kind: 'arm' })).toEqual([]);

  // With the right token everything comes right by itself.
  tokenForPod = right;
  await stage.kubelet.pause('gracefully');
  stage.kubelet.resume();
  await stage.waitForStatus(namespace, 'prod', 'Ready', isReady);
  await waitFor('the events of failure and recovery', async () => {
    const reasons = await stage.kubectl(['get', 'events', '-n', namespace, '-o', 'jsonpath={.items[*].reason}']);
    return reasons.includes('ReconcileFailed') && reasons.includes('Recovered');
  });
  await stage.kubectl(['delete', 'mn', 'prod', '-n', namespace, '--timeout=60s']);
});
