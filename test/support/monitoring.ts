import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

const chart = join(import.meta.dirname, '..', '..', 'charts', 'aks-notifier', 'files');
export const alertsFile = join(chart, 'alerts.yaml');
export const dashboardFile = join(chart, 'dashboard.json');

/** A rule of the chart's alerts. */
export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The chart's alerts, in their order. */
export const readAlerts = async (): Promise<readonly Alert[]> => {
  const { groups } = parse(await readFile(alertsFile, 'utf8')) as { readonly groups: readonly { readonly rules: readonly Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
};

/** The names of all metrics that expressions ask for, each once. */
export const metricsIn = (expressions: readonly string[]): readonly string[] => {
  const prefixes = 'aks_notifier|controller_runtime|leader_election|nodejs|process|rest_client|workqueue';
  const names = expressions.flatMap((expression) =>
    Array.from(expression.replaceAll(/"[^"]*"/g, '').matchAll(new RegExp(`\\b(?:${prefixes})_[a-z0-9_]+`, 'g')), ([name]) => name),
  );
  return [...new Set(names)];
};
