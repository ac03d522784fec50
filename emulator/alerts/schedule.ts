import type { StoredAlertRule } from '../alert-rules.ts';
import { minutesOf } from '../time.ts';

/** An evaluation that has fallen due. */
interface Due {
  /** The rule's `idKey`. */
  readonly key: string;
  readonly at: Date;
}

function* timesOf({ body, modified }: StoredAlertRule, after: number, until: number): Generator<Date> {
  const every = minutesOf(body.properties.evaluationFrequency ?? '') * 60_000;
  if (body.properties.enabled === false || !(every > 0)) return;
  const begin = modified.at.getTime();
  const passed = Math.max(0, Math.floor((after - begin) / every));
  for (let at = begin + (passed + 1) * every; at <= until; at += every) yield new Date(at);
}

/**
 * What falls due after one moment and until another, in the order of time. Each enabled rule is evaluated every `evaluationFrequency` from
 * when it was last written.
 */
export const dueBetween = (rules: ReadonlyMap<string, StoredAlertRule>, after: Date, until: Date): Due[] =>
  [...rules]
    .flatMap(([key, rule]) => [...timesOf(rule, after.getTime(), until.getTime())].map((at) => ({ key, at })))
    .toSorted((one, other) => one.at.getTime() - other.at.getTime());
