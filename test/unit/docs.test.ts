import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandPages, commandsOf, markPattern } from '../support/commands.ts';
import { pagePaths, parsePage, readPage, repository } from '../support/markdown.ts';

const pages = pagePaths().map(readPage);
const exists = (path: string): boolean => existsSync(join(repository, path));

/** What is wrong with a link of a page, if anything. */
const wrongLink = (from: string, target: string): string | undefined => {
  if (/^(?:https|mailto):/.test(target)) return undefined;
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? from : normalize(join(dirname(from), file));
  if (path.startsWith('..') || !exists(path)) return `there is no ${path}`;
  if (anchor === undefined) return undefined;
  return readPage(path).anchors.includes(anchor) ? undefined : `${path} has no heading #${anchor}`;
};

describe('every page', () => {
  it('is found', () => {
    expect(pages.length).toBeGreaterThan(45);
    expect(pages.map(({ path }) => path)).toEqual(
      expect.arrayContaining(['README.md', 'docs/README.md', 'docs/adr/0001-own-list-watch-and-queue.md']),
    );
  });

  it.each(pages)('$path links to what exists', ({ path, links }) => {
    const wrong = links.flatMap(({ line, target }) => {
      const words = wrongLink(path, target);
      return words === undefined ? [] : [`${path}:${line}: ${words}`];
    });
    expect(wrong).toEqual([]);
  });

  it.each(pages)('$path names files that exist', ({ path, spans }) => {
    const places = /^(?:bench|charts|crds|demo|deploy|docs|emulator|examples|gitops|image|scripts|simulation|src|test|tools)\/[\w./-]+$/;
    const named = spans.map(({ text }) => text).filter((text) => places.test(text));
    const here = (text: string): boolean => exists(text) || exists(join(dirname(path), text));
    expect(named.filter((text) => !here(text))).toEqual([]);
  });
});

it('the index of docs/ leads to every page of it', () => {
  const index = readPage('docs/README.md').links.map(({ target }) => `docs/${target.split('#')[0]}`);
  const owed = pages
    .map(({ path }) => path)
    .filter((path) => /^docs\/(?:runbooks\/README|[\w-]+)\.md$/.test(path) && path !== 'docs/README.md');
  expect(owed.filter((path) => !index.includes(path))).toEqual([]);
});

it('README shows the very object of the minimal example', () => {
  const shown = readPage('README.md').blocks.find(({ language }) => language === 'yaml')!.text;
  const example = readFileSync(join(repository, 'examples/minimal.yaml'), 'utf8');
  expect(example.replaceAll(/^#.*\n/gm, '').trim()).toBe(shown.trim());
  expect(shown.split('\n').length).toBeLessThanOrEqual(10);
});

describe('commands that are no shell on a cluster', () => {
  const commands = pages
    .filter(({ path }) => !path.startsWith('docs/adr/'))
    .flatMap(({ path, blocks, spans }) => {
      const lines = blocks.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.split('\n'));
      return [...lines, ...spans.map(({ text }) => text)].map((text) => ({ path, text: text.trim() }));
    });
  const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const makefile = readFileSync(join(repository, 'Makefile'), 'utf8');
  const matching = (pattern: RegExp): readonly { readonly path: string; readonly text: string; readonly word: string }[] =>
    commands.flatMap((command) => {
      const word = pattern.exec(command.text)?.[1];
      return word === undefined ? [] : [{ ...command, word }];
    });

  it('make knows its words', () => {
    const words = matching(/^(?:\w+=\S+ )?make ([a-z]+)$/);
    expect(words.length).toBeGreaterThan(5);
    expect(words.filter(({ word }) => !makefile.includes(`\n${word}: `))).toEqual([]);
  });

  it('npm knows its scripts', () => {
    const words = matching(/^npm run ([a-z]+)/);
    expect(words.length).toBeGreaterThan(5);
    expect(words.filter(({ word }) => scripts[word] === undefined)).toEqual([]);
  });

  it('node and vitest find their files', () => {
    const words = [...matching(/^node (?:--\S+ )*([\w/-]+\.ts)/), ...matching(/^npx vitest run .*?(test\/\S+\.ts)/)];
    expect(words.length).toBeGreaterThan(5);
    expect(words.filter(({ word }) => !exists(word))).toEqual([]);
  });
});

it('the reader of Markdown knows blocks, marks, spans, links and headings', () => {
  const page = parsePage('a.md', '# One `a` & two\n\nSee [b](c.md#d), `[e](f)`.\n\n<!-- why -->\n```sh\n[g](h)\n```\n\n## Same\n## Same\n');
  expect(page.blocks).toEqual([{ line: 6, language: 'sh', text: '[g](h)', mark: 'why' }]);
  expect(page.links).toEqual([{ line: 3, target: 'c.md#d' }]);
  expect(page.spans.map(({ text }) => text)).toEqual(['a', '[e](f)']);
  expect(page.anchors).toEqual(['one-a--two', 'same', 'same-1']);
  expect(() => parsePage('a.md', '```sh\n')).toThrow('a.md:1: the block has no end');
});

describe('blocks of commands', () => {
  const blocks = commandPages().flatMap(({ path, blocks: all }) => all.map((block) => ({ ...block, at: `${path}:${block.line}` })));

  it('that are not run say why', () => {
    expect(blocks.filter(({ mark }) => mark !== undefined && !markPattern.test(mark)).map(({ at }) => at)).toEqual([]);
  });

  it('are marked for a reason that holds', () => {
    const marked = blocks.flatMap(({ mark, text, at }) => (mark === undefined ? [] : [{ mark, text, at }]));
    expect(marked.length).toBeGreaterThan(8);
    const needless = marked.filter(({ mark, text }) => mark === 'needs Azure' && !/\baz |deploy\/azure\/setup\.sh/.test(text));
    const untrue = marked.filter(({ mark }) => (mark.match(/test\/\S+\.ts/g) ?? []).some((path) => !exists(path)));
    expect([...needless, ...untrue].map(({ at }) => at)).toEqual([]);
  });

  it('are called sh or console, so that they are run', () => {
    const others = blocks.filter(({ language }) => language !== 'sh' && language !== 'console');
    const typed = /^\s*(?:\$ )?(?:kubectl|helm|az|make|npm|node|curl|docker|flux|argocd|deploy\/azure\/setup\.sh) /m;
    expect(others.filter(({ text }) => typed.test(text)).map(({ at }) => at)).toEqual([]);
  });
});

it('the reader of commands fills in placeholders, leaves out what is not here, and knows what is printed', () => {
  const page = parsePage(
    'a.md',
    [
      '```sh',
      'helm install a \\',
      '  --set azure.clientId=<client id>',
      'az login',
      '```',
      'Type `kubectl get mn NAME -n NAMESPACE`, not `kubectl edit`.',
      '<!-- needs Azure -->',
      '```sh',
      'az login',
      '```',
      '```console',
      '$ kubectl get mn',
      'NAME   AGE',
      'prod   8s …',
      '```',
    ].join('\n'),
  );
  const [install, get, list, ...others] = commandsOf(page, 'client', 'tenant');
  expect(others).toEqual([]);
  expect(install).toMatchObject({ at: 'a.md:1', script: 'helm install a --set azure.clientId=client' });
  expect(get).toMatchObject({ at: 'a.md:6', script: 'kubectl get mn prod -n platform' });
  expect(list!.script).toBe('kubectl get mn');
  expect('NAME     AGE\nprod     12s   x\n').toMatch(list!.shown);
  expect('NAME     AGE\ntest     12s   x\n').not.toMatch(list!.shown);
});
