import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Agent } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const program = join(import.meta.dirname, '../../emulator/main.ts');
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'emulator-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Run {
  /** What it printed until a line that contains the text, or until it ended. */
  readonly until: (text: string) => Promise<string>;
  readonly kill: (signal: NodeJS.Signals) => void;
  readonly ended: Promise<{ code: number | null; errors: string }>;
}

const run = (...args: string[]): Run => {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = new Promise<{ code: number | null; errors: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, errors }));
  });
  return {
    until: async (text) => {
      let printed = '';
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) return printed;
        printed += `${value}\n`;
        if (value.includes(text)) return printed;
      }
    },
    kill: (signal) => child.kill(signal),
    ended,
  };
};

describe('the emulator alone', () => {
  it('says how to talk to it, does what it says, and ends cleanly when told to', async () => {
    const caFile = join(folder, 'ca.pem');
    const { until, kill, ended } = run('--ca-file', caFile, '--print-token');
    const printed = await until('eyJ');
    const value = (name: string): string => new RegExp(`^${name}=(?<value>.*)$`, 'mu').exec(printed)!.groups!['value']!;
    expect(value('NODE_EXTRA_CA_CERTS')).toBe(caFile);

    const agent = new Agent({ connect: { ca: await readFile(caFile, 'utf8') } });
    const get = async (path: string, token?: string) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const { statusCode, body } = await agent.request({ origin: value('AZURE_AUTHORITY_HOST'), path, method: 'GET', headers });
      return { status: statusCode, text: await body.text() };
    };
    const url = /curl .* "(?<url>https:[^"]+)"$/mu.exec(printed)!.groups!['url']!;
    const path = url.slice(value('AZURE_RESOURCE_MANAGER_ENDPOINT').length);
    const tokens = [/^eyJ\S+$/mu.exec(printed)![0], (await get('/_emulator/token')).text];
    for (const token of tokens) expect(await get(path, token)).toMatchObject({ status: 200, text: expect.stringContaining('"prod"') });
    expect((await get(path)).status).toBe(401);

    const journal = JSON.parse((await get('/_emulator/journal?method=GET&type=microsoft.containerservice/managedclusters')).text);
    expect(journal).toMatchObject([{ status: 200 }, { status: 200 }, { status: 401 }]);
    expect(JSON.parse((await get('/_emulator/resources')).text)).toMatchObject({ actionGroups: [], alertRules: [] });
    expect((await get('/_emulator')).text).toContain('not part of Azure');
    expect((await get('/_emulator/nothing')).status).toBe(404);
    const cleared = await agent.request({ origin: value('AZURE_AUTHORITY_HOST'), path: '/_emulator/journal', method: 'DELETE' });
    expect(cleared.statusCode).toBe(204);
    expect(JSON.parse((await get('/_emulator/journal')).text)).toEqual([]);

    kill('SIGTERM');
    expect(await ended).toEqual({ code: 0, errors: '' });
    await agent.close();
  });

  it('ends cleanly by SIGINT, too', async () => {
    const { until, kill, ended } = run('--ca-file', join(folder, 'ca.pem'));
    await until('_emulator');
    kill('SIGINT');
    expect((await ended).code).toBe(0);
  });

  it('refuses a bad world with all its mistakes', async () => {
    const file = join(folder, 'world.yaml');
    await writeFile(file, 'tenantId: contoso\nclusters: []\napplications: []\nsubscriptions: []\n');
    const { code, errors } = await run('--world', file).ended;
    expect(code).toBe(2);
    expect(errors).toContain(file);
    expect(errors).toContain("Path 'tenantId'");
    expect(errors).toContain("Path 'roleAssignments'");
  });

  it.each([
    ['a file that is not there', ['--world', '/nowhere.yaml'], /nowhere.yaml/u],
    ['a port that is none', ['--port', 'http'], /--port http/u],
    ['an unknown flag', ['--wrld', 'x'], /--wrld/u],
  ])('refuses %s', async (_name, args, text) => {
    const { code, errors } = await run(...args).ended;
    expect(code).toBe(2);
    expect(errors).toMatch(text);
  });

  it('explains itself', async () => {
    const { until, ended } = run('--help');
    expect(await until('never printed')).toContain('--world');
    expect((await ended).code).toBe(0);
  });
});
