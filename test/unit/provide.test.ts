import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toolNames } from '../../tools/provide.ts';
import { run } from '../support/process.ts';

const program = join(dirname(dirname(import.meta.dirname)), 'tools', 'provide.ts');

describe('tools/provide.ts', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'provide-'));
    await mkdir(join(directory, 'bin'));
  });
  afterEach(async () => rm(directory, { recursive: true }));

  const provide = async (names: readonly string[], env: Readonly<Record<string, string>> = {}) =>
    run(process.execPath, [program, ...names], {
      env: { PATH: join(directory, 'bin'), HOME: directory, AKS_NOTIFIER_CACHE: join(directory, 'cache'), ...env },
    });
  const script = async (path: string, text: string): Promise<void> => writeFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });

  it('says in one sentence what to install when there is no go command', async () => {
    const needed = 'install Go 1.26.0 or newer';
    expect(await provide(['helm'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `tools: helm has to be built, and there is no go command: ${needed}.\n`,
    });
    const { stderr } = await provide(['kubectl']);
    expect(stderr).toContain(`${needed}, or set KUBEBUILDER_ASSETS to a folder that has etcd, kube-apiserver and kubectl`);
  });

  it.each([
    [
      'refuses by itself',
      'echo "go: go.mod requires go >= 1.26.0 (running go 1.23.1; GOTOOLCHAIN=local)" >&2; exit 1',
      'running go 1.23.1',
    ],
    ['knows nothing of toolchains', 'echo go1.19.8', 'go1.19.8'],
  ])('says so when the go command is too old and %s', async (_what, text, found) => {
    await script(join(directory, 'bin', 'go'), text);
    const { code, stderr } = await provide(['helm']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tools: helm has to be built, and the go command is too old \(.*\): install Go 1\.26\.0 or newer\.\n$/);
    expect(stderr).toContain(found);
  });

  it('takes the programs of KUBEBUILDER_ASSETS, and names the one that is missing', async () => {
    await script(join(directory, 'etcd'), 'true');
    const assets = { KUBEBUILDER_ASSETS: directory };
    expect(await provide(['etcd'], assets)).toEqual({ code: 0, stdout: `etcd ${join(directory, 'etcd')}\n`, stderr: '' });
    const missing = await provide(['kube-apiserver'], assets);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(`there is no program ${join(directory, 'kube-apiserver')}`);
    expect(missing.stderr.trim().split('\n')).toHaveLength(1);
  });

  it('builds once, when asked twice at the same time too, and shows what the compiler objects to', async () => {
    // Stands for the go command: "builds" an empty script.
    await symlink('/bin/sleep', join(directory, 'bin', 'sleep'));
    await script(
      join(directory, 'bin', 'go'),
      `[ "$1" = env ] && echo go1.99.0 && exit
       sleep 0.2; echo '#!/bin/sh' > "$3"; /bin/chmod +x "$3"`,
    );
    const both = await Promise.all([provide(['etcd']), provide(['etcd'])]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    expect(both[0].stdout).toBe(both[1].stdout);
    expect(both[0].stderr).toContain('building etcd 3.6.8, once');
    expect((await provide(['etcd'])).stderr).toBe('');

    await script(
      join(directory, 'bin', 'go'),
      '[ "$1" = env ] && echo go1.99.0 && exit; echo "go: downloading x"; echo "main.go:1: no"; exit 1',
    );
    expect(await provide(['helm'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/could not build helm 4\.3\.1:\nmain\.go:1: no\n$/),
    });
  });

  it('knows its tools', async () => {
    expect(await provide(['kubelet'])).toEqual({
      code: 1,
      stdout: '',
      stderr: `tools: no such tool: kubelet; there are ${toolNames.join(', ')}.\n`,
    });
  });
});
