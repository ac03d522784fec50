import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningPod, runPod } from '../support/pod/run.ts';
import { commandLine, environment, expand } from '../support/pod/spec.ts';
import type { PodSpec } from '../support/pod/types.ts';
import { removeDirectory, temporaryDirectory } from '../support/process.ts';
import { waitFor } from '../support/wait.ts';

const facts = { name: 'web-1', namespace: 'shop', ip: '127.1.2.3', serviceAccount: 'web' };

describe('the template of a pod', () => {
  it.each([
    ['$(A)', 'one'],
    ['-$(A)-$(B)-', '-one-two-'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$one'],
    ['$(NOBODY)', '$(NOBODY)'],
    ['$(A', '$(A'],
    ['$A 5$', '$A 5$'],
    ['$(toString)', '$(toString)'],
  ])('expands %s as Kubernetes does', (text, expected) => {
    expect(expand(text, { A: 'one', B: 'two' })).toBe(expected);
  });

  it('knows a variable only after its definition, and the last definition of a name counts', () => {
    const variables = [
      { name: 'EARLY', value: '$(LATE)' },
      { name: 'LATE', value: 'one' },
      { name: 'NAME', value: 'first' },
      { name: 'NAME', value: '$(LATE)' },
    ];
    expect(environment(variables, facts, () => undefined)).toEqual({ EARLY: '$(LATE)', LATE: 'one', NAME: 'one' });
  });

  it('runs node as the Node that runs the tests, and files of the image as local ones', () => {
    const container = { name: 'main', command: ['node', '/app/main.mjs'], args: ['--who=$(WHO)', '/app/main.mjs'] };
    const line = commandLine(container, { WHO: 'me' }, { '/app/main.mjs': '/here/main.mjs' });
    expect(line).toEqual([process.execPath, '/here/main.mjs', '--who=me', '/here/main.mjs']);
    expect(() => commandLine({ name: 'main' }, {}, {})).toThrow('container main has no command');
  });
});

describe('a pod', () => {
  let directory: string;
  let pod: RunningPod | undefined;
  beforeEach(() => {
    directory = temporaryDirectory('pod');
  });
  afterEach(async () => {
    await pod?.terminate(0);
    await removeDirectory(directory);
  });

  const start = async (program: string, spec: Partial<PodSpec> = {}, mintToken = async () => 'token'): Promise<RunningPod> => {
    await writeFile(join(directory, 'main.mjs'), program);
    pod = runPod({
      uid: 'uid',
      labels: {},
      spec: { containers: [{ name: 'main', command: ['node', '/main.mjs'] }], ...spec },
      facts,
      directory: join(directory, 'pod'),
      files: { '/main.mjs': join(directory, 'main.mjs') },
      signIn: false,
      contents: { configMap: async () => undefined, secret: async () => undefined, field: () => '' },
      mintToken,
      writeKubeconfig: async () => 'nowhere',
      onChange: () => undefined,
    });
    return pod;
  };

  it('has its tokens renewed when 80 % of their life is over, also after a failure', async () => {
    let count = 0;
    const times: number[] = [];
    const mint = async (): Promise<string> => {
      times.push(performance.now());
      count += 1;
      if (count === 2) throw new Error('the API server is away');
      return `token ${count}`;
    };
    const token = { serviceAccountToken: { path: 'token', expirationSeconds: 1 } };
    await start('setInterval(() => undefined, 1000)', { volumes: [{ name: 'tokens', projected: { sources: [token] } }] }, mint);
    const file = join(directory, 'pod', 'volumes', 'tokens', 'token');
    expect(await waitFor('first token', async () => readFile(file, 'utf8'))).toBe('token 1');
    await waitFor('third token', async () => (await readFile(file, 'utf8')) === 'token 3');
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(790);
    expect(times[2]! - times[1]!).toBeGreaterThanOrEqual(990);
  });

  it('is killed when it does not end in the time that it was given', async () => {
    const slow = await start('process.on("SIGTERM", () => console.log("no")); console.log("up"); setInterval(() => undefined, 1000)');
    const running = slow.process;
    await waitFor('start', () => running.logs() === 'up\n');
    const begun = performance.now();
    await slow.terminate(300);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(290);
    expect(running.logs()).toBe('up\nno\n');
    expect(running.pid).toBeUndefined();
  });

  it('takes along what its program started', async () => {
    const { process: running } = await start(
      `import { spawn } from 'node:child_process';
       console.log(spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']).pid);
       setInterval(() => undefined, 1000);`,
    );
    const pid = await waitFor('word of the second process', () => Number(running.logs().trim()) || undefined);
    expect(process.kill(pid, 0)).toBe(true);
    await pod?.terminate(0);
    await waitFor('end of the second process', () => {
      try {
        return !process.kill(pid, 0);
      } catch {
        return true;
      }
    });
  });

  it('waits longer and longer before it starts again a program that ends at once', async () => {
    const failing = await start('process.exit(7)');
    const running = failing.process;
    await waitFor('three restarts', () => running.restarts >= 3);
    expect(failing.status()).toMatchObject({
      containerStatuses: [{ ready: false, lastState: { terminated: { exitCode: 7, reason: 'Error' } } }],
    });
    // It ends during a back-off just as well.
    await pod?.terminate(10_000);
    expect(running.pid).toBeUndefined();
  });
});
