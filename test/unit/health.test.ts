import { describe, expect, it } from 'vitest';
import { whyNotAlive, whyNotReady, type HealthFacts } from '../../src/health.ts';
import { KubeError } from '../../src/kube/failure.ts';
import { sentence, type Errand } from '../../src/trouble.ts';

const fine: HealthFacts = { isStopping: false, waitingFor: undefined, silentMilliseconds: 0, running: new Map(), mayWrite: undefined };
const limits = { silentMilliseconds: 30 * 60_000, runMilliseconds: 6 * 60_000 };

describe('readiness', () => {
  it.each([
    ['nothing is missing', {}, undefined],
    ['it stands by', { mayWrite: undefined }, undefined],
    ['it waits for something', { waitingFor: 'the CRD is not installed' }, 'the CRD is not installed'],
    ['it stops', { isStopping: true, waitingFor: 'something' }, 'stopping'],
  ])('when %s', (_, facts, expected) => {
    expect(whyNotReady({ ...fine, ...facts })).toBe(expected);
  });
});

describe('liveness', () => {
  it.each<[string, Partial<HealthFacts>, string | undefined]>([
    ['all is well', {}, undefined],
    ['it leads', { mayWrite: true }, undefined],
    ['it waits for something', { waitingFor: 'the CRD is not installed' }, undefined],
    ['the API server is silent for a while', { silentMilliseconds: 29 * 60_000 }, undefined],
    ['it is silent for too long', { silentMilliseconds: 31 * 60_000 }, 'the API server has given no sign of life for 31 minutes'],
    ['a run takes long', { running: new Map([['a/b', 5 * 60_000]]) }, undefined],
    [
      'a run outlives its deadline',
      { running: new Map([['a/b', 7 * 60_000]]) },
      "the run of a/b has been going on for 7 minutes and can't be stopped",
    ],
    ['the lease is lost and the process still there', { mayWrite: false }, 'the lease has run out and the process has not ended'],
    ['it stops, however long that takes', { isStopping: true, mayWrite: false, silentMilliseconds: Infinity }, undefined],
  ])('when %s', (_, facts, expected) => {
    expect(whyNotAlive({ ...fine, ...facts }, limits)).toBe(expected);
  });
});

describe('a sentence about trouble with the API server', () => {
  it.each<[Errand, number | undefined, string]>([
    ['list', 404, 'the CRD maintenancenotifications.aks-notifier.dev is not installed'],
    ['list', 403, 'grant the ServiceAccount `list` on maintenancenotifications.aks-notifier.dev'],
    ['watch', 403, '`watch`'],
    ['lease', 403, 'leases.coordination.k8s.io'],
    ['lease', 404, '--namespace'],
    ['uid', 403, '--installation-id'],
    ['uid', 401, "doesn't accept the credentials"],
    ['lease', undefined, 'waiting for the API server'],
  ])('on %s and %s says what to do', (errand, status, expected) => {
    const text = sentence(errand, new KubeError('it said this', { operation: 'GET /x', status }));
    expect(text).toMatch(/^it said this: /);
    expect(text).toContain(expected);
    expect(text).not.toContain('\n');
  });

  it('is the error alone where nobody can do anything', () => {
    expect(sentence('list', new KubeError('it said this', { operation: 'GET /x', status: 503 }))).toBe('it said this');
  });
});
