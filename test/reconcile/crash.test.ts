import { afterEach, describe, expect, it } from 'vitest';
import type { MaintenanceNotificationSpec } from '../../src/api/maintenance-notification.ts';
import type { Azure } from '../../src/reconcile/ports.ts';
import { minimalSpec, specWith } from '../support/notification.ts';
import { byHand, key, onCallGroupId, startBench, type Bench } from '../support/reconcile-bench.ts';

let bench: Bench | undefined;
afterEach(() => bench?.[Symbol.asyncDispose]());

class Crash extends Error {
  override readonly name = 'Crash' as const;
}

/** Where the process dies: before the write of that number was sent, or after it took effect and before its answer came. */
interface Point {
  readonly write: number;
  readonly when: 'before' | 'after';
}

/** Lets the process die at a point. Every write counts, to Kubernetes and to Azure, in the order in which they are sent. */
const crashAt = (target: Bench, point: Point | undefined): { readonly writes: () => number } => {
  let writes = 0;
  let isDead = false;
  const around = async <Answer>(write: () => Promise<Answer>): Promise<Answer> => {
    // A dead process writes nothing more, whatever its catch blocks say.
    if (isDead) throw new Crash('dead');
    writes += 1;
    const isHere = point?.write === writes;
    isDead = isHere;
    if (isHere && point.when === 'before') throw new Crash('before');
    const answer = await write();
    if (isHere) throw new Crash('after');
    return answer;
  };
  const { request } = target.api.transport;
  target.api.transport.request = async (asked) => around(() => request(asked));
  const guard = <Edge extends object>(edge: Edge, ...members: readonly (keyof Edge)[]): Edge => {
    const guarded = members.map((member) => {
      const real = edge[member] as (...all: readonly unknown[]) => Promise<unknown>;
      return [member, async (...all: readonly unknown[]) => around(() => real(...all))] as const;
    });
    return { ...edge, ...Object.fromEntries(guarded) };
  };
  target.bend = (azure): Azure => ({
    ...azure,
    actionGroups: guard(azure.actionGroups, 'put', 'remove'),
    alertRules: guard(azure.alertRules, 'put', 'remove'),
    roleAssignments: guard(azure.roleAssignments, 'create', 'remove'),
  });
  return {
    writes: () => {
      target.api.transport.request = request;
      target.bend = (azure) => azure;
      return writes;
    },
  };
};

type Fields = Record<string, unknown>;

/** What stands in Azure and in the status, but for what is different each time: identities, names made from them, times. */
const worldOf = ({ emulator, api }: Bench): unknown => {
  const { actionGroups, alertRules, roleAssignments } = emulator.resources();
  const { status, metadata } = api.get(key) ?? {};
  const principals = new Set(alertRules.map(({ identity }) => (identity as Fields)['principalId']));
  return {
    actionGroups: actionGroups.map(({ id, tags, properties }) => ({ id, tags, properties })),
    alertRules: alertRules.map(({ id, tags, location, properties }) => ({ id, tags, location, properties })),
    assignments: roleAssignments
      .filter(({ isSeed }) => !isSeed)
      .map(({ properties }) => properties as Fields)
      .map(({ scope, description, principalId }) => ({ scope, description, isForTheRule: principals.has(principalId) })),
    finalizers: metadata?.finalizers,
    conditions: status?.conditions?.map(({ type, status: word, reason, message }) => ({ type, word, reason, message })),
    observedGeneration: status?.observedGeneration,
    resources: status?.resources
      ?.map(({ kind, state, id }) => ({ kind, state, place: id.split('/roleAssignments/')[0] }))
      .toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1)),
    readers: status?.readerAssignments?.map(({ scope, ours }) => ({ scope, ours })),
    isPrincipalKnown: status?.principalId === undefined ? undefined : principals.has(status.principalId),
  };
};

/** What was made in Azure and stands on no list: nobody would ever take it away. */
const orphans = ({ emulator, api }: Bench): readonly string[] => {
  const known = new Set((api.get(key)?.status?.resources ?? []).map(({ id }) => id.toLowerCase()));
  const { actionGroups, alertRules, roleAssignments } = emulator.resources();
  return [...actionGroups, ...alertRules, ...roleAssignments.filter(({ isSeed }) => !isSeed)]
    .map(({ id }) => id.toLowerCase())
    .filter((id) => !known.has(id))
    .map((id) => id.replace(/roleassignments\/.*/, 'roleassignments/…'));
};

interface Ending {
  readonly point: Point;
  readonly world: unknown;
  readonly leftOver: readonly string[];
  /** What stood on no list right after the crash. */
  readonly lostAtOnce: readonly string[];
}

interface Story {
  readonly name: string;
  readonly before?: Partial<MaintenanceNotificationSpec>;
  /** What happens to the settled object, or to nothing. */
  readonly happens: (target: Bench) => Promise<void> | void;
  readonly writes: number;
}

