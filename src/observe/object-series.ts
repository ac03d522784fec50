import { setImmediate } from 'node:timers/promises';
import { conditionTypes } from '../api/condition.ts';
import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { conditionOf } from '../core/conditions.ts';

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

interface Family {
  readonly name: string;
  readonly help: string;
  /** The family's lines for one object. `of` is the object's labels. */
  readonly lines: (object: MaintenanceNotification, of: string) => string;
}

const families = (lastSuccessOf: (object: MaintenanceNotification) => number | undefined): readonly Family[] => [
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
 * @param lastSuccessOf seconds since 1970
 */
export async function* objectSeries(
  objects: readonly MaintenanceNotification[],
  lastSuccessOf: (object: MaintenanceNotification) => number | undefined,
): AsyncGenerator<string, void, undefined> {
  let chunk = '';
  for (const { name, help, lines } of families(lastSuccessOf)) {
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
