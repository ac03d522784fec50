/** Markdown as the tests of the docs need it: headings, links, code. Enough for how our pages are written, no parser for all Markdown. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const repository = join(import.meta.dirname, '../..');

export interface CodeBlock {
  /** Line of its opening fence, from 1. */
  readonly line: number;
  /** The word behind the fence; empty when there is none. */
  readonly language: string;
  readonly text: string;
  /** The comment in the line before it, without its brackets. */
  readonly mark: string | undefined;
}

/** Something in backticks within a sentence or a table. */
export interface CodeSpan {
  readonly line: number;
  readonly text: string;
}

export interface Page {
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly CodeBlock[];
  readonly spans: readonly CodeSpan[];
  /** Targets of links, as they are written. */
  readonly links: readonly { readonly line: number; readonly target: string }[];
  /** What a link to a heading ends with. */
  readonly anchors: readonly string[];
}

/** Every page of ours, by its path in the repository. */
export const pagePaths = (): readonly string[] =>
  globSync(['*.md', '{charts,deploy,docs,emulator,examples,gitops,image,test,tools,bench,demo,simulation}/**/*.md'], {
    cwd: repository,
    exclude: ['**/node_modules/**'],
  }).toSorted();

/** Reads one page. */
export const readPage = (path: string): Page => parsePage(path, readFileSync(join(repository, path), 'utf8'));

const fence = /^\s*```(\w*)\s*$/;

/** The parts of one page. */
export const parsePage = (path: string, text: string): Page => {
  const lines = text.split('\n');
  const blocks: CodeBlock[] = [];
  const prose: string[] = [];
  let opened: { readonly line: number; readonly language: string; readonly mark: string | undefined } | undefined;
  let inside: string[] = [];
  for (const [index, line] of lines.entries()) {
    const language = fence.exec(line)?.[1];
    if (opened && language === '') {
      blocks.push({ ...opened, text: inside.join('\n') });
      opened = undefined;
      inside = [];
    } else if (opened) inside.push(line);
    else if (language !== undefined) opened = { line: index + 1, language, mark: /^\s*<!-- (.*) -->$/.exec(lines[index - 1] ?? '')?.[1] };
    prose.push(opened || language !== undefined ? '' : line);
  }
  if (opened) throw new Error(`${path}:${opened.line}: the block has no end`);
  const code = /(`+)(.+?)\1/g;
  const found = (pattern: RegExp, within: readonly string[]) =>
    within.flatMap((line, index) => [...line.matchAll(pattern)].map((match) => ({ line: index + 1, match })));
  return {
    path,
    text,
    blocks,
    spans: found(code, prose).map(({ line, match }) => ({ line, text: match[2] ?? '' })),
    links: found(
      /\]\(([^)\s]+)\)/g,
      prose.map((line) => line.replaceAll(code, 'code')),
    ).map(({ line, match }) => ({ line, target: match[1] ?? '' })),
    anchors: anchorsOf(prose),
  };
};

/** What GitHub makes of headings: small letters, hyphens for spaces, no signs; a number behind what came before. */
const anchorsOf = (lines: readonly string[]): readonly string[] => {
  const seen = new Map<string, number>();
  return lines.flatMap((line) => {
    const heading = /^#{1,6} (.*)$/.exec(line)?.[1];
    if (heading === undefined) return [];
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
    const before = seen.get(anchor) ?? 0;
    seen.set(anchor, before + 1);
    return [before === 0 ? anchor : `${anchor}-${before}`];
  });
};
