import { setImmediate } from 'node:timers/promises';
import { conditionTypes } from '../api/condition.ts';
import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { finalizer } from '../api/names.ts';
import { conditionOf } from '../core/conditions.ts';
import { ownInterval } from '../core/next-visit.ts';

/** After this many characters others have their turn: well below a millisecond of work. */
const chunkCharacters = 64 * 1024;

const statuses = ['True', 'False', 'Unknown'] as const;
type Status = (typeof statuses)[number];

/** These conditions exist only while they are True, so their absence says False; that of another says nothing. */
const existOnlyWhileTrue: ReadonlySet<string> = new Set(['Reconciling', 'Stalled']);

const statusOf = (object: MaintenanceNotification, type: (typeof conditionTypes)[number]): Status | undefined =>
  conditionOf(object.status?.conditions, type)?.status ?? (existOnlyWhileTrue.has(type) ? 'False' : undefined);

const escaped: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n' };

/** A label with its value as the text format demands it. */
export const label = (name: string, value: string): string =>
  `${name}="${value.replaceAll(/[\\"\n]/g, (character) => escaped[character] ?? character)}"`;

/** What the objects themselves don't say. */
export interface ObjectFacts {
  /** In seconds since 1970. */
  readonly lastSuccessOf: (object: MaintenanceNotification) => number | undefined;
  /** Of objects that have none of their own. */
  readonly intervalMilliseconds: number;
}

interface Family {
  readonly name: string;
  readonly help: string;
  /** The family's lines for one object. `of` is the object's labels. */
  readonly lines: (object: MaintenanceNotification, of: string) => string;
}

/** When the deletion of an object began, in seconds since 1970; undefined: it is not being deleted, or not for us any more. */
const deletedAt = ({ metadata }: MaintenanceNotification): number | undefined =>
  metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(finalizer)
    ? Date.parse(metadata.deletionTimestamp) / 1000
    : undefined;

const families = ({ lastSuccessOf, intervalMilliseconds }: ObjectFacts): readonly Family[] => [
  {
    name: 'aks_notifier_condition',
    help: 'The conditions of each object: 1 for the status that a condition has, 0 for the others; all 0 when it is absent. Reconciling and Stalled exist only while they are True, so their absence counts as False.',
    lines: (object, of) =>
      conditionTypes
        .map((type) => {
          const is = statusOf(object, type);
          return statuses
            .map((status) => `aks_notifier_condition{${of},type="${type}",status="${status}"} ${status === is ? 1 : 0}\n`)
            .join('');
        })
        .join(''),
  },
  {
    name: 'aks_notifier_ready_reason',
    help: 'Always 1; the reason of the condition Ready. Absent while the object has no such condition.',
    lines: (object, of) => {
      const reason = conditionOf(object.status?.conditions, 'Ready')?.reason;
      return reason === undefined ? '' : `aks_notifier_ready_reason{${of},${label('reason', reason)}} 1\n`;
    },
  },
  {
    name: 'aks_notifier_suspended',
    help: '1 when spec.suspend of the object is true.',
    lines: (object, of) => `aks_notifier_suspended{${of}} ${object.spec.suspend ? 1 : 0}\n`,
  },
  {
    name: 'aks_notifier_receivers_not_enabled',
    help: 'How many mail and SMS receivers of the object Azure sends nothing to, as it says.',
    lines: (object, of) => `aks_notifier_receivers_not_enabled{${of}} ${object.status?.receivers?.length ?? 0}\n`,
  },
  {
    name: 'aks_notifier_interval_seconds',
    help: 'The time between two looks at the object when nothing happens.',
    lines: (object, of) => `aks_notifier_interval_seconds{${of}} ${(ownInterval(object) ?? intervalMilliseconds) / 1000}\n`,
  },
  {
    name: 'aks_notifier_deletion_timestamp_seconds',
    help: 'When the deletion of the object began. Absent unless something of it has still to be removed from Azure.',
    lines: (object, of) => {
      const seconds = deletedAt(object);
      return seconds === undefined ? '' : `aks_notifier_deletion_timestamp_seconds{${of}} ${seconds}\n`;
    },
  },
  {
    name: 'aks_notifier_last_success_timestamp_seconds',
    help: 'When everything was last seen in place in Azure for the object, by this process. Absent until it was.',
    lines: (object, of) => {
      const seconds = lastSuccessOf(object);
      return seconds === undefined ? '' : `aks_notifier_last_success_timestamp_seconds{${of}} ${seconds}\n`;
    },
  },
];

/**
 * The series that each object has, in the text format of Prometheus and in chunks; between two chunks everybody else has a turn, so that
 * ten thousand objects don't hold the process up. They are computed from the objects at each scrape and kept nowhere: a series is gone with
 * its object, and no two can contradict each other.
 * @param objects must not have two of the same namespace and name
 */
export async function* objectSeries(
  objects: readonly MaintenanceNotification[],
  facts: ObjectFacts,
): AsyncGenerator<string, void, undefined> {
  let chunk = '';
  for (const { name, help, lines } of families(facts)) {
    chunk += `\n# HELP ${name} ${help}\n# TYPE ${name} gauge\n`;
    for (const object of objects) {
      const { metadata } = object;
      chunk += lines(object, `${label('namespace', metadata.namespace)},${label('name', metadata.name)}`);
      if (chunk.length < chunkCharacters) continue;
      yield chunk;
      chunk = '';
      await setImmediate();
    }
  }
  yield chunk;
}
