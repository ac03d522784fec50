/** Histories at random: what people, Azure and the operator itself may do to one notification, step by step. */
import * as fc from 'fast-check';
import type { Fault, FaultHandle } from '../../emulator/faults.ts';
import { defaultSettings, type Settings } from '../../emulator/settings.ts';
import type { MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import { readerRoleId, reconcileAnnotation } from '../../src/api/names.ts';
import { ownerDescription } from '../../src/core/owner.ts';
import { clusterId } from './notification.ts';
import { oneOfEach } from './receivers.ts';
import {
  key,
  operatorClientId,
  onCallGroupId,
  otherSubscriptionId,
  owner,
  shop,
  startBench,
  subscription,
  type Bench,
} from './reconcile-bench.ts';

/** What somebody does to what we made; nothing happens when it isn't there. */
type Drift = keyof typeof drifts;

/** What can happen at any moment, also in the middle of a run. */
type Event =
  | { readonly is: 'spec'; readonly spec: MaintenanceNotificationSpec }
  | { readonly is: 'deletion' }
  | { readonly is: 'request'; readonly word: string }
  | { readonly is: 'drift'; readonly of: Drift };

export type Step =
  | Event
  | { readonly is: 'fault'; readonly fault: Fault }
  /** From now on Azure writes its answers in another way that means the same. */
  | { readonly is: 'spelling'; readonly of: Partial<Settings> }
  | { readonly is: 'restart' }
  | { readonly is: 'wait'; readonly minutes: number }
  /** `at` counts the moments of a run: each call to Azure has two, before and after its work, each write to Kubernetes has one. */
  | { readonly is: 'run'; readonly meanwhile?: { readonly at: number; readonly happens: Event | { readonly is: 'crash' } } };

const ours = (description: unknown): boolean =>
  description === ownerDescription({ installationId: 'test', namespace: 'platform', name: 'prod' });
type Fields = Readonly<Record<string, unknown>>;
const isOurs = ({ tags }: Fields): boolean => (tags as Fields | undefined)?.['aks-notifier-owner'] === owner;

const rulesOf = ({ emulator }: Bench) => emulator.resources().alertRules.filter(isOurs);
const groupsOf = ({ emulator }: Bench) => emulator.resources().actionGroups.filter(isOurs);
const principalsOf = (bench: Bench): readonly string[] =>
  rulesOf(bench).flatMap(({ identity }) => {
    const { principalId, userAssignedIdentities = {} } = (identity ?? {}) as Partial<
      Record<'principalId' | 'userAssignedIdentities', unknown>
    >;
    return [principalId, ...Object.values(userAssignedIdentities as Fields).map((each) => (each as Fields)['principalId'])].filter(
      (each) => typeof each === 'string',
    );
  });

interface Grant {
  readonly name: string;
  readonly scope: string;
  readonly isOurs: boolean;
}

/** Who gives the present identities Reader, and what we gave to others before them. */
const grantsOf = (bench: Bench): readonly Grant[] => {
  const principals = principalsOf(bench);
  return bench.emulator
    .resources()
    .roleAssignments.map(({ id, properties }) => ({ name: id.split('/').at(-1) ?? '', properties: properties as Fields }))
    .filter(({ properties }) => ours(properties['description']) || principals.includes(String(properties['principalId'])))
    .map(({ name, properties }) => ({
      name,
      scope: `${String(properties['scope']).toLowerCase()}${principals.includes(String(properties['principalId'])) ? '' : ' for one who is gone'}`,
      isOurs: ours(properties['description']),
    }));
};

const inRules = (change: (properties: { readonly criteria?: object }) => object) => (bench: Bench) => {
  for (const { id } of rulesOf(bench))
    bench.emulator.world.changeAlertRule(id, (body) => ({
      ...body,
      properties: { ...body.properties, ...change(body.properties) },
    }));
};
const inGroups = (change: object) => (bench: Bench) => {
  for (const { id } of groupsOf(bench))
    bench.emulator.world.changeActionGroup(id, (body) => ({ ...body, properties: { ...body.properties, ...change } }));
};
const grant = (scope: string) => (bench: Bench, byOthers: Set<string>) => {
  const [principalId] = principalsOf(bench);
  if (!principalId || grantsOf(bench).some((each) => each.scope === scope.toLowerCase())) return;
  byOthers.add(bench.emulator.world.addRoleAssignment({ scope, principalId, roleDefinitionId: readerRoleId }));
};
const revoke = (which: 0 | -1) => (bench: Bench, byOthers: Set<string>) => {
  const name = grantsOf(bench)
    .filter((each) => each.isOurs || byOthers.has(each.name))
    .at(which)?.name;
  if (name === undefined) return;
  bench.emulator.world.removeRoleAssignment(name);
  byOthers.delete(name);
};

const drifts = {
  'rule switched off': inRules(() => ({ enabled: false })),
  'rule with another severity': inRules(() => ({ severity: 0 })),
  'rule with another query': inRules(({ criteria }) => {
    const { allOf } = criteria as { readonly allOf: readonly Fields[] };
    return { criteria: { allOf: [{ ...allOf[0], query: 'arg("").resources | take 0' }] } };
  }),
  'rule muted': inRules(() => ({ muteActionsDuration: 'P1D' })),
  'rule that calls nobody': inRules(() => ({ actions: {} })),
  'rule that resolves itself': inRules(() => ({ autoMitigate: true })),
  'rule with a tag of policy': (bench: Bench) => {
    for (const { id } of rulesOf(bench))
      bench.emulator.world.changeAlertRule(id, (body) => ({ ...body, tags: { ...body.tags, policy: 'x' } }));
  },
  'rule without the tags of the spec': (bench: Bench) => {
    for (const { id } of rulesOf(bench))
      bench.emulator.world.changeAlertRule(id, (body) => ({ ...body, tags: { 'aks-notifier-owner': owner } }));
  },
  'rule without identity': (bench: Bench) => {
    for (const { id } of rulesOf(bench)) bench.emulator.world.changeAlertRule(id, ({ identity: _identity, ...body }) => body);
  },
  'rule deleted': (bench: Bench) => {
    for (const { id } of rulesOf(bench)) bench.emulator.world.deleteAlertRule(id);
  },
  'rule made again': (bench: Bench) => {
    for (const { id } of rulesOf(bench)) bench.emulator.world.recreateAlertRule(id);
  },
  'group switched off': inGroups({ enabled: false }),
  'group with another short name': inGroups({ groupShortName: 'x' }),
  'group with a stranger': inGroups({ smsReceivers: [{ name: 'Duty', countryCode: '49', phoneNumber: '1234567' }] }),
  'group that tells nobody': inGroups({ emailReceivers: [] }),
  'group with a tag of policy': (bench: Bench) => {
    for (const { id } of groupsOf(bench))
      bench.emulator.world.changeActionGroup(id, (body) => ({ ...body, tags: { ...body.tags, policy: 'x' } }));
  },
  'group deleted': (bench: Bench) => {
    for (const { id } of groupsOf(bench)) bench.emulator.world.deleteActionGroup(id);
  },
  'first assignment removed': revoke(0),
  'last assignment removed': revoke(-1),
  'Reader on the group by somebody else': grant(shop),
  'Reader on the subscription by somebody else': grant(subscription),
} satisfies Readonly<Record<string, (bench: Bench, byOthers: Set<string>) => void>>;

/** The first is shared with an object of others, which granted it Reader on the subscription. */
const identities = ['1', '2'].map((digit) => ({
  id: `${shop}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/alerts-${digit}`,
  principalId: `77777777-7777-4777-8777-77777777777${digit}`,
  clientId: `88888888-8888-4888-8888-88888888888${digit}`,
}));

const specs: fc.Arbitrary<MaintenanceNotificationSpec> = fc
  .record({
    tells: fc.constantFrom('own', 'own and others', 'others'),
    email: fc.subarray(['a@contoso.com', 'b@contoso.com', 'c@contoso.com'], { minLength: 1 }),
    kinds: fc.subarray([
      'sms',
      'voice',
      'webhook',
      'armRole',
      'azureApp',
      'logicApp',
      'azureFunction',
      'automationRunbook',
      'eventHub',
      'itsm',
    ] as const),
    readerScopes: fc.option(fc.subarray(['Cluster', 'ResourceGroup', 'Subscription'] as const), { nil: undefined }),
    placement: fc.constantFrom(
      undefined,
      undefined,
      { resourceGroup: 'ops' },
      { location: 'northeurope' },
      { subscriptionId: otherSubscriptionId, resourceGroup: 'alerts' },
    ),
    alertRule: fc.option(
      fc.record(
        {
          severity: fc.constantFrom(0, 3, 4),
          evaluationFrequency: fc.constantFrom('5m', '30m', '1h'),
          customProperties: fc.constantFrom({}, { team: 'red' }, { team: 'blue', page: 'yes' }),
          emailSubject: fc.constant('Maintenance'),
        },
        { requiredKeys: [] },
      ),
      { nil: undefined },
    ),
    identity: fc.constantFrom(undefined, undefined, ...identities.map(({ id }) => ({ type: 'UserAssigned' as const, resourceId: id }))),
    tags: fc.constantFrom(undefined, { cost: '1' }, { cost: '2', Team: 'a' }),
    upgradeTypes: fc.constantFrom(undefined, ['NodeOSUpgrade'] as const),
    suspend: fc.constantFrom(...Array.from({ length: 9 }, () => undefined), true),
  })
  .map(({ tells, email, kinds, ...rest }) => {
    const others = Object.fromEntries(kinds.map((kind) => [kind, oneOfEach[kind]]));
    const spec = {
      clusterResourceId: clusterId,
      ...(tells === 'others' ? {} : { receivers: { email: email.map((address) => ({ address })), ...others } }),
      ...(tells === 'own' ? {} : { actionGroupIds: [onCallGroupId] }),
      ...rest,
    };
    // As the API server would have it: what is undefined isn't there.
    return JSON.parse(JSON.stringify(spec)) as MaintenanceNotificationSpec;
  });

const types = ['Microsoft.Insights/actionGroups', 'Microsoft.Insights/scheduledQueryRules', 'Microsoft.Authorization/roleAssignments'];

const faults: fc.Arbitrary<Fault> = fc
  .record({
    type: fc.constantFrom(undefined, undefined, ...types),
    operation: fc.constantFrom(undefined, undefined, 'write' as const, 'write' as const, 'delete' as const, 'read' as const),
    effect: fc.oneof(
      fc
        .constantFrom(
          'TooManyRequests' as const,
          'SubscriptionRequestsThrottled' as const,
          'InternalServerError' as const,
          'ServiceUnavailable' as const,
          'AuthorizationFailed' as const,
          'AnotherOperationInProgress' as const,
          'ScopeLocked' as const,
          'InvalidParameter' as const,
        )
        .map((name) => ({ kind: 'error' as const, name })),
      fc.constantFrom('before' as const, 'after' as const, 'after' as const).map((when) => ({ kind: 'reset' as const, when })),
      fc.constantFrom('emptyBody' as const, 'cutJson' as const, 'html' as const).map((how) => ({ kind: 'garble' as const, how })),
    ),
    times: fc.integer({ min: 1, max: 3 }),
    skip: fc.integer({ min: 0, max: 2 }),
  })
  .map(({ type, operation, effect, times, skip }) => ({
    match: { ...(type ? { type } : {}), ...(operation ? { operation } : {}) },
    effect,
    times,
    skip,
  }));

const spellings: fc.Arbitrary<Partial<Settings>> = fc.record(
  {
    durations: fc.constant('minutes'),
    queryEnd: fc.constant('newlineCut'),
    emptyTags: fc.constantFrom('absent', 'null', 'empty'),
    idCasing: fc.constantFrom('lower', 'upper', 'exported'),
    wordCasing: fc.constantFrom('lower', 'upper'),
    listOrder: fc.constant('reversed'),
    unknownFields: fc.constant(true),
    defaults: fc.constantFrom('none', 'all'),
    roleDefinitionIds: fc.constant('bare'),
    lowerCaseAssignmentScopes: fc.constant(true),
  },
  { requiredKeys: [] },
);

const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ is: fc.constant('spec' as const), spec: specs }) },
  { weight: 6, arbitrary: fc.record({ is: fc.constant('drift' as const), of: fc.constantFrom(...(Object.keys(drifts) as Drift[])) }) },
  { weight: 1, arbitrary: fc.record({ is: fc.constant('request' as const), word: fc.constantFrom('1', '2', '3') }) },
  { weight: 1, arbitrary: fc.constant({ is: 'deletion' as const }) },
);

