import type { Call } from '../emulator/journal.ts';
import type { Resources } from '../emulator/emulator.ts';

const began = performance.now();

const indent = (text: string, by: string): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => `${by}${line}`.trimEnd())
    .join('\n');

const say = (text: string): void => void process.stdout.write(`${text}\n`);

let steps = 0;

/** Prints the demo as a story that can be read from top to bottom. */
export const tell = {
  title: (text: string): void => say(`\n${text}`),
  step: (text: string): void => {
    steps += 1;
    say(`\n${steps}. ${text}  [${((performance.now() - began) / 1000).toFixed(1)} s]`);
  },
  command: (text: string): void => say(`\n   $ ${text}`),
  output: (text: string): void => say(indent(text, '     ')),
  note: (text: string): void => say(`   (${text})`),
};

const made = ({ roleAssignments }: Resources): Resources['roleAssignments'] => roleAssignments.filter(({ isSeed }) => !isSeed);

const lastSegment = (id: unknown): string => String(id).split('/').at(-1) ?? '';

interface Shown {
  readonly id?: unknown;
  readonly location?: unknown;
  readonly tags?: unknown;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** Turns what the emulator holds into lines for people. */
export const story = {
  /** `8 calls to Azure, 4 of them writes`. */
  calls: (calls: readonly Call[]): string =>
    `${calls.length} calls to Azure, ${calls.filter(({ operation }) => operation === 'write' || operation === 'delete').length} of them writes`,

  isEmpty: (resources: Resources): boolean => resources.actionGroups.length + resources.alertRules.length + made(resources).length === 0,

  azure: (resources: Resources): string => {
    const groups = (resources.actionGroups as readonly Shown[]).map(({ id, properties }) => {
      const receivers = (properties?.['emailReceivers'] ?? []) as readonly { readonly emailAddress: string }[];
      return `action group     ${lastSegment(id)}\n                 mails ${receivers.map(({ emailAddress }) => emailAddress).join(', ')}`;
    });
    const rules = (resources.alertRules as readonly Shown[]).map(
      ({ id, properties }) =>
        `alert rule       ${lastSegment(id)}\n                 "${String(properties?.['displayName'])}", severity ${String(properties?.['severity'])}, looks every ${String(properties?.['evaluationFrequency'])}`,
    );
    const assignments = (made(resources) as readonly Shown[]).map(
      ({ properties }) => `Reader           for the rule's identity at ${String(properties?.['scope'])}`,
    );
    const lines = [...groups, ...rules, ...assignments];
    return lines.length === 0 ? 'no action group, no alert rule, no role assignment' : lines.join('\n');
  },

  /** Rows of plain objects, with the names of the fields as headings. */
  table: (fields: readonly string[], rows: readonly object[]): string => {
    const cells = [
      fields.map((field) => field.toUpperCase()),
      ...rows.map((row) => fields.map((field) => String(new Map(Object.entries(row)).get(field) ?? ''))),
    ];
    const widths = fields.map((_, index) => Math.max(...cells.map((line) => line[index]?.length ?? 0)));
    return cells
      .map((line) =>
        line
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join('   ')
          .trimEnd(),
      )
      .join('\n');
  },
};
