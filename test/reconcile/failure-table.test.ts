import { renameSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faultAnswers, type FaultAnswerName } from '../../emulator/fault-answers.ts';
import type { FaultEffect, FaultHandle, FaultMatch } from '../../emulator/faults.ts';
import type { PartType, Reason } from '../../src/api/condition.ts';
import { failureTable, type RetryClass } from '../../src/azure/failure-table.ts';
import { createCredential } from '../../src/azure/sign-in.ts';
import type { Requeue } from '../../src/runtime/controller.ts';
import { audience, startIssuer, subject, type FakeIssuer } from '../emulator/fixtures.ts';
import { specWith } from '../support/notification.ts';
import { azureWith, benchWorld, key, operatorClientId, startBench, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench;
const stop = (): Promise<void> => bench[Symbol.asyncDispose]() as Promise<void>;

const minute = 60_000;
const condition = (type: string) => bench.object().status?.conditions?.find((each) => each.type === type);
const kindsOfEvents = (): readonly string[] => bench.events.map((event) => event.split(':')[0] ?? '');
const made = (): number => {
  const { actionGroups, alertRules, roleAssignments } = bench.emulator.resources();
  return actionGroups.length + alertRules.length + roleAssignments.filter(({ isSeed }) => !isSeed).length;
};

/** The calls of a run over a new object, and the part that each belongs to. */
const calls = {
  clusterRead: { part: 'PrerequisitesMet', match: { type: 'Microsoft.ContainerService/managedClusters', operation: 'read' } },
  groupRead: { part: 'ActionGroupReady', match: { type: 'Microsoft.Insights/actionGroups', operation: 'read' } },
  groupWrite: { part: 'ActionGroupReady', match: { type: 'Microsoft.Insights/actionGroups', operation: 'write' } },
  ruleRead: { part: 'AlertRuleReady', match: { type: 'Microsoft.Insights/scheduledQueryRules', operation: 'read' } },
  ruleWrite: { part: 'AlertRuleReady', match: { type: 'Microsoft.Insights/scheduledQueryRules', operation: 'write' } },
  assignmentWrite: { part: 'ReaderAccessReady', match: { type: 'Microsoft.Authorization/roleAssignments', operation: 'write' } },
} as const satisfies Record<string, { part: PartType; match: FaultMatch }>;
type CallName = keyof typeof calls;
const allCalls: readonly CallName[] = ['clusterRead', 'groupRead', 'groupWrite', 'ruleRead', 'ruleWrite', 'assignmentWrite'];
const allWrites: readonly CallName[] = ['groupWrite', 'ruleWrite', 'assignmentWrite'];

/** When the queue brings the object again: at the first failure, at the second, and when it has lasted for ten minutes. */
const tries = (first: Requeue, second: Requeue, late: Requeue) => ({ first, second, late });
const after = (seconds: number): Requeue => ({ kind: 'after', milliseconds: seconds * 1000 });
const backOff = (seconds: number): Requeue => ({ kind: 'backOff', capMilliseconds: seconds * 1000 });
const interval = after(600);
/** With the jitter of the bench, which lies in the middle. */
const late = (seconds: number): Requeue => after(seconds + Math.min(seconds / 10, 1) * 0.5);
const told = (seconds: number) => tries(late(seconds), late(seconds), late(seconds));
const untold = tries(late(30), late(60), late(120));
const classes = {
  fast: tries(backOff(30), backOff(30), backOff(180)),
  slow: tries(backOff(180), backOff(180), backOff(180)),
  slowThenCrawl: tries(backOff(180), backOff(180), interval),
  crawl: tries(interval, interval, interval),
} as const satisfies Record<Exclude<RetryClass, 'told'>, unknown>;

interface Case {
  readonly name: FaultAnswerName;
  readonly at: readonly CallName[];
  readonly reason: Reason;
  readonly retry: ReturnType<typeof tries>;
}
const row = (
  names: readonly FaultAnswerName[],
  at: readonly CallName[],
  reason: Reason,
  retry: ReturnType<typeof tries>,
): readonly Case[] => names.map((name) => ({ name, at, reason, retry }));

/** Every refusal that the emulator knows, at the calls where Azure gives it. */
const cases: readonly Case[] = [
  ...row(['ResourceNotFound', 'NotFound', 'ResourceGroupNotFound'], ['clusterRead'], 'ClusterNotFound', classes.slowThenCrawl),
  ...row(['ResourceGroupNotFound'], allWrites, 'ResourceGroupNotFound', classes.slowThenCrawl),
  ...row(['SubscriptionNotFound'], allCalls, 'SubscriptionNotFound', classes.crawl),
  ...row(['ParentResourceNotFound', 'InvalidResourceReference'], ['ruleWrite'], 'DependencyNotReady', classes.slow),
  ...row(['BadRequest/insufficientAccess'], ['ruleWrite'], 'WaitingForRole', classes.fast),
  ...row(['BadRequest/scopeMissing'], ['ruleWrite'], 'ScopeNotFound', classes.slow),
  ...row(['BadRequest/scopeChanged'], ['ruleWrite'], 'ReplacementNeeded', classes.slow),
  ...row(['BadRequest/noIdentity'], ['ruleWrite'], 'IdentityMissing', classes.slow),
  ...row(
    [
      'BadRequest',
      'BadRequest/flat',
      'BadRequestFormat',
      'InvalidParameter',
      'InvalidParameterValue',
      'MethodNotAllowed',
      'ReservedResourceName',
      'InvalidResourceGroupLocation',
      'RegionIsOfferRestricted',
      'SkuNotAvailable',
      'InvalidRequestContent',
      'InvalidTemplate',
      'InvalidValuesForRequestParameters',
      'InvalidResourceType',
      'MissingRequiredParameter',
      'LocationRequired',
      'PropertyChangeNotAllowed',
    ],
    ['ruleWrite'],
    'Rejected',
    classes.crawl,
  ),
  ...row(['BadRequest', 'BadRequest/flat'], ['groupWrite', 'assignmentWrite'], 'Rejected', classes.crawl),
  ...row(['NoRegisteredProviderFound', 'InvalidApiVersionParameter'], ['groupRead', 'ruleWrite'], 'ApiNotAvailable', classes.crawl),
  ...row(['PrincipalNotFound'], ['assignmentWrite'], 'WaitingForIdentity', classes.fast),
  ...row(['FailedIdentityOperation'], ['ruleWrite'], 'WaitingForIdentity', classes.slow),
  ...row(['RoleAssignmentUpdateNotPermitted'], ['assignmentWrite'], 'RoleAssignmentReplaced', classes.slow),
  ...row(['HashConflict', 'HashConflict/badRequest', 'RoleAssignmentExists'], ['assignmentWrite'], 'RoleAssignmentPending', classes.fast),
  ...row(['RoleAssignmentLimitExceeded'], ['assignmentWrite'], 'RoleAssignmentLimit', classes.crawl),
  ...row(['AuthorizationFailed'], allCalls, 'AccessDenied', classes.slowThenCrawl),
  ...row(['AuthorizationFailed/condition'], ['assignmentWrite'], 'AccessDeniedByCondition', classes.slowThenCrawl),
  ...row(['LinkedAuthorizationFailed'], ['ruleWrite'], 'IdentityAssignDenied', classes.slowThenCrawl),
  ...row(['RequestDisallowedByPolicy'], allWrites, 'DeniedByPolicy', classes.crawl),
  ...row(['ScopeLocked'], allWrites, 'ResourceLocked', classes.crawl),
  ...row(
    ['MissingSubscriptionRegistration', 'Conflict/notRegistered'],
    ['groupWrite', 'ruleWrite'],
    'ProviderNotRegistered',
    classes.slowThenCrawl,
  ),
  ...row(
    ['MissingRegistrationForLocation', 'SubscriptionNotRegistered', 'InvalidSubscriptionRegistrationState'],
    ['ruleWrite'],
    'ProviderNotRegistered',
    classes.slowThenCrawl,
  ),
  ...row(['Conflict', 'Conflict/flat', 'AnotherOperationInProgress'], ['ruleWrite'], 'Busy', classes.fast),
  ...row(['AllocationFailed', 'ResourceQuotaExceeded', 'QuotaExceeded'], ['ruleWrite'], 'QuotaExceeded', classes.crawl),
  ...row(['SubscriptionRequestsThrottled'], allCalls, 'Throttled', told(17)),
  ...row(['SubscriptionRequestsThrottled/fiveMinutes'], ['ruleWrite'], 'Throttled', told(300)),
  ...row(['ResourceRequestsThrottled'], ['groupWrite'], 'Throttled', told(5)),
  ...row(['TooManyRequests'], ['ruleWrite'], 'Throttled', told(10)),
  // Less than a second is a second.
  ...row(
    ['SubscriptionRequestsThrottled/milliseconds', 'ResourceRequestsThrottled/milliseconds', 'TooManyRequests/milliseconds'],
    ['ruleWrite'],
    'Throttled',
    told(1),
  ),
  ...row(
    ['SubscriptionRequestsThrottled/withoutRetryAfter', 'ResourceRequestsThrottled/withoutRetryAfter', 'TooManyRequests/withoutRetryAfter'],
    ['ruleWrite'],
    'Throttled',
    untold,
  ),
  ...row(['ServiceUnavailable'], allCalls, 'AzureUnavailable', told(5)),
  ...row(['InternalServerError'], allCalls, 'AzureUnavailable', classes.fast),
  ...row(
    [
      'ServiceUnavailable/withoutRetryAfter',
      'ServiceUnavailable/html',
      'ServerTimeout',
      'BadGateway/html',
      'GatewayTimeout',
      'RequestTimeout',
    ],
    ['ruleWrite'],
    'AzureUnavailable',
    classes.fast,
  ),
  ...row(['InvalidAuthenticationToken', 'AuthenticationFailed/claims'], ['groupRead', 'ruleWrite'], 'AuthenticationFailed', classes.slow),
  ...row(
    ['ResourceNotFound', 'NotFound', 'RoleAssignmentNotFound', 'UnknownCode', 'UnknownCode/none'],
    ['ruleWrite'],
    'AzureError',
    classes.slow,
  ),
];

/** Every refusal of Entra's, and what is made of it. */
const signIns: readonly (readonly [FaultAnswerName, Reason, ReturnType<typeof tries>])[] = [
  ['AADSTS70021', 'FederatedCredentialMismatch', classes.slowThenCrawl],
  ['AADSTS700213', 'FederatedCredentialMismatch', classes.slowThenCrawl],
  ['AADSTS90061', 'FederatedCredentialMismatch', classes.slowThenCrawl],
  ['AADSTS700016', 'AuthenticationFailed', classes.slowThenCrawl],
  ['AADSTS700024', 'AuthenticationFailed', classes.fast],
  ['AADSTS90033', 'AuthenticationUnavailable', classes.slow],
];

/** Those that ask to wait, and for how many seconds they are waited for. */
const busySignIns: readonly (readonly [FaultAnswerName, number])[] = [
  ['AADSTS90055', 5],
  ['AADSTS90055/withoutRetryAfter', 60],
];

/**
 * One failure of a new object, from its first try over the tenth minute to its end: each time the conditions, the events and the time of
 * the next try. Returns how many calls it met.
 */
const livesThrough = async (
  add: () => Pick<FaultHandle, 'hits' | 'remove'>,
  part: PartType,
  reason: Reason,
  retry: ReturnType<typeof tries>,
): Promise<number> => {
  bench.apply();
  const fault = add();
  const stallsAtOnce = retry === classes.crawl;
  const isSilent = reason === 'Throttled';
  const partStatus = part === 'PrerequisitesMet' && reason !== 'ClusterNotFound' ? 'Unknown' : 'False';
  const stands = (isStalled: boolean): void => {
    expect(condition('Ready')).toMatchObject({ status: 'False', reason });
    expect(condition(part)).toMatchObject({ status: partStatus, reason, message: condition('Ready')?.message });
    expect(condition('Stalled')?.reason).toBe(isStalled ? reason : undefined);
    expect(condition('Reconciling')?.reason).toBe(isStalled ? undefined : 'ProgressingWithRetry');
    expect(bench.object().status?.observedGeneration).toBe(isStalled ? 1 : -1);
    expect(condition('Ready')?.message).toMatch(
      /^(Could not|The cluster|Azure says that|Entra|No Azure token|The ServiceAccount token) \S.*[^…]$/,
    );
  };
  const failures = (): readonly string[] => kindsOfEvents().filter((each) => each.startsWith('Warning'));

  expect(await bench.run()).toEqual(retry.first);
  stands(stallsAtOnce);
  const first = isSilent ? [] : [stallsAtOnce ? 'Warning Stalled' : 'Warning ReconcileFailed'];
  expect(failures()).toEqual(first);

  bench.forget();
  bench.clock.advance(minute);
  expect(await bench.run()).toEqual(retry.second);
  expect([...bench.kubernetesWrites(), ...bench.events]).toEqual([]);

  bench.clock.advance(9 * minute);
  expect(await bench.run()).toEqual(retry.late);
  const stallsLate = retry === classes.slowThenCrawl;
  stands(stallsAtOnce || stallsLate);
  expect(bench.events.map((each) => each.split(':').slice(0, 2).join())).toEqual(stallsLate ? [`Warning Stalled, ${reason}`] : []);
  if (reason === 'WaitingForRole') expect(condition('AlertRuleReady')?.message).toContain('more than ten minutes');

  fault.remove();
  await bench.run();
  expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'Succeeded' });
  expect(made()).toBe(4);
  expect(kindsOfEvents().filter((each) => each === 'Normal Recovered')).toHaveLength(isSilent ? 0 : 1);
  return fault.hits();
};