const runs: fc.Arbitrary<Step> = fc.record(
  {
    is: fc.constant('run' as const),
    meanwhile: fc.record({
      at: fc.oneof(fc.nat(6), fc.nat(26)),
      happens: fc.oneof(events, fc.constant({ is: 'crash' as const }), fc.constant({ is: 'crash' as const })),
    }),
  },
  { requiredKeys: ['is'] },
);

/** What is asked for first, what happens then, and at last the spec that counts. */
export interface History {
  readonly first: MaintenanceNotificationSpec;
  readonly steps: readonly Step[];
  readonly last: MaintenanceNotificationSpec;
}

export const histories: fc.Arbitrary<History> = fc.record({
  first: specs,
  steps: fc.array(
    fc.oneof(
      { weight: 8, arbitrary: runs },
      { weight: 6, arbitrary: events },
      { weight: 2, arbitrary: fc.record({ is: fc.constant('fault' as const), fault: faults }) },
      { weight: 1, arbitrary: fc.record({ is: fc.constant('spelling' as const), of: spellings }) },
      { weight: 1, arbitrary: fc.constant({ is: 'restart' as const }) },
      { weight: 1, arbitrary: fc.record({ is: fc.constant('wait' as const), minutes: fc.constantFrom(0.1, 1, 11, 400) }) },
    ),
    { maxLength: 24, size: 'max' },
  ),
  last: specs.map(({ suspend: _suspend, ...spec }) => spec),
});

