import type { Condition, MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import { readAsFlux, type Word } from './flux.ts';

/** When a status is looked at: in the middle of a run, or after one that ended by itself. */
export type Moment = 'mid run' | 'end of run';

/** What of an object the rules look at. */
export type Judged = Pick<MaintenanceNotification, 'metadata' | 'status'>;

interface Seen {
  readonly generation: number;
  readonly observedGeneration: number | undefined;
  readonly conditions: readonly Condition[];
  readonly of: (type: string) => Condition | undefined;
  readonly is: (type: string, status: string) => boolean;
}

interface Rule {
  /** The number that Flux gives the rule. */
  readonly name: string;
  readonly moments: readonly Moment[];
  /** What is wrong, in words; undefined when nothing is. */
  readonly mistake: (seen: Seen) => string | undefined;
}

const always: readonly Moment[] = ['mid run', 'end of run'];
const atTheEnd: readonly Moment[] = ['end of run'];

/** Condition types that stand for something abnormal while they are True, and exist only then. */
const abnormal = ['Reconciling', 'Stalled'];

const when = (isWrong: boolean, words: string): string | undefined => (isWrong ? words : undefined);

/**
 * The rules by which Flux checks its own controllers (github.com/fluxcd/pkg, runtime/conditions/check), restated: whoever obeys them is
 * read correctly by kstatus, and so by `kubectl wait`, Flux and Argo CD. The numbers are Flux's; 0010 was dropped there.
 */
const rules: readonly Rule[] = [
  {
    name: 'FAIL0001',
    moments: atTheEnd,
    mistake: ({ is }) =>
      when(is('Ready', 'True') && abnormal.some((type) => is(type, 'True')), 'Ready is True while Reconciling or Stalled is'),
  },
  { name: 'FAIL0002', moments: always, mistake: ({ of }) => when(of('Ready') === undefined, 'there is no Ready') },
  {
    name: 'FAIL0003',
    moments: atTheEnd,
    mistake: ({ is }) => when(is('Reconciling', 'True') && !is('Ready', 'False'), 'Reconciling is True and Ready is not False'),
  },
  {
    name: 'FAIL0004',
    moments: always,
    mistake: ({ is }) => when(is('Stalled', 'True') && !is('Ready', 'False'), 'Stalled is True and Ready is not False'),
  },
  {
    name: 'FAIL0005',
    moments: always,
    mistake: ({ of }) => when(of('Reconciling') !== undefined && of('Stalled') !== undefined, 'Reconciling and Stalled are there together'),
  },
  {
    name: 'FAIL0006',
    moments: always,
    mistake: ({ observedGeneration = -1, generation }) =>
      when(observedGeneration > generation, `observedGeneration ${observedGeneration} is ahead of generation ${generation}`),
  },
  {
    name: 'FAIL0007',
    moments: atTheEnd,
    mistake: ({ observedGeneration = -1, generation, is }) =>
      when(observedGeneration < generation && is('Ready', 'True'), `Ready is True, but only generation ${observedGeneration} was observed`),
  },
  {
    name: 'FAIL0008',
    moments: atTheEnd,
    mistake: ({ conditions, generation, is }) => {
      const behind = conditions.find((condition) => (condition.observedGeneration ?? -1) < generation);
      return when(behind !== undefined && is('Ready', 'True'), `Ready is True, but ${behind?.type} speaks of an older generation`);
    },
  },
  {
    name: 'FAIL0009',
    moments: atTheEnd,
    mistake: ({ conditions, observedGeneration, is }) => {
      const other = conditions.find((condition) => condition.observedGeneration !== observedGeneration);
      return when(other !== undefined && is('Ready', 'True'), `Ready is True, but ${other?.type} speaks of another generation`);
    },
  },
  {
    name: 'FAIL0011',
    moments: ['mid run'],
    mistake: ({ is }) => when(is('Ready', 'Unknown') && !is('Reconciling', 'True'), 'Ready is Unknown and Reconciling is not True'),
  },
  // What Flux only warns of is a rule here.
  {
    name: 'WARN0003/4',
    moments: always,
    mistake: ({ conditions }) => {
      const useless = conditions.find(({ type, status }) => abnormal.includes(type) && status !== 'True');
      return useless && `${useless.type} is there with status ${useless.status}: it should be absent`;
    },
  },
  {
    name: 'WARN0005',
    moments: always,
    mistake: ({ conditions }) => {
      const timeless = conditions.find(({ observedGeneration }) => observedGeneration === undefined);
      return timeless && `${timeless.type} has no observedGeneration`;
    },
  },
  // What the API server and people demand of every condition.
  {
    name: 'SHAPE',
    moments: always,
    mistake: ({ conditions }) => {
      const wrong = conditions.find(
        ({ reason, message, lastTransitionTime }) =>
          !/^[A-Z][A-Za-z0-9]*$/.test(reason) || message === '' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(lastTransitionTime),
      );
      const twice = conditions.find(({ type }, index) => conditions.findIndex((other) => other.type === type) < index);
      return twice ? `${twice.type} is there twice` : wrong && `${wrong.type} is malformed: ${JSON.stringify(wrong)}`;
    },
  },
];

/** Every rule that a status breaks, each as `FAIL0004: …`. None for a good one. */
export const statusMistakes = ({ metadata, status }: Judged, moment: Moment): readonly string[] => {
  const conditions = status?.conditions ?? [];
  const of = (type: string): Condition | undefined => conditions.find((condition) => condition.type === type);
  const seen: Seen = {
    generation: metadata.generation,
    observedGeneration: status?.observedGeneration,
    conditions,
    of,
    is: (type, word) => of(type)?.status === word,
  };
  return rules
    .filter(({ moments }) => moments.includes(moment))
    .flatMap(({ name, mistake }) => {
      const words = mistake(seen);
      return words === undefined ? [] : [`${name}: ${words}`];
    });
};

/** What others must make of an object, by what its conditions say of it as it is now. */
export const expectedReading = ({ metadata, status }: Judged): { readonly kstatus: Word; readonly expressions: Word } => {
  const says = (type: string): boolean =>
    (status?.conditions ?? []).some(
      (each) => each.type === type && each.status === 'True' && each.observedGeneration === metadata.generation,
    );
  const word = says('Ready') ? 'Current' : says('Stalled') ? 'Failed' : 'InProgress';
  return { kstatus: metadata.deletionTimestamp ? 'Terminating' : word, expressions: word };
};

/** Where Flux and kstatus themselves make something else of an object than they must, each in words. None for a good one. */
export const misreadings = async (object: MaintenanceNotification): Promise<readonly string[]> => {
  const expected = expectedReading(object);
  const { kstatus, expressions } = await readAsFlux(object);
  return [
    when(kstatus.status !== expected.kstatus, `kstatus says ${kstatus.status} (${kstatus.message}), not ${expected.kstatus}`),
    when(
      expressions.status !== expected.expressions,
      `Flux says ${expressions.status} (${expressions.message}), not ${expected.expressions}`,
    ),
  ].filter((words) => words !== undefined);
};
