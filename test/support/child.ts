import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Child {
  /** The first line that it wrote to stdout, as JSON says. */
  readonly said: unknown;
  /** Its exit code; `null` if it was killed. */
  readonly exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Runs a module's text in a Node process of its own, for what can't be tried in the test's own process: to be killed, to forget things.
 * @throws Error when it ends without a word
 */
export const startModule = async (text: string): Promise<Child> => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', text], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : null));
  const silent = exited.then((code) => {
    throw new Error(`the program ended with ${code} before it said anything; its errors are above`);
  });
  silent.catch(() => undefined);
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), silent]);
  return { said: JSON.parse(String(line)), exited, kill: (signal) => child.kill(signal) };
};
