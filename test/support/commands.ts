/** The commands of a page, as a reader would type them, in the order in which they stand there. */
import { type CodeBlock, type Page, pagePaths, readPage } from './markdown.ts';

export interface Command {
  /** `page:line` */
  readonly at: string;
  /** For bash. */
  readonly script: string;
  /** What it must print, as the page shows it; anything where it doesn't. */
  readonly shown: RegExp;
}

interface Step {
  readonly line: number;
  readonly text: string;
  readonly shown?: RegExp;
}

/** What stands for a reader's own in the pages, and what it is on the stage. */
const placeholders = (clientId: string, tenantId: string): readonly (readonly [RegExp, string])[] => [
  [/<registry>/g, 'registry.contoso.com'],
  [/<client id>/g, clientId],
  [/<tenant id>/g, tenantId],
  [/<old installation id>/g, `"$(kubectl get namespace kube-system -o jsonpath='{.metadata.uid}')"`],
  [/\bmn([ /])NAME\b/g, 'mn$1prod'],
  [/-n NAMESPACE\b/g, '-n platform'],
];

/** Commands of which the other side isn't here. Each line of such a kind is left out of its block. */
const elsewhere: readonly (readonly [RegExp, string])[] = [
  [/^az /, 'Azure, through its CLI'],
  [/^kubectl (?:logs|top|exec|port-forward) /, 'a kubelet or the metrics server'],
  [/^kubectl get --raw \S*\/proxy\//, 'a kubelet'],
  [/^kubectl get (?:prometheus|podmonitors|servicemonitors)\b/, 'kinds of the Prometheus operator'],
  [/^kubectl .*\binstall\.yaml\b/, 'a release: test/cluster/image.test.ts makes and applies install.yaml'],
];

const anything = /[^]*/;

/** Why a block isn't run, in the words of its mark. */
export const markPattern = /^(?:needs Azure|not run: \S.*)$/;

const isMarked = ({ mark }: CodeBlock): boolean => mark !== undefined && markPattern.test(mark);

/** Pages whose commands are for a reader's cluster. Decisions of the past aren't. */
export const commandPages = (): readonly Page[] =>
  pagePaths()
    .filter((path) => !path.startsWith('docs/adr/'))
    .map(readPage);

/** Everything that can be run of a page. */
export const commandsOf = (page: Page, clientId: string, tenantId: string): readonly Command[] => {
  const known = placeholders(clientId, tenantId);
  const filled = (text: string): string => known.reduce((words, [pattern, value]) => words.replaceAll(pattern, value), text);
  const steps: readonly Step[] = [
    ...page.blocks.filter((block) => !isMarked(block)).flatMap(stepsOf),
    // In a sentence a command with an argument or two can be typed; what is shorter is a name.
    ...page.spans
      .filter(({ text }) => /^(?:kubectl|helm) \S+ \S/.test(text) && !text.includes('…'))
      .map(({ line, text }): Step => ({ line, text })),
  ];
  return steps
    .toSorted((one, other) => one.line - other.line)
    .map(({ line, text, shown }) => ({ at: `${page.path}:${line}`, script: withoutElsewhere(filled(text)), shown: shown ?? anything }))
    .filter(({ script }) => script.trim() !== '');
};

const withoutElsewhere = (script: string): string =>
  script
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => !elsewhere.some(([pattern]) => pattern.test(line.trim())))
    .join('\n');

const stepsOf = ({ language, line, text }: CodeBlock): readonly Step[] => {
  if (language === 'sh') return [{ line, text }];
  if (language !== 'console') return [];
  // `$ command`, and below it what it prints.
  return text
    .split(/^\s*\$ /m)
    .slice(1)
    .map((each) => {
      const [command = '', ...output] = each.trim().split('\n');
      return { line, text: command, shown: printed(output.join('\n')) };
    });
};

/** Columns may be wider, ages differ, and `…` stands for anything. */
const printed = (text: string): RegExp => {
  const words = text.trim().split(/\s+/);
  const patterns = words.map((word) => (/^\d+[smhd]$/.test(word) ? String.raw`\d+[smhd]\w*` : RegExp.escape(word).replaceAll('…', '[^]*')));
  return new RegExp(String.raw`^\s*${patterns.join(String.raw`\s+`)}\s*$`);
};
