/** Local processes and temporary directories that are gone when the process that made them is, whatever it dies of. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, fstatSync, mkdtempSync, openSync, readSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let watchdog: ChildProcess | undefined;

/** One watchdog per process, started by the first thing that needs one; it ends by itself when we do. */
const tellWatchdog = (line: string): void => {
  if (!watchdog) {
    watchdog = spawn(process.execPath, [join(import.meta.dirname, 'watchdog.ts')], {
      cwd: '/',
      detached: true,
      env: {},
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    watchdog.unref();
    // Without this the open pipe would keep a finished program from ending.
    if (watchdog.stdin instanceof Socket) watchdog.stdin.unref();
  }
  watchdog.stdin?.write(`${line}\n`);
};

/** Makes an empty directory below the system's temporary one; it is removed by `removeDirectory`, or when this process ends. */
export const temporaryDirectory = (prefix: string): string => {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), `${prefix}-`));
  tellWatchdog(`+dir ${directory}`);
  return directory;
};

/** Removes a directory that `temporaryDirectory` made. */
export const removeDirectory = async (directory: string): Promise<void> => {
  await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  tellWatchdog(`-dir ${directory}`);
};

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface LocalProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  isRunning(): boolean;
  /** The end of what it wrote to stdout and stderr, 1 MB at most. */
  log(): string;
  /** Sends a signal to the process; nothing happens if it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** Ends it: SIGTERM, and SIGKILL `graceMs` later (0, the default, means at once). */
  stop(graceMs?: number): Promise<Exit>;
}

export interface ProcessOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Gets stdout and stderr, appended. */
  readonly logFile: string;
}

/** The end of a file as text; nothing if there is no such file (any more). */
export const readTail = (file: string, limit = 1024 * 1024): string => {
  if (!existsSync(file)) return '';
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const tail = Buffer.alloc(Math.min(size, limit));
    const length = readSync(descriptor, tail, 0, tail.length, size - tail.length);
    return tail.toString('utf8', 0, length);
  } finally {
    closeSync(descriptor);
  }
};

/** Whether there is a process of this id. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const signalGroup = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in the group.
  }
};

/**
 * Starts a program in a process group of its own. It and what it starts end with us, even if we are killed.
 * @throws Error when the program can't be started at all
 */
export const startProcess = async (options: ProcessOptions): Promise<LocalProcess> => {
  const output = openSync(options.logFile, 'a');
  let ended = false;
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ['ignore', output, output],
  });
  const { pid } = child;
  if (pid !== undefined) tellWatchdog(`+pid ${pid}`);
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      ended = true;
      if (pid !== undefined) {
        // As with a container, what the first process leaves behind goes with it.
        signalGroup(pid, 'SIGKILL');
        tellWatchdog(`-pid ${pid}`);
      }
      resolve({ code, signal });
    });
  });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
  } finally {
    closeSync(output);
  }
  if (pid === undefined) throw new Error(`${options.command} has no process id`);
  // Whoever forgets to stop it shall still come to an end; the watchdog does the rest.
  child.unref();

  const kill = (signal: NodeJS.Signals): void => {
    if (!ended) child.kill(signal);
  };
  return {
    pid,
    exited,
    isRunning: () => !ended,
    log: () => readTail(options.logFile),
    kill,
    stop: async (graceMs = 0) => {
      if (ended) return exited;
      child.ref();
      if (graceMs > 0) kill('SIGTERM');
      const hardKill = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs);
      try {
        return await exited;
      } finally {
        clearTimeout(hardKill);
      }
    },
  };
};

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end with exactly this environment. A code other than 0 is a result, not an exception; a signal counts as 1. */
export const run = async (
  command: string,
  args: readonly string[],
  options: { readonly env: Readonly<Record<string, string>>; readonly input?: string | undefined },
): Promise<Result> => {
  const child = spawn(command, args, { env: options.env, stdio: ['pipe', 'pipe', 'pipe'] });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  // A program that doesn't read its input to the end closes the pipe; its exit code says what it thinks.
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve(exitCode ?? 1));
  });
  return { code, ...texts };
};