describe('a failure of a new object', () => {
  afterEach(stop);

  it.each(cases.flatMap(({ at, ...each }) => at.map((call) => ({ ...each, call }))))(
    '$name at $call is $reason: seen, told, tried again in time, and over when it is over',
    async ({ name, call, reason, retry }) => {
      bench = await startBench();
      const { part, match } = calls[call];
      expect(
        await livesThrough(() => bench.emulator.faults.add({ match, effect: { kind: 'error', name } }), part, reason, retry),
      ).toBeGreaterThanOrEqual(3);
    },
  );

  it.each(allCalls)('that is a connection cut at %s: seen, told, tried again in time, and over when it is over', async (call) => {
    bench = await startBench();
    const { part, match } = calls[call];
    const fault = () => bench.emulator.faults.add({ match, effect: { kind: 'reset', when: 'before' } });
    expect(await livesThrough(fault, part, 'AzureUnavailable', classes.fast)).toBeGreaterThanOrEqual(3);
  });

  it.each<FaultEffect>([
    { kind: 'garble', how: 'emptyBody' },
    { kind: 'garble', how: 'cutJson' },
    { kind: 'garble', how: 'html' },
  ])('that is an answer which can’t be read, $how: seen, told, tried again in time, and over when it is over', async (effect) => {
    bench = await startBench();
    const { part, match } = calls.clusterRead;
    expect(
      await livesThrough(() => bench.emulator.faults.add({ match, effect }), part, 'AzureUnavailable', classes.fast),
    ).toBeGreaterThanOrEqual(3);
  });

  it.each(
    allWrites.flatMap((call) =>
      [
        { kind: 'reset', when: 'after' } as const,
        { kind: 'garble', how: 'cutJson' } as const,
        { kind: 'garble', how: 'html' } as const,
      ].map((effect) => ({ call, effect })),
    ),
  )('that is only a lost answer at $call, $effect.kind: what was done is seen, and not done again', async ({ call, effect }) => {
    bench = await startBench();
    const { part, match } = calls[call];
    bench.emulator.faults.add({ match, times: 1, effect });
    bench.apply();
    expect(await bench.run()).toEqual(classes.fast.first);
    expect(condition(part)).toMatchObject({ status: 'False', reason: 'AzureUnavailable' });
    await bench.run();
    expect(condition('Ready')?.status).toBe('True');
    const written = bench.emulator.journal.calls({ method: 'PUT' }).map(({ path }) => path.toLowerCase());
    expect(written).toHaveLength(4);
    expect(new Set(written).size).toBe(4);
  });
});

