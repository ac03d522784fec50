/** How others read our objects: kstatus, Flux and Argo CD themselves, on what the operator wrote. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Condition } from '../../src/api/maintenance-notification.ts';
import { type ArgoAnswer, askArgo } from '../support/argocd.ts';
import { readAsFlux, type Word } from '../support/flux.ts';
import { notification, specWith } from '../support/notification.ts';
import { type StateName, stateNames, walkStates } from '../support/states.ts';
import { expectedReading } from '../support/status-rules.ts';

const lua = join(import.meta.dirname, '../../gitops/argocd/resource_customizations/aks-notifier.dev/MaintenanceNotification');

let states: Awaited<ReturnType<typeof walkStates>>;
beforeAll(async () => {
  states = await walkStates();
});

type Health = ArgoAnswer['health']['status'];

/** The table of docs/gitops.md: kstatus alone, Flux with our expressions, Argo CD with our Lua. */
const table: Readonly<Record<StateName, readonly [kstatus: Word, flux: Word, argo: Health]>> = {
  new: ['InProgress', 'InProgress', 'Progressing'],
  'at-work': ['InProgress', 'InProgress', 'Progressing'],
  ready: ['Current', 'Current', 'Healthy'],
  edited: ['InProgress', 'InProgress', 'Progressing'],
  'at-work-on-an-edit': ['InProgress', 'InProgress', 'Progressing'],
  retrying: ['InProgress', 'InProgress', 'Progressing'],
  'ready-in-grace': ['Current', 'Current', 'Healthy'],
  'retrying-after-ready': ['InProgress', 'InProgress', 'Progressing'],
  stalled: ['Failed', 'Failed', 'Degraded'],
  suspended: ['Current', 'Current', 'Suspended'],
  'suspended-from-the-start': ['InProgress', 'InProgress', 'Suspended'],
  deleted: ['Terminating', 'InProgress', 'Progressing'],
  deleting: ['Terminating', 'InProgress', 'Progressing'],
  'deletion-failing': ['Terminating', 'InProgress', 'Progressing'],
};

describe('an object in a state that the operator and people brought it to', () => {
  it.each(stateNames)('%s: is read by kstatus, Flux and Argo CD as the docs say', async (name) => {
    const [flux, [argo]] = await Promise.all([readAsFlux(states[name]), askArgo([{ object: states[name] }])]);
    expect([flux.kstatus.status, flux.expressions.status, argo?.health.status]).toEqual(table[name]);
  });

  it('would be taken for finished before the operator saw it, were it not for the default of its status', async () => {
    const { status: _, ...without } = states.new;
    expect((await readAsFlux(without)).kstatus.status).toBe('Current');
  });
});

/** Every row of the table in docs/conditions.md, of an object that nobody, or somebody, has edited, suspended or deleted since. */
const rows: readonly { readonly conditions: Readonly<Record<string, Condition['status']>>; readonly isObserved: boolean }[] = [
  { conditions: { Ready: 'Unknown', Reconciling: 'True' }, isObserved: false },
  { conditions: { Ready: 'True' }, isObserved: true },
  { conditions: { Ready: 'False', Reconciling: 'True' }, isObserved: false },
  { conditions: { Ready: 'False', Reconciling: 'True' }, isObserved: true },
  { conditions: { Ready: 'False', Stalled: 'True' }, isObserved: true },
  { conditions: { Ready: 'Unknown' }, isObserved: true },
];
const either = [false, true];
const combinations = rows.flatMap(({ conditions, isObserved }) =>
  either.flatMap((isEdited) =>
    either.flatMap((isSuspended) =>
      either.map((isDeleted) =>
        notification({
          metadata: { generation: isEdited || isDeleted ? 3 : 2, ...(isDeleted ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}) },
          spec: specWith({ suspend: isSuspended }),
          status: {
            observedGeneration: isObserved ? 2 : 1,
            conditions: Object.entries(conditions).map(([type, status]) => ({
              type,
              status,
              observedGeneration: 2,
              reason: 'Some',
              message: `${type} is ${status}`,
              lastTransitionTime: '2026-01-01T00:00:00Z',
            })),
          },
        }),
      ),
    ),
  ),
);

