/**
 * The operator is killed before and after every single call to Azure and to Kubernetes, started again, and what stands in the end is
 * compared with what an undisturbed run leaves. The points come from the undisturbed run, so that a new call is swept without a word here.
 *
 * Left out, as nothing is decided by them: Events, which nobody waits for. The Lease has its own tests (leadership.test.ts); here it is there
 * for a part of the points only.
 */
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ending, type Lane, type Point, sharedIdentityId, startLanes, type Story } from '../support/crash-sweep.ts';
import { randomFrom } from '../support/soak.ts';
import { type Stage, startStage } from '../support/stage.ts';

const seed = Number(process.env['SWEEP_SEED'] ?? Date.now() % 2 ** 31);
const minute = 60_000;
const lanesSideBySide = 3;
/** So many points are swept with an election too: each waits for the dead leader's lease. */
const electionSamples = 8;

let stage: Stage;
let lanes: readonly Lane[];
let electing: Lane;

beforeAll(async () => {
  stage = await startStage();
  const alone = ['--enable-leader-election=false'];
  const elected = ['lease-duration=4s', 'renew-deadline=3s', 'retry-period=200ms'].map((flag) => `--leader-election-${flag}`);
  const all = await startLanes(stage, [elected, ...Array.from({ length: lanesSideBySide }, () => alone)]);
  [electing, ...lanes] = all as [Lane, ...Lane[]];
});

afterAll(async () => {
  await Promise.all([electing, ...(lanes ?? [])].map((lane) => lane?.stop()));
  await stage?.stop();
});

/** Whether what is known of cluster and identity is read again depends on the second in which a story happens; the creation always reads the cluster. */
const dependsOnTime = ({ before }: Story, call: string): boolean =>
  before !== undefined && /managedClusters|maintenanceConfigurations|userAssignedIdentities/.test(call);

const stories: readonly Story[] = [
  { name: 'a creation', happens: (lane) => lane.create(lane.spec()) },
  {
    name: 'an update',
    before: { readerScopes: ['ResourceGroup', 'Subscription'] },
    happens: (lane) =>
      lane.patch({
        spec: {
          alertRule: { severity: 1 },
          receivers: { email: [{ address: 'night@contoso.com' }] },
          readerScopes: ['Cluster', 'Subscription'],
        },
      }),
  },
  {
    name: 'a prune',
    before: {},
    happens: (lane) => lane.patch({ spec: { readerScopes: ['Subscription'], placement: { resourceGroup: 'monitoring' } } }),
  },
  {
    name: 'a change of identity',
    before: {},
    byHand: ({ emulator }) => emulator.world.deleteAlertRule(emulator.resources().alertRules[0]?.id ?? ''),
    happens: (lane) => lane.patch({ metadata: { annotations: { 'aks-notifier.dev/reconcile-requested-at': 'now' } } }),
  },
  {
    name: 'a change to a shared identity',
    before: {},
    happens: (lane) => lane.patch({ spec: { identity: { type: 'UserAssigned', resourceId: sharedIdentityId } } }),
  },
  { name: 'a move to another region', before: {}, happens: (lane) => lane.patch({ spec: { placement: { location: 'northeurope' } } }) },
  { name: 'a deletion', before: {}, happens: (lane) => lane.delete(), endsGone: true },
];

interface Case {
  readonly story: Story;
  readonly point: Point;
  readonly undisturbed: Ending;
}

/** Each lane takes the next one as soon as it is done with one. */
const share = async <T>(workers: readonly Lane[], work: readonly T[], carryOut: (lane: Lane, each: T) => Promise<void>): Promise<void> => {
  const rest = [...work];
  await Promise.all(
    workers.map(async (lane) => {
      for (let each = rest.shift(); each !== undefined; each = rest.shift()) await carryOut(lane, each);
    }),
  );
};

/** What a point left that the undisturbed run didn't; undefined: nothing. A lane that failed once is not to be trusted any more. */
const sweep = async (
  workers: readonly Lane[],
  cases: readonly Case[],
): Promise<{ readonly swept: number; readonly bad: readonly string[] }> => {
  const bad: string[] = [];
  let swept = 0;
  await share(workers, cases, async (lane, { story, point, undisturbed }) => {
    const { calls: _, ...ending } = await lane.play(story, point);
    swept += 1;
    const isSame = isDeepStrictEqual(ending, undisturbed);
    if (!isSame) bad.push(`${story.name}, ${point.when} ${point.call}`);
    // Soft, so that one run shows all that is wrong.
    expect.soft(ending, `${story.name}, killed ${point.when} ${point.call}`).toEqual(undisturbed);
  });
  return { swept, bad };
};

describe('a SIGKILL', () => {
  it(`at any call leaves what an undisturbed run leaves, seed ${seed}`, { timeout: 10 * minute }, async () => {
    const began = performance.now();
    const cases: Case[] = [];
    await share(lanes, stories, async (lane, story) => {
      const { calls, ...undisturbed } = await lane.play(story);
      expect(undisturbed).toMatchObject({ unlisted: [], leftAfterDeletion: [] });
      for (const call of calls.filter((each) => !dependsOnTime(story, each)))
        for (const when of ['before', 'after'] as const) cases.push({ story, point: { call, when }, undisturbed });
    });
    const random = randomFrom(seed);
    const sampled = cases
      .map((each) => ({ each, rank: random() }))
      .toSorted((one, other) => one.rank - other.rank)
      .slice(0, electionSamples)
      .map(({ each }) => each);
    const [alone, elected] = await Promise.all([sweep(lanes, cases), sweep([electing], sampled)]);
    for (const story of stories) console.log(`${story.name}: ${cases.filter((each) => each.story === story).length} points`);
    console.log(
      `crash sweep: ${alone.swept} points, and ${elected.swept} of them with an election, seed ${seed}, in ${Math.round((performance.now() - began) / 1000)} s`,
    );
    expect({ alone, elected }).toEqual({ alone: { swept: cases.length, bad: [] }, elected: { swept: sampled.length, bad: [] } });
  });
});