describe('the cases above', () => {
  it('are of every refusal that the emulator knows, and of every code of the table', () => {
    const names = new Set<string>([
      ...cases.map(({ name }) => name),
      ...signIns.map(([name]) => name),
      ...busySignIns.map(([name]) => name),
    ]);
    expect(Object.keys(faultAnswers).filter((name) => !names.has(name))).toEqual([]);
    const reasons = new Set(cases.map(({ reason }) => reason));
    expect(failureTable.filter(({ reason }) => !reasons.has(reason))).toEqual([]);
    const codes = failureTable.flatMap((each) => each.codes ?? []).filter((code) => code !== 'PARSE_ERROR');
    expect(codes.filter((code) => ![...names].some((name) => name.split('/')[0] === code))).toEqual([]);
  });
});

describe('a refused sign-in', () => {
  let issuer: FakeIssuer;
  let folder: string;
  beforeEach(async () => {
    issuer = await startIssuer();
    folder = await mkdtemp(join(tmpdir(), 'failure-table-'));
    bench = await startBench({ issuerCa: issuer.ca });
    bench.emulator.world.setFederatedCredentials(operatorClientId, [{ issuer: issuer.url, subject, audience }]);
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, await issuer.sign());
    const { tenantId } = benchWorld();
    const authorityHost = bench.emulator.url;
    const signedIn = azureWith(bench.emulator, createCredential({ clientId: operatorClientId, tenantId, tokenFile, authorityHost }));
    bench.bend = () => signedIn;
  });
  afterEach(async () => {
    await stop();
    await issuer[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });
  const refuse = (name: FaultAnswerName) => () => bench.emulator.faults.add({ match: { kind: 'token' }, effect: { kind: 'error', name } });

  it.each(signIns)('with %s is %s: seen, told, tried again in time, and over when it is over', async (name, reason, retry) => {
    expect(await livesThrough(refuse(name), 'PrerequisitesMet', reason, retry)).toBeGreaterThanOrEqual(3);
  });

  it('for lack of the token file is seen, told, tried again in time, and over when it is over', async () => {
    const tokenFile = join(folder, 'token');
    await rename(tokenFile, `${tokenFile}.away`);
    const fault = { remove: () => renameSync(`${tokenFile}.away`, tokenFile), hits: () => 0 };
    expect(await livesThrough(() => fault, 'PrerequisitesMet', 'CredentialUnavailable', classes.slow)).toBe(0);
  });

  it.each(busySignIns)('that asks to wait is waited for: %s, %i s', async (name, seconds) => {
    refuse(name)();
    bench.apply();
    expect(await bench.run()).toEqual(told(seconds).first);
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'AuthenticationUnavailable' });
  });
});

