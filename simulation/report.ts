import { inWords } from './assumptions.ts';
import { overlaps, settlings } from './candidates.ts';
import type { Line, Report } from './simulate.ts';

const percent = (share: number): string => (share * 100).toFixed(share < 0.01 ? 3 : 1);
const minutes = (value: number): string => value.toFixed(0);

/** Columns that are as wide as they have to be: the first to the left, numbers to the right. */
const table = (rows: readonly (readonly string[])[]): readonly string[] => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
  );
};

const heads = ['missed', 'row', 'evaluation', 'skipped', 'several', 'doubled', 'mails', 'resolved', 'p50', 'p95', 'p99', 'untold'];

const cells = ({ name, figures: { causes, ...figures } }: Line): readonly string[] => [
  name,
  ...[figures.missed, causes.row, causes.evaluation, causes.skipped, causes.several, figures.doubled].map(percent),
  ...[figures.mails, figures.resolved].map((each) => each.toFixed(2)),
  ...[figures.p50, figures.p95, figures.p99].map(minutes),
  percent(figures.untold),
];

const lines = (title: string, candidates: readonly Line[]): readonly string[] => table([[title, ...heads], ...candidates.map(cells)]);

const gridLines = (grid: readonly Line[]): readonly string[] => {
  const row = (settling: number): readonly Line[] => grid.filter(({ rule }) => rule.settlingMinutes === settling);
  return table([
    ['30 min: settling', ...overlaps.map((overlap) => `overlap ${overlap}`), 'p50', 'p95', 'p99'],
    ...settlings.map((settling) => {
      const { p50 = 0, p95 = 0, p99 = 0 } = row(settling).at(-1)?.figures ?? {};
      return [`${settling} min`, ...row(settling).map(({ figures }) => percent(figures.missed)), ...[p50, p95, p99].map(minutes)];
    }),
    ['doubled', ...row(settlings.at(-1) ?? 0).map(({ figures }) => percent(figures.doubled)), '', '', ''],
  ]);
};

/** The report as people read it. */
export const inText = (report: Report): string =>
  [
    `${report.notices} notices of ${report.maintenances} maintenances, seed ${report.seed}`,
    '',
    'Assumptions; Azure publishes none of these figures:',
    ...inWords(report.assumptions).map((line) => `  ${line}`),
    '',
    'missed: no mail came, in % of the notices; and by cause: the row appeared too late, the evaluation came at the wrong moment, was skipped, or several at once',
    'doubled: announced more than once, in % of those announced; mails, "resolved" mails: for each notice; p50, p95, p99: minutes from the stamp of the row to the first mail',
    'untold: no mail before the start, in % of the maintenances that started',
    '',
    ...lines('every 30 min, in minutes', report.kinds),
    '',
    'Missed, in %, by settling time and overlap; minutes to the first mail',
    ...gridLines(report.grid),
    '',
    ...lines('the defaults at other frequencies', report.frequencies),
    ...report.otherwise.flatMap(({ name, lines: candidates }) => ['', ...lines(name, candidates)]),
  ].join('\n');
