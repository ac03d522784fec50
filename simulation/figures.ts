import { announce, causeOf, causes, type Cause, type Rule, type World } from './announce.ts';
import type { Notice } from './timeline.ts';

/** What became of all notices under one rule. Shares from 0 to 1, delays in minutes from the row's stamp to the first mail. */
export interface Figures {
  readonly missed: number;
  /** The parts of `missed`. */
  readonly causes: Readonly<Record<Cause, number>>;
  /** Of those announced. */
  readonly doubled: number;
  /** Mails that announce, for each notice. */
  readonly mails: number;
  readonly resolved: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** Maintenances that started, and no mail had come before. */
  readonly untold: number;
}

const percentile = (sorted: Float64Array, share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;

export const figuresOf = (notices: readonly Notice[], rule: Rule, world: World): Figures => {
  const missed: Record<Cause, number> = { row: 0, evaluation: 0, skipped: 0, several: 0 };
  const delays: number[] = [];
  const started = new Set<number>();
  const told = new Set<number>();
  let doubled = 0;
  let mails = 0;
  let resolved = 0;
  for (const notice of notices) {
    const announced = announce(notice, rule, world);
    if (notice.status === 'Started') started.add(notice.maintenance);
    if (!announced) {
      missed[causeOf(notice, rule, world)] += 1;
      continue;
    }
    if (notice.status === 'Scheduled' && announced.at < notice.start) told.add(notice.maintenance);
    delays.push(announced.at - notice.stamp);
    mails += announced.mails;
    resolved += announced.resolved;
    if (announced.mails > 1) doubled += 1;
  }
  const sorted = Float64Array.from(delays).toSorted();
  const all = notices.length;
  return {
    missed: (all - delays.length) / all,
    causes: Object.fromEntries(causes.map((cause) => [cause, missed[cause] / all])) as Record<Cause, number>,
    doubled: doubled / delays.length,
    mails: mails / all,
    resolved: resolved / all,
    p50: percentile(sorted, 0.5),
    p95: percentile(sorted, 0.95),
    p99: percentile(sorted, 0.99),
    untold: started.difference(told).size / started.size,
  };
};