const stories: readonly Story[] = [
  { name: 'a creation', happens: (target) => target.apply(), writes: 8 },
  {
    name: 'a change of nearly everything',
    before: { readerScopes: ['Subscription'], tags: { team: 'blue' } },
    happens: (target) =>
      target.apply(specWith({ readerScopes: ['Cluster', 'ResourceGroup'], tags: { team: 'red' }, alertRule: { severity: 0 } })),
    writes: 8,
  },
  {
    name: 'a move to another resource group',
    before: {},
    happens: (target) => target.apply(specWith({ placement: { resourceGroup: 'ops' } })),
    writes: 11,
  },
  {
    name: 'a move to another region',
    before: {},
    happens: (target) => target.apply(specWith({ placement: { location: 'northeurope' } })),
    writes: 9,
  },
  {
    name: 'the end of an action group of its own',
    before: { actionGroupIds: [onCallGroupId] },
    happens: (target) => target.apply({ clusterResourceId: minimalSpec.clusterResourceId, actionGroupIds: [onCallGroupId] }),
    writes: 4,
  },
  {
    name: 'the replacement of a rule that was deleted by hand',
    before: {},
    happens: (target) => byHand(target, target.object().status!.alertRuleId!, 'delete'),
    writes: 7,
  },
  { name: 'a deletion', before: {}, happens: (target) => target.api.delete(key), writes: 6 },
  {
    name: 'a deletion that leaves everything',
    before: { deletionPolicy: 'Orphan' },
    happens: (target) => target.api.delete(key),
    writes: 1,
  },
];

/** A fresh world in which the story has begun. */
const begin = async ({ before, happens }: Story): Promise<Bench> => {
  const target = await startBench();
  // The group of others that one story uses.
  const token = await target.emulator.mintToken('22222222-2222-4222-8222-222222222222');
  await fetch(`${target.emulator.url}${onCallGroupId}?api-version=2024-10-01-preview`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ location: 'Global', properties: { groupShortName: 'ops', enabled: true } }),
  });
  if (before) await target.settle(specWith(before));
  await happens(target);
  target.forget();
  return target;
};

/** Runs until nothing is left to do. */
const finish = async (target: Bench): Promise<number> => {
  for (let runs = 1; runs < 10; runs += 1) {
    target.forget();
    await target.run();
    if (target.lines().every(({ line }) => line.startsWith('GET') || line.startsWith('LIST'))) return runs;
  }
  throw new Error('there is always something left to do');
};

describe('a crash', () => {
  it.each(stories)('at any write of $name leaves nothing that the next runs do not put right', async (story) => {
    bench = await begin(story);
    const counter = crashAt(bench, undefined);
    await bench.run();
    expect(counter.writes()).toBe(story.writes);
    await finish(bench);
    const undisturbed = worldOf(bench);
    const leftOver = orphans(bench);
    await bench.emulator.stop();

    const points = Array.from({ length: story.writes }, (_, index) => index + 1).flatMap((write): readonly Point[] => [
      { write, when: 'before' },
      { write, when: 'after' },
    ]);
    const endings: Ending[] = [];
    for (const point of points) {
      bench = await begin(story);
      const crashing = crashAt(bench, point);
      await expect(bench.run()).rejects.toThrow(Crash);
      crashing.writes();
      const lostAtOnce = bench.api.get(key) ? orphans(bench).filter((id) => !leftOver.includes(id)) : [];
      bench.restart();
      await finish(bench);
      endings.push({ point, world: worldOf(bench), leftOver: orphans(bench), lostAtOnce });
      await bench.emulator.stop();
    }
    // Whatever was made stood on a list that was stored before, and in the end all is as without the crash.
    expect(endings).toEqual(points.map((point): Ending => ({ point, world: undisturbed, leftOver, lostAtOnce: [] })));
    bench = undefined;
    console.log(`${story.name}: ${points.length} crash points`);
  });

  it.each(stories.filter(({ name }) => !name.includes('deletion')))(
    'at any write of $name, followed by a deletion at once, leaves nothing in Azure',
    async (story) => {
      const left: (readonly string[])[] = [];
      for (let write = 1; write <= story.writes; write += 1)
        for (const when of ['before', 'after'] as const) {
          bench = await begin(story);
          const crashing = crashAt(bench, { write, when });
          await expect(bench.run()).rejects.toThrow(Crash);
          crashing.writes();
          bench.restart();
          bench.api.delete(key);
          await bench.run();
          left.push([...bench.api.list().map(({ metadata }) => metadata.name), ...orphans(bench)]);
          await bench.emulator.stop();
        }
      bench = undefined;
      expect(left).toEqual(left.map(() => [onCallGroupId.toLowerCase()]));
      console.log(`${story.name}, then deletion: ${left.length} crash points`);
    },
  );
});