/** A bench with things of others in Azure: in our resource groups, with names and marks as ours. */
export interface Theatre {
  readonly bench: Bench;
  /** What has really happened in all histories so far: a drift that changed something, a fault that a call met. */
  readonly counts: Readonly<Record<'drifts' | 'changesDuringRuns' | 'crashes' | 'faults', number>>;
  /** Carries a history out, up to the point where all is quiet. */
  readonly play: (history: History) => Promise<void>;
  /** What stands for the object, without what is different each time. */
  readonly state: () => Standing;
  /** Deletes the object and waits until it is gone, and takes away what was granted by somebody else: throws when that is gone already. */
  readonly clear: () => Promise<void>;
  /** What was left of ours, if anything. */
  readonly leftovers: () => readonly string[];
  /** All that is of others, to the last field; but for the assignments that a history made for them. */
  readonly foreign: () => unknown;
}

export interface Standing {
  readonly groups: unknown;
  readonly rules: unknown;
  /** By whomever. */
  readonly granted: readonly string[];
  readonly grantedByUs: readonly string[];
  readonly conditions: unknown;
  readonly inventory: readonly string[];
  /** On the list of the object. */
  readonly assignments: readonly string[];
}

export const startTheatre = async (): Promise<Theatre> => {
  let moments: { left: number; readonly happens: () => void } | undefined;
  const moment = (): void => {
    if (!moments) return;
    if (moments.left > 0) {
      moments.left -= 1;
      return;
    }
    const { happens } = moments;
    moments = undefined;
    happens();
  };
  const bench = await startBench({ onArrival: moment, onAnswered: moment, journalBodies: false });
  bench.api.onWrite = moment;
  const counts = { drifts: 0, changesDuringRuns: 0, crashes: 0, faults: 0 };
  const faultsAdded: FaultHandle[] = [];
  /** The names of the assignments that a history made for somebody else. */
  const byOthers = new Set<string>();
  await furnish(bench);

  const drift = (what: Drift): void => {
    const before = JSON.stringify(bench.emulator.resources());
    drifts[what](bench, byOthers);
    if (JSON.stringify(bench.emulator.resources()) !== before) counts.drifts += 1;
  };
  const happen = (event: Event): void => {
    switch (event.is) {
      case 'spec':
        bench.api.apply(event.spec);
        break;
      case 'deletion':
        if (bench.api.get(key)) bench.api.delete(key);
        break;
      case 'request':
        if (bench.api.get(key)) bench.api.annotate(key, { [reconcileAnnotation]: event.word });
        break;
      case 'drift':
        drift(event.of);
        break;
      default:
        event satisfies never;
    }
  };
  const run = async (meanwhile: Extract<Step, { is: 'run' }>['meanwhile']): Promise<void> => {
    const life = new AbortController();
    if (meanwhile) {
      const { at, happens } = meanwhile;
      moments = {
        left: at,
        happens: () => {
          counts[happens.is === 'crash' ? 'crashes' : 'changesDuringRuns'] += 1;
          if (happens.is === 'crash') life.abort(new Error('crash'));
          else happen(happens);
        },
      };
    }
    try {
      await bench.run({ signal: life.signal });
    } catch (error) {
      if (!life.signal.aborted) throw error;
    } finally {
      moments = undefined;
    }
    if (life.signal.aborted) bench.restart();
  };
  const step = async (each: Step): Promise<void> => {
    switch (each.is) {
      case 'run':
        return run(each.meanwhile);
      case 'fault':
        faultsAdded.push(bench.emulator.faults.add(each.fault));
        return;
      case 'spelling':
        return bench.emulator.settings.set({ ...defaultSettings, ...each.of, journalBodies: false });
      case 'restart':
        return bench.restart();
      case 'wait':
        return bench.clock.advance(each.minutes * 60_000);
      default:
        return happen(each);
    }
  };

  /** Runs, each after its time, until there is nothing more to do. */
  const untilQuiet = async (isEnd: () => boolean): Promise<void> => {
    for (let count = 0; count < 12; count += 1) {
      bench.clock.advance(12 * 60_000);
      bench.forget();
      await bench.run();
      if (bench.azureWrites().length + bench.kubernetesWrites().length === 0 && isEnd()) return;
    }
    throw new Error(
      `never quiet: ${bench
        .lines()
        .map(({ line }) => line)
        .join(', ')}; ${JSON.stringify(bench.api.get(key)?.status?.conditions)}`,
    );
  };
  const isReady = (): boolean =>
    (bench.api.get(key)?.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');
  const untilGone = async (): Promise<void> => untilQuiet(() => bench.api.get(key) === undefined);

  return {
    bench,
    counts,
    play: async ({ first, steps, last }) => {
      bench.restart();
      bench.api.apply(first);
      for (const each of steps) await step(each);
      bench.emulator.faults.clear();
      counts.faults += faultsAdded.splice(0).reduce((sum, fault) => sum + fault.hits(), 0);
      if (bench.api.get(key)?.metadata.deletionTimestamp) await untilGone();
      bench.api.apply(last);
      await untilQuiet(isReady);
      bench.emulator.settings.set(defaultSettings);
    },
    state: () => standingOf(bench),
    clear: async () => {
      bench.api.delete(key);
      await untilGone();
      for (const name of byOthers) bench.emulator.world.removeRoleAssignment(name);
      byOthers.clear();
    },
    leftovers: () => [
      ...[...groupsOf(bench), ...rulesOf(bench)].map(({ id }) => id),
      ...grantsOf(bench).flatMap(({ isOurs: was, scope }) => (was ? [scope] : [])),
    ],
    foreign: () => {
      const { actionGroups, alertRules, roleAssignments } = bench.emulator.resources();
      return {
        actionGroups: actionGroups.filter((each) => !isOurs(each)),
        alertRules: alertRules.filter((each) => !isOurs(each)),
        roleAssignments: roleAssignments.filter(({ isSeed, properties }) => !isSeed && !ours((properties as Fields)['description'])),
      };
    },
  };
};

/** Things of others, with names and marks like ours: of another installation, of another object, of nobody. */
const furnish = async ({ emulator }: Bench): Promise<void> => {
  const authorization = `Bearer ${await emulator.mintToken(operatorClientId)}`;
  const put = async (id: string, version: string, body: object): Promise<Fields> => {
    const answer = await fetch(`${emulator.url}${id}?api-version=${version}`, {
      method: 'PUT',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`PUT ${id}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as Fields;
  };
  const group = (id: string, owned: object) =>
    put(id, '2024-10-01-preview', { location: 'Global', ...owned, properties: { groupShortName: 'ops', enabled: true } });
  const tagged = (words: string) => ({ tags: { 'aks-notifier-owner': words } });
  await group(onCallGroupId, {});
  await group(`${shop}/providers/Microsoft.Insights/actionGroups/aks-notifier-prod-000000000000`, tagged('test/platform/prod-2'));
  await group(`${shop}/providers/Microsoft.Insights/actionGroups/aks-notifier-prod-111111111111`, tagged('other/platform/prod'));
  for (const identity of identities) emulator.world.addUserAssignedIdentity(identity);
  const rule = await put(`${shop}/providers/Microsoft.Insights/scheduledQueryRules/aks-notifier-prod-000000000000`, '2025-01-01-preview', {
    location: 'westeurope',
    ...tagged('test/platform/prod-2'),
    identity: { type: 'SystemAssigned' },
    properties: {
      severity: 3,
      enabled: true,
      scopes: [clusterId],
      evaluationFrequency: 'PT30M',
      windowSize: 'PT30M',
      criteria: { allOf: [{ query: 'arg("").resources', timeAggregation: 'Count', operator: 'GreaterThan', threshold: 0 }] },
    },
  });
  const { principalId } = rule['identity'] as Fields;
  for (const [name, scope, principal, description] of [
    ['00000000-0000-4000-8000-00000000000a', shop, principalId, 'aks-notifier-owner: test/platform/prod-2'],
    ['00000000-0000-4000-8000-00000000000b', subscription, principalId, undefined],
    ['00000000-0000-4000-8000-00000000000c', subscription, identities[0]?.principalId, 'aks-notifier-owner: test/platform/prod-2'],
  ] as const)
    await put(`${scope}/providers/Microsoft.Authorization/roleAssignments/${name}`, '2022-04-01', {
      properties: {
        principalId: principal,
        principalType: 'ServicePrincipal',
        roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${readerRoleId}`,
        ...(description === undefined ? {} : { description }),
      },
    });
};

/** Tags that others add stay, unless a new spec is carried out just then: they are no part of what a spec makes. */
const withoutPolicy = (tags: Fields): Fields => Object.fromEntries(Object.entries(tags).filter(([name]) => name !== 'policy'));

const standingOf = (bench: Bench): Standing => {
  const { status } = bench.object();
  const principals = principalsOf(bench);
  const grants = grantsOf(bench);
  const words = (text: string): string => principals.reduce((all, principal) => all.replaceAll(principal, 'PRINCIPAL'), text);
  return {
    groups: groupsOf(bench).map(({ id, location, tags, properties }) => ({
      id,
      location,
      tags: withoutPolicy(tags as Fields),
      properties,
    })),
    rules: rulesOf(bench).map(({ id, location, kind, tags, identity, properties }) => ({
      id,
      location,
      kind,
      tags: withoutPolicy(tags as Fields),
      identity: (identity as Fields)['type'],
      properties,
    })),
    granted: grants.map(({ scope }) => scope).toSorted(),
    grantedByUs: grants.flatMap(({ scope, isOurs: was }) => (was ? [scope] : [])).toSorted(),
    conditions: (status?.conditions ?? []).map(({ type, status: word, reason, message }) => ({
      type,
      word,
      reason,
      message: words(message),
    })),
    inventory: (status?.resources ?? [])
      .filter(({ kind }) => kind !== 'RoleAssignment')
      .map(({ kind, id, state }) => `${kind} ${id} ${state}`)
      .toSorted(),
    assignments: (status?.resources ?? [])
      .flatMap(({ kind, id, state }) =>
        kind === 'RoleAssignment' ? [`${id.split('/providers/Microsoft.Auth')[0]?.toLowerCase()} ${state}`] : [],
      )
      .toSorted(),
  };
};
