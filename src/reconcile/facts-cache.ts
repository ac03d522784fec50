import { ReconcileError, signInReasons } from '../core/failure.ts';
import { comparableId } from '../core/resource-id.ts';
import { abortable } from '../runtime/abortable.ts';

/** What seldom changes in Azure and many objects need: read once for all of them, and again after some hours. */
export interface FactsCache<Facts> {
  /**
   * @param maximumAge how old an answer may be, in milliseconds
   * @param remembered what is good until the next regular read when nothing has been read yet, and for longer when that fails
   * @throws ReconcileError when the thing is missing, or can't be read and nothing is known of it
   */
  get(id: string, maximumAge: number, remembered: Facts | undefined, signal: AbortSignal): Promise<Facts>;
}

/** What to read, and what to make of it. */
export interface FactsSource<Facts> {
  read(id: string, signal: AbortSignal): Promise<Facts>;
  /** Whether part of it could not be read. */
  isPartial(facts: Facts): boolean;
  /** What serves on when the thing could not be read now; undefined: the failure counts. */
  instead(last: Facts | undefined, failure: ReconcileError): Facts | undefined;
}

const regularly = 6 * 3_600_000;
/** What could not be read is asked for again soon: a new grant takes some minutes to act. */
const unreadableMilliseconds = 10 * 60_000;
const readMilliseconds = 120_000;

/** How old facts may be: at regular visits, for a new spec (whose neighbours share one read), for a person who asks now. */
export const freshness = { regular: regularly, newSpec: 60_000, asked: 1000 } as const;

interface Entry<Facts> {
  readonly facts: Facts;
  readonly readAt: number;
  readonly expiresAt: number;
  /** Since when it could not be read again. */
  readonly staleSince?: number;
}

export const createFactsCache = <Facts>(source: FactsSource<Facts>, now: () => number, random: () => number): FactsCache<Facts> => {
  const entries = new Map<string, Entry<Facts>>();
  const underWay = new Map<string, Promise<Facts>>();
  const keep = (key: string, facts: Facts, lifetime: number, staleSince?: number): Facts => {
    entries.set(key, { facts, readAt: now(), expiresAt: now() + lifetime, ...(staleSince === undefined ? {} : { staleSince }) });
    return facts;
  };

  return {
    get: async (id, maximumAge, remembered, signal) => {
      const key = comparableId(id);
      const entry = entries.get(key);
      if (entry && now() < entry.expiresAt && now() - entry.readAt <= maximumAge) return entry.facts;
      // After a restart what is remembered is as good as before; the next reads are spread over the whole time.
      if (!entry && remembered !== undefined && maximumAge >= regularly) return keep(key, remembered, random() * regularly);
      const pending = underWay.get(key);
      if (pending) return abortable(pending, signal);
      // Shared by all who ask meanwhile, so it ends by its own deadline and not by that of who came first.
      const reading = source
        .read(id, AbortSignal.timeout(readMilliseconds))
        .then(
          // The first time anywhere in the period, then once per period: a thousand of them never fall due together.
          (facts) => keep(key, facts, source.isPartial(facts) ? unreadableMilliseconds : (entry ? 1 : random()) * regularly),
          (thrown: unknown) => {
            const instead = thrown instanceof ReconcileError ? source.instead(entry?.facts ?? remembered, thrown) : undefined;
            if (instead === undefined) throw thrown;
            // Asked for ever more seldom: in an outage a thousand would be asked for all the time.
            const staleSince = entry?.staleSince ?? now();
            return keep(key, instead, Math.min(Math.max(now() - staleSince, unreadableMilliseconds), regularly), staleSince);
          },
        )
        .finally(() => underWay.delete(key));
      underWay.set(key, reading);
      return abortable(reading, signal);
    },
  };
};

/** Failures by which the rest of a run would suffer too, or for which it has to wait as well: nothing serves instead. */
const stopping: readonly ReconcileError['reason'][] = ['SubscriptionNotFound', 'Throttled', ...signInReasons];

export const stopsTheRest = ({ reason }: ReconcileError): boolean => stopping.includes(reason);
