import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answerAz, type AzState } from './recording-az.ts';

/** How a run of the script ended. */
interface Ended {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** `deploy/azure/setup.sh` on an Azure of its own. */
export interface AzureSetup extends AsyncDisposable {
  readonly run: (...words: readonly string[]) => Promise<Ended>;
  readonly state: AzState;
  /** Every call of `az` so far, as its words. */
  readonly calls: (readonly string[])[];
  /** How often the script has slept, which takes no time. */
  sleeps: number;
}

const script = fileURLToPath(new URL('../../deploy/azure/setup.sh', import.meta.url));

/** Hands its words to the test and ends as the test says; without a Node of its own, which would take most of the time. */
const stub = `#!/bin/sh
cd "$(dirname "$0")"
{ printf '%s\\000' "$(basename "$0")" "$@"; } >asked
read -r status <answered
cat out
cat errors >&2
exit "$status"
`;

/** Starts with the given state, and with stand-ins for \`az\` and \`sleep\`. */
export const startAzureSetup = (state: AzState): AzureSetup => {
  const folder = mkdtempSync(join(tmpdir(), 'azure-setup-'));
  const at = (name: string): string => join(folder, name);
  for (const name of ['az', 'sleep']) {
    writeFileSync(at(name), stub);
    chmodSync(at(name), 0o755);
  }
  execFileSync('mkfifo', [at('asked'), at('answered')]);
  let isOver = false;

  const setup: AzureSetup = {
    run: (...words) =>
      new Promise((resolve) => {
        const env = { ...process.env, PATH: [folder, process.env['PATH']].join(delimiter) };
        execFile('sh', [script, ...words], { env }, (error, out, errors) =>
          resolve({ code: error === null ? 0 : Number(error.code), out, errors }),
        );
      }),
    state,
    calls: [],
    sleeps: 0,
    [Symbol.asyncDispose]: async () => {
      isOver = true;
      await writeFile(at('asked'), '');
      await serving;
      rmSync(folder, { recursive: true });
    },
  };

  const serve = async (): Promise<void> => {
    for (;;) {
      const [program, ...words] = (await readFile(at('asked'), 'utf8')).split('\0').slice(0, -1);
      if (isOver) return;
      if (program === 'sleep') setup.sleeps += 1;
      else setup.calls.push(words);
      const { status, out, errors } = program === 'sleep' ? { status: 0, out: '', errors: '' } : answerAz(setup.state, words);
      await Promise.all([writeFile(at('out'), out), writeFile(at('errors'), errors)]);
      await writeFile(at('answered'), `${status}\n`);
    }
  };
  const serving = serve();
  return setup;
};
