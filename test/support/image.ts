/** The image, as far as it can be had without a registry: the last stage of the Dockerfile, carried out on what the stages before it make. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory } from '../../tools/provide.ts';
import { removeDirectory, type Result, run, temporaryDirectory } from './process.ts';

const repository = join(import.meta.dirname, '../..');
const enterImage = join(import.meta.dirname, 'enter-image.sh');
const outside = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '' };

/** What the last stage of a Dockerfile says. */
export interface Stage {
  readonly copies: readonly { readonly from: string; readonly sources: readonly string[]; readonly to: string }[];
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly user: string;
  readonly entrypoint: readonly string[];
}

const pairs = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)].map(([, name = '', quoted, plain]) => [name, quoted ?? plain ?? '']),
  );

/**
 * Reads the last stage.
 * @throws Error for an instruction that is not carried out here, and for a last stage that begins with anything but nothing
 */
export const lastStage = (dockerfile: string): Stage => {
  const instructions = dockerfile
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .map((line) => /^(\w+)\s+(.*)$/.exec(line.trim()))
    .filter((match) => match !== null)
    .map(([, word = '', rest = '']) => ({ word, rest: rest.trim() }));
  const [from, ...rest] = instructions.slice(instructions.findLastIndex(({ word }) => word === 'FROM'));
  if (from?.rest !== 'scratch') throw new Error(`the image must begin with nothing, not with ${from?.rest}`);
  const all = (wanted: string): readonly string[] => rest.filter(({ word }) => word === wanted).map((each) => each.rest);
  const strange = rest.find(({ word }) => !['ARG', 'LABEL', 'COPY', 'ENV', 'USER', 'ENTRYPOINT'].includes(word));
  if (strange) throw new Error(`the tests don't know how to carry out ${strange.word} ${strange.rest}`);
  return {
    copies: all('COPY').map((text) => {
      const [, stage = '', files = ''] = /^--from=(\w+) (.*)$/.exec(text) ?? [];
      const words = files.split(/\s+/);
      return { from: stage, sources: words.slice(0, -1), to: words.at(-1) ?? '' };
    }),
    env: pairs(all('ENV').join(' ')),
    labels: pairs(all('LABEL').join(' ')),
    user: all('USER').at(-1) ?? '',
    entrypoint: JSON.parse(all('ENTRYPOINT').at(-1) ?? '[]') as readonly string[],
  };
};

const architecture = (): string => ({ x64: 'amd64', arm64: 'arm64' })[process.arch as string] ?? process.arch;

/** What `image/root.sh` makes; only its first run needs Debian's packages and a minute. */
const imageRoot = async (): Promise<string> => {
  const hash = createHash('sha256').update(architecture());
  for (const file of ['root.sh', 'package-lock.json']) hash.update(await readFile(join(repository, 'image', file)));
  const home = join(cacheDirectory('image'), hash.digest('hex').slice(0, 12));
  if (existsSync(home)) return home;
  await mkdir(cacheDirectory('image'), { recursive: true });
  // Made under a name of our own, then moved: nobody ever sees half of it.
  const partial = `${home}.${process.pid}.partial`;
  try {
    const { code, stderr } = await run(join(repository, 'image/root.sh'), [architecture(), partial], { env: outside });
    if (code !== 0) throw new Error(`image/root.sh failed:\n${stderr}`);
    // Of two that made it at once one is enough.
    if (!existsSync(home)) await rename(partial, home);
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
  return home;
};

export interface Image extends Stage {
  readonly root: string;
  /** Runs a program in it to its end, as its user, with nothing writable. */
  run(command: readonly string[], env?: Readonly<Record<string, string>>): Promise<Result>;
  /** A local program that is the image's `node` for a pod whose folder is the current one. */
  readonly node: string;
  remove(): Promise<void>;
}

/**
 * Puts the image together.
 * @throws Error when this isn't possible here: it needs root, apt, npm and a bundle in dist/
 */
export const makeImage = async (): Promise<Image> => {
  if (process.getuid?.() !== 0) throw new Error('only root can put the image together and enter it: run these tests as root.');
  const stage = lastStage(await readFile(join(repository, 'Dockerfile'), 'utf8'));
  const madeBefore: Readonly<Record<string, readonly [prefix: string, local: string]>> = {
    root: ['/root-of-image/', `${await imageRoot()}/`],
    bundle: ['/src/', `${repository}/`],
  };
  const directory = temporaryDirectory('aks-notifier-image');
  const root = join(directory, 'root');
  await mkdir(root);
  for (const { from, sources, to } of stage.copies) {
    const [prefix, local] = madeBefore[from] ?? ['', ''];
    for (const source of sources) {
      if (prefix === '' || !source.startsWith(prefix)) throw new Error(`the tests don't know ${source} of the stage ${from}`);
      const path = join(local, source.slice(prefix.length));
      // A folder's contents, or a file into a folder.
      if (source.endsWith('/')) await promisify(execFile)('cp', ['-a', `${path}/.`, join(root, to)]);
      else await cp(path, join(root, to, source.slice(source.lastIndexOf('/') + 1)));
    }
  }
  const path = stage.env['PATH'] ?? '';
  const node = join(directory, 'node');
  await writeFile(node, `#!/bin/sh\nexec '${enterImage}' '${root}' '${path}' '${stage.user}' "$PWD" node "$@"\n`, { mode: 0o755 });
  return {
    ...stage,
    root,
    run: async (command, env = {}) => run(enterImage, [root, path, stage.user, '', ...command], { env: { PATH: outside.PATH, ...env } }),
    node,
    remove: async () => removeDirectory(directory),
  };
};