/** How an object is let go, whatever Azure says; the last words of each message. */
const wayOut = `To let the object go and leave what is in Azure: kubectl patch mn prod -n platform --type merge -p '{"spec":{"deletionPolicy":"Orphan"}}'.`;

describe('a failure of a deletion', () => {
  afterEach(stop);

  const types = {
    rule: 'Microsoft.Insights/scheduledQueryRules',
    group: 'Microsoft.Insights/actionGroups',
    assignment: 'Microsoft.Authorization/roleAssignments',
  } as const;
  const parts = { rule: 'AlertRuleReady', group: 'ActionGroupReady', assignment: 'ReaderAccessReady' } as const;
  type Kind = keyof typeof types;
  const deleting = async (): Promise<void> => {
    bench = await startBench();
    await bench.settle();
    bench.api.delete(key);
    bench.forget();
  };

  it.each<[FaultAnswerName, Kind, 'read' | 'delete', Reason, ReturnType<typeof tries>]>([
    ['ScopeLocked', 'assignment', 'delete', 'ResourceLocked', classes.slow],
    ['ScopeLocked', 'rule', 'delete', 'ResourceLocked', classes.slow],
    ['ScopeLocked', 'group', 'delete', 'ResourceLocked', classes.slow],
    ['AuthorizationFailed', 'assignment', 'read', 'AccessDenied', classes.slow],
    ['AuthorizationFailed', 'assignment', 'delete', 'AccessDenied', classes.slow],
    ['AuthorizationFailed', 'rule', 'delete', 'AccessDenied', classes.slow],
    ['AuthorizationFailed', 'group', 'delete', 'AccessDenied', classes.slow],
    ['AuthorizationFailed/condition', 'assignment', 'delete', 'AccessDeniedByCondition', classes.slow],
    ['SubscriptionNotFound', 'rule', 'read', 'SubscriptionNotFound', classes.slow],
    ['SubscriptionNotFound', 'rule', 'delete', 'SubscriptionNotFound', classes.slow],
    ['RequestDisallowedByPolicy', 'rule', 'delete', 'DeniedByPolicy', classes.slow],
    ['Conflict', 'rule', 'delete', 'Busy', classes.fast],
    ['SubscriptionRequestsThrottled', 'rule', 'delete', 'Throttled', told(17)],
    ['TooManyRequests/withoutRetryAfter', 'group', 'delete', 'Throttled', untold],
    ['ServiceUnavailable', 'group', 'delete', 'AzureUnavailable', told(5)],
    ['InternalServerError', 'assignment', 'delete', 'AzureUnavailable', classes.fast],
    ['UnknownCode', 'rule', 'delete', 'AzureError', classes.slow],
  ])(
    '%s of the %s at %s is %s: says the way out, never gives up, and ends when it is over',
    async (name, kind, operation, reason, retry) => {
      await deleting();
      const fault = bench.emulator.faults.add({ match: { type: types[kind], operation }, effect: { kind: 'error', name } });
      const stands = (): void => {
        expect(condition('Ready')).toMatchObject({ status: 'False', reason });
        expect(condition(parts[kind])).toMatchObject({ status: 'False', reason });
        expect(condition('Reconciling')?.reason).toBe('ProgressingWithRetry');
        expect(condition('Stalled')).toBeUndefined();
        expect(condition('Ready')?.message).toMatch(/^Could not (delete|read) /);
        // Whose turn comes by itself needs no way out.
        expect(condition('Ready')?.message.endsWith(` ${wayOut}`)).toBe(reason !== 'Throttled');
      };
      const blocked = (): readonly string[] => kindsOfEvents().filter((each) => each.startsWith('Warning'));
      expect(await bench.run()).toEqual(retry.first);
      stands();
      expect(blocked()).toEqual(reason === 'Throttled' ? [] : ['Warning DeletionBlocked']);
      bench.clock.advance(minute);
      expect(await bench.run()).toEqual(retry.second);
      bench.forget();
      bench.clock.advance(9 * minute);
      expect(await bench.run()).toEqual(retry.late);
      stands();
      expect([...bench.kubernetesWrites(), ...bench.events]).toEqual([]);

      fault.remove();
      expect(await bench.run()).toEqual({ kind: 'done' });
      expect(bench.api.list()).toEqual([]);
      expect(made()).toBe(0);
    },
  );

  it.each<[FaultAnswerName, 'read' | 'delete']>([
    ['ResourceNotFound', 'read'],
    ['ResourceNotFound', 'delete'],
    ['NotFound', 'delete'],
    ['ResourceGroupNotFound', 'read'],
    ['ResourceGroupNotFound', 'delete'],
  ])('is none when the thing is gone already: %s at %s', async (name, operation) => {
    await deleting();
    for (const type of Object.values(types)) bench.emulator.faults.add({ match: { type, operation }, effect: { kind: 'error', name } });
    expect(await bench.run()).toEqual({ kind: 'done' });
    expect(bench.api.list()).toEqual([]);
  });

  it('is none when only the answer was lost', async () => {
    await deleting();
    for (const type of Object.values(types))
      bench.emulator.faults.add({ match: { type, operation: 'delete' }, times: 1, effect: { kind: 'reset', when: 'after' } });
    for (let left = 4; left > 0 && bench.api.list().length > 0; left -= 1) await bench.run();
    expect(bench.api.list()).toEqual([]);
    expect(made()).toBe(0);
    expect(kindsOfEvents().filter((each) => each === 'Warning DeletionBlocked')).toHaveLength(1);
  });
});

describe('an object that a person must mend', () => {
  afterEach(stop);

  it.each([
    [0, 450],
    [0.5, 600],
    [0.999_999, 750],
  ])('is looked at again every interval, give or take a quarter: by chance %d after %d s', async (chance, seconds) => {
    bench = await startBench();
    bench.random = () => chance;
    bench.emulator.faults.add({ match: calls.ruleWrite.match, effect: { kind: 'error', name: 'ScopeLocked' } });
    bench.apply();
    const next = await bench.run();
    expect(next.kind === 'after' ? Math.round(next.milliseconds / 1000) : next.kind).toBe(seconds);
  });

  it('is looked at again at its own interval', async () => {
    bench = await startBench();
    bench.emulator.faults.add({ match: calls.ruleWrite.match, effect: { kind: 'error', name: 'ScopeLocked' } });
    bench.apply(specWith({ interval: '1h' }));
    expect(await bench.run()).toEqual(after(3600));
  });
});
