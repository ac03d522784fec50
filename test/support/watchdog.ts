/**
 * A program, not a module: it cleans up after a test process, however that ends, SIGKILL included.
 *
 * The test process holds the other end of our stdin and writes a line for each process group and each directory it makes or has removed
 * itself. When the pipe breaks, the test process is gone: what is still on the list is killed, then removed. `process.ts` is the only
 * writer.
 */
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const groups = new Set<number>();
const directories = new Set<string>();

// A signal to everybody (Ctrl-C, a terminal that closes) is the very moment at which we are needed.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

for await (const line of createInterface(process.stdin)) {
  const [verb, what] = [line.slice(0, 4), line.slice(5)];
  if (verb === '+pid') groups.add(Number(what));
  if (verb === '-pid') groups.delete(Number(what));
  if (verb === '+dir') directories.add(what);
  if (verb === '-dir') directories.delete(what);
}

const killed = (group: number): boolean => {
  try {
    process.kill(-group, 'SIGKILL');
    return false;
  } catch {
    return true;
  }
};

// A dying process may still write a file, so the directories go only when all processes have gone.
const deadline = Date.now() + 5_000;
while ([...groups].filter((group) => !killed(group)).length > 0 && Date.now() < deadline) await sleep(20);
for (const directory of directories) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
