import type { StoredAlertRule } from '../alert-rules.ts';
import { compileQuery } from '../kql/compile.ts';
import type { Azure } from '../provider.ts';
import { readableRows } from '../resource-graph.ts';
import { idKey } from '../resource-id.ts';
import type { Deliveries } from './delivery.ts';
import { conditionFault, decide, type Memory } from './evaluation.ts';
import { commonAlert } from './payload.ts';
import { dueBetween } from './schedule.ts';
import { seriesOf, type Series } from './series.ts';

/** What one look of a rule came to. */
export interface Evaluation {
  readonly ruleId: string;
  readonly at: string;
  /** Rows that the query gave. */
  readonly rows: number;
  readonly fired: number;
  readonly resolved: number;
  /** Why nothing could be found out. Azure tells nobody. */
  readonly fault?: string;
}

/** Alert rules at work. */
export interface Alerts {
  /** Evaluates a rule now, whether or not that is due, and waits until what comes of it has been delivered. Throws when there is no such rule. */
  readonly evaluate: (ruleId: string) => Promise<Evaluation>;
  /** Evaluates what has fallen due, and waits until everything has been delivered. */
  readonly settled: () => Promise<void>;
  /** The newest ones, oldest first. */
  readonly evaluations: () => readonly Evaluation[];
}

/** What the emulator itself does with them. */
interface AlertsControl extends Alerts {
  /** Evaluates what has fallen due since the last time; mails are in the mailbox afterwards. */
  readonly evaluateDue: () => void;
}

type Compiled = ReturnType<typeof compileQuery>;

const keptEvaluations = 10_000;

/** The principals that a rule looks as, as long as they are in the directory. */
const principalsOf = ({ state }: Azure, { identity }: StoredAlertRule): string[] =>
  [identity?.principalId, ...(identity?.userAssigned ?? []).map(({ principalId }) => principalId)].filter(
    (principalId) => principalId !== undefined && state.principals.has(principalId.toLowerCase()),
  ) as string[];

const ruleIdOf = ({ subscriptionId, resourceGroup, name }: StoredAlertRule): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Insights/scheduledQueryRules/${name}`;

/** Nothing has been evaluated yet, and what was due before now never will be. */
export const createAlerts = (azure: Azure, deliveries: Deliveries): AlertsControl => {
  const compiled = new WeakMap<StoredAlertRule, Compiled>();
  const memories = new WeakMap<StoredAlertRule, Memory>();
  let evaluations: Evaluation[] = [];
  let evaluatedUntil = azure.clock();

  const compiledOf = (rule: StoredAlertRule, query: string): Compiled => {
    const known = compiled.get(rule) ?? compileQuery(query, 'alert');
    compiled.set(rule, known);
    return known;
  };

  /** The series that a rule finds at a moment, and how many rows they are made of. */
  const look = (rule: StoredAlertRule, now: Date): { rows: number; series: readonly Series[] } | { fault: string } => {
    const [condition = {}, ...more] = rule.body.properties.criteria?.allOf ?? [];
    if (more.length > 0) return { fault: "The emulator doesn't have rules with several conditions." };
    const unknown = conditionFault(condition);
    if (unknown !== undefined) return { fault: unknown };
    const query = compiledOf(rule, condition.query ?? '');
    if ('fault' in query) return query;
    const then: Azure = { ...azure, clock: () => now };
    const readable = readableRows(then, principalsOf(azure, rule), new Set(azure.state.subscriptions.keys()));
    const rows = query.run(readable, now);
    const series = seriesOf(condition, query.columns, rows);
    return 'fault' in series ? series : { rows: rows.length, series };
  };

  /** A bug of the emulator must not end it when rules are evaluated by a timer. */
  const tryToLook = (...asked: Parameters<typeof look>): ReturnType<typeof look> => {
    try {
      return look(...asked);
    } catch (error) {
      return { fault: `The emulator failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}` };
    }
  };

  const evaluateAt = (rule: StoredAlertRule, at: Date): Evaluation => {
    const ruleId = ruleIdOf(rule);
    const { properties } = rule.body;
    const seen = tryToLook(rule, at);
    const done = { ruleId, at: at.toISOString() };
    if ('fault' in seen) return { ...done, rows: 0, fired: 0, resolved: 0, fault: seen.fault };
    const [condition = {}] = properties.criteria?.allOf ?? [];
    const { notices, memory } = decide(properties, condition, seen.series, memories.get(rule) ?? new Map(), at);
    memories.set(rule, memory);
    const subject = properties.actions?.actionProperties?.['Email.Subject'];
    for (const notice of notices) {
      const alert = commonAlert(rule, condition, notice);
      for (const id of properties.actions?.actionGroups ?? []) {
        const group = azure.state.actionGroups.get(idKey(id));
        if (group?.body.properties.enabled !== true) continue;
        deliveries.send(group, { at, ruleId, alert, ...(subject === undefined ? {} : { subject }) });
      }
    }
    const fired = notices.filter(({ monitorCondition }) => monitorCondition === 'Fired').length;
    return { ...done, rows: seen.rows, fired, resolved: notices.length - fired };
  };

  const evaluate = (rule: StoredAlertRule, at: Date): Evaluation => {
    const evaluation = evaluateAt(rule, at);
    evaluations.push(evaluation);
    if (evaluations.length >= keptEvaluations * 2) evaluations = evaluations.slice(-keptEvaluations);
    return evaluation;
  };

  const evaluateDue = (): void => {
    const since = evaluatedUntil;
    evaluatedUntil = azure.clock();
    if (azure.settings.evaluateAlerts === 'off') return;
    for (const { key, at } of dueBetween(azure.state.alertRules, since, evaluatedUntil)) {
      const rule = azure.state.alertRules.get(key);
      if (rule !== undefined) evaluate(rule, at);
    }
  };

  return {
    evaluate: async (ruleId) => {
      const rule = azure.state.alertRules.get(idKey(ruleId));
      if (rule === undefined) throw new Error(`there is no alert rule ${ruleId}`);
      const evaluation = evaluate(rule, azure.clock());
      await deliveries.settled();
      return evaluation;
    },
    settled: async () => {
      evaluateDue();
      await deliveries.settled();
    },
    evaluations: () => evaluations,
    evaluateDue,
  };
};
