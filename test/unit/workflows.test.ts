import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { provideTool } from '../../tools/provide.ts';
import { run } from '../support/process.ts';

const repository = join(import.meta.dirname, '../..');
const directory = join(repository, '.github/workflows');

interface Workflow {
  readonly permissions?: object;
  readonly jobs: Readonly<Record<string, { readonly permissions?: object; readonly steps?: readonly { readonly run?: string }[] }>>;
}

let files: readonly { readonly name: string; readonly text: string; readonly workflow: Workflow }[];
let actionlint: string;

beforeAll(async () => {
  files = await Promise.all(
    (await readdir(directory)).map(async (name) => {
      const text = await readFile(join(directory, name), 'utf8');
      return { name, text, workflow: parse(text) as Workflow };
    }),
  );
  actionlint = await provideTool('actionlint');
}, 5 * 60_000);

// Without the linters that it calls where they happen to be installed.
const lint = async (...paths: readonly string[]) =>
  run(actionlint, ['-config-file', join(repository, '.github/actionlint.yaml'), '-shellcheck=', '-pyflakes=', ...paths], { env: {} });

const scripts = () =>
  files.flatMap(({ workflow }) => Object.values(workflow.jobs).flatMap(({ steps = [] }) => steps.flatMap((step) => step.run ?? [])));

describe('the workflows', () => {
  it('are there, and actionlint has nothing to say', async () => {
    expect(files.map(({ name }) => name)).toEqual(['ci.yml', 'release.yml']);
    expect(await lint(...files.map(({ name }) => join(directory, name)))).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('would be told of a variable that nobody documents, and of an output that is not there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'workflow-'));
    const wrong = join(folder, 'wrong.yml');
    const { text } = files.find(({ name }) => name === 'release.yml')!;
    await writeFile(wrong, text.replace('vars.CHARTS', 'vars.CHART').replaceAll('steps.build.outputs', 'steps.built.outputs'));
    const { code, stdout } = await lint(wrong);
    await rm(folder, { recursive: true });
    expect(code).toBe(1);
    expect(stdout).toContain('undefined configuration variable "chart"');
    expect(stdout).toContain('property "built" is not defined');
  });

  it('use actions by commit, with the version beside it, and one version of each', () => {
    const uses = files.flatMap(({ text }) => [...text.matchAll(/uses: (.*)/g)].map(([, action = '']) => action));
    const foreign = uses.filter((action) => action !== './.github/workflows/ci.yml');
    expect(foreign.filter((action) => !/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(action))).toEqual([]);
    const versions = Map.groupBy(new Set(foreign), (action) => action.split('@')[0]);
    expect([...versions.values()].filter((each) => each.length > 1)).toEqual([]);
  });

  it('may do nothing but what a job asks for', () => {
    const allowed = files.map(({ name, workflow: { permissions, jobs } }) => [
      name,
      permissions,
      Object.fromEntries(Object.entries(jobs).map(([job, each]) => [job, each.permissions])),
    ]);
    const signs = { packages: 'write', 'id-token': 'write', attestations: 'write' };
    expect(allowed).toEqual([
      ['ci.yml', { contents: 'read' }, { test: undefined, image: undefined }],
      [
        'release.yml',
        {},
        {
          check: { contents: 'read' },
          test: { contents: 'read' },
          image: { contents: 'read', ...signs },
          publish: { contents: 'write', ...signs },
        },
      ],
    ]);
  });

  it('put nothing into a script that could end a word in it', async () => {
    expect(scripts().filter((script) => script.includes('${{'))).toEqual([]);
    for (const script of scripts())
      expect(await run('bash', ['-n'], { env: {}, input: script })).toEqual({ code: 0, stdout: '', stderr: '' });
  });
});

it('names no registry, neither here nor where the image is made', async () => {
  const paths = ['Dockerfile', 'image/root.sh', 'image/package.json', 'image/package-lock.json', 'SECURITY.md', 'docs/image.md'];
  const texts = [
    ...files.map(({ text }) => text),
    ...(await Promise.all(paths.map(async (path) => readFile(join(repository, path), 'utf8')))),
  ];
  expect(texts.join('\n').match(/\b(docker|ghcr|gcr|quay|k8s)\.io\b|\bmcr\.microsoft\b|\bnpmjs\b|\bdebian\.org\b/g)).toBeNull();
});