describe('every row of the table of conditions', () => {
  it('is read by kstatus and Flux by what its conditions say of the object as it is now', async () => {
    const words = await Promise.all(
      combinations.map(async (object) => {
        const { kstatus, expressions } = await readAsFlux(object);
        return { kstatus: kstatus.status, expressions: expressions.status };
      }),
    );
    expect(words).toEqual(combinations.map(expectedReading));
    expect(new Set(words.map(({ kstatus }) => kstatus)).size).toBe(4);
  });

  it('is read by Argo CD as by kstatus, but for what is suspended', async () => {
    const as: Readonly<Record<Word, Health>> = {
      Current: 'Healthy',
      Failed: 'Degraded',
      InProgress: 'Progressing',
      Terminating: 'Progressing',
      Unknown: 'Unknown',
    };
    const answers = await askArgo(combinations.map((object) => ({ object })));
    expect(answers.map(({ health }) => health.status)).toEqual(
      combinations.map((object) => {
        const { kstatus } = expectedReading(object);
        return object.spec.suspend && kstatus !== 'Terminating' ? 'Suspended' : as[kstatus];
      }),
    );
  });
});

interface HealthTest {
  readonly inputPath: string;
  readonly healthStatus: ArgoAnswer['health'];
}
interface ActionTests {
  readonly discoveryTests: readonly { readonly inputPath: string; readonly result: ArgoAnswer['actions'] }[];
  readonly actionTests: readonly { readonly action: string; readonly inputPath: string; readonly expectedOutputPath: string }[];
}

const yaml = async (...path: readonly string[]): Promise<unknown> => parse(await readFile(join(lua, ...path), 'utf8')) as unknown;

/** An action puts down when it was asked for; Argo CD's own tests leave such a thing out in the same way. */
const withoutTime = (object: unknown): unknown =>
  JSON.parse(JSON.stringify(object).replaceAll(/By Argo CD at: [\dTZ:-]+/g, 'By Argo CD at: 0001-01-01T00:00:00Z'));

/** What is being deleted Argo CD itself calls Progressing, "Pending deletion". */
const livingStates = stateNames.filter((name) => !name.startsWith('delet'));

/** The files that lie in Argo CD's layout, with what Argo CD's own tests of such files check. */
describe('the health check for Argo CD', () => {
  it.each(livingStates)('is tested upon what the operator writes: %s', async (name) => {
    await expect(stringify(states[name], { lineWidth: 0 })).toMatchFileSnapshot(join(lua, `testdata/${name}.yaml`));
  });

  it('says in every state what its tests say', async () => {
    const { tests } = (await yaml('health_test.yaml')) as { readonly tests: readonly HealthTest[] };
    expect(tests.map(({ inputPath }) => inputPath)).toEqual(livingStates.map((name) => `testdata/${name}.yaml`));
    const answers = await askArgo(await Promise.all(tests.map(async ({ inputPath }) => ({ object: await yaml(inputPath) }))));
    expect(answers.map(({ health }) => health)).toEqual(tests.map(({ healthStatus }) => healthStatus));
  });
});

describe('the actions for Argo CD', () => {
  it('are offered as their tests say', async () => {
    const { discoveryTests } = (await yaml('actions/action_test.yaml')) as ActionTests;
    const answers = await askArgo(
      await Promise.all(discoveryTests.map(async ({ inputPath }) => ({ object: await yaml('actions', inputPath) }))),
    );
    const offered = (actions: ArgoAnswer['actions']) =>
      actions
        .filter(({ disabled }) => !disabled)
        .map(({ name }) => name)
        .toSorted();
    expect(answers.map(({ actions }) => offered(actions))).toEqual(discoveryTests.map(({ result }) => offered(result)));
  });

  it('do what their tests say', async () => {
    const { actionTests } = (await yaml('actions/action_test.yaml')) as ActionTests;
    expect(actionTests.map(({ action }) => action)).toEqual(['reconcile', 'suspend', 'resume']);
    const answers = await askArgo(
      await Promise.all(actionTests.map(async ({ action, inputPath }) => ({ object: await yaml('actions', inputPath), action }))),
    );
    expect(answers.map(({ result }) => withoutTime(result))).toEqual(
      await Promise.all(actionTests.map(async ({ expectedOutputPath }) => withoutTime(await yaml('actions', expectedOutputPath)))),
    );
  });
});
