import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { run } from './process.ts';

const root = join(import.meta.dirname, '..', '..');
const chart = join(root, 'charts', 'aks-notifier', 'files');
export const runbooks = join(root, 'docs', 'runbooks');
export const alertsFile = join(chart, 'alerts.yaml');
const dashboardFile = join(chart, 'dashboard.json');

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

type DataSource = Readonly<Record<string, string>>;

/** What tests look at in the chart's dashboard. */
interface Dashboard {
  readonly uid: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
    readonly datasource?: DataSource;
    readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
    readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource?: DataSource }[];
  }[];
}

/** The chart's Grafana dashboard. */
export const readDashboard = async (): Promise<Dashboard> => JSON.parse(await readFile(dashboardFile, 'utf8'));

/** Every query of the dashboard, as it stands there. */
export const dashboardQueries = async (): Promise<readonly string[]> =>
  (await readDashboard()).panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));

/** Runs tests as `promtool test rules` takes them, a minute between two evaluations. */
export const promtoolTest = async (
  promtool: string,
  directory: string,
  { rules, tests }: { readonly rules: readonly string[]; readonly tests: readonly object[] },
): Promise<{ readonly code: number | null; readonly said: string }> => {
  const file = join(directory, 'tests.yaml');
  await writeFile(file, stringify({ rule_files: rules, evaluation_interval: '1m', tests }, { aliasDuplicateObjects: false }));
  const { code, stdout, stderr } = await run(promtool, ['test', 'rules', file], { env: {} });
  return { code, said: `${stdout}${stderr}`.replaceAll(/\s*\n\s*/g, '\n') };
};

/** The commands of all runbooks, each once: those of blocks, and those for kubectl within a sentence that name where. */
export const runbookCommands = async (): Promise<readonly string[]> => {
  const files = (await readdir(runbooks)).toSorted();
  const pages = await Promise.all(files.map(async (file) => readFile(join(runbooks, file), 'utf8')));
  const blocks = pages.flatMap((page) => Array.from(page.matchAll(/^```sh\n(.*?)^```$/gms), ([, block = '']) => block.trim().split('\n')));
  const inline = pages.flatMap((page) => Array.from(page.matchAll(/`(kubectl [^`]* -n [^`]*)`/g), ([, command = '']) => command));
  return [...new Set([...blocks.flat(), ...inline])];
};
