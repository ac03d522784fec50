import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { provideTool } from '../../tools/provide.ts';

/** What kstatus can make of an object. */
export type Word = 'InProgress' | 'Failed' | 'Current' | 'Terminating' | 'Unknown';

interface Reading {
  readonly status: Word;
  readonly message?: string;
}

/** How Flux reads an object: by kstatus alone, and by the health check expressions of our example. */
export interface FluxReading {
  readonly kstatus: Reading;
  readonly expressions: Reading;
}

const example = join(import.meta.dirname, '..', '..', 'examples', 'flux', 'notifications.yaml');

/** The health check expressions that we tell people to use, as JSON. */
export const expressions = async (): Promise<string> => {
  const { spec } = parse(await readFile(example, 'utf8')) as { readonly spec: { readonly healthCheckExprs: unknown } };
  return JSON.stringify(spec.healthCheckExprs);
};

type Ask = (object: unknown) => Promise<FluxReading>;

const startReader = async (): Promise<Ask> => {
  const child = spawn(await provideTool('flux-parts'), ['read', await expressions()], { stdio: 'pipe' });
  // It ends when we do, since then its input ends. Until then it keeps us only while an answer is due.
  child.unref();
  const pipes = [child.stdin, child.stdout, child.stderr].filter((pipe) => pipe instanceof Socket);
  for (const pipe of pipes) pipe.unref();

  const due: PromiseWithResolvers<FluxReading>[] = [];
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (said += text));
  createInterface(child.stdout).on('line', (line) => {
    due.shift()?.resolve(JSON.parse(line) as FluxReading);
    if (due.length === 0) for (const pipe of pipes) pipe.unref();
  });
  child.once('close', () => {
    for (const each of due.splice(0)) each.reject(new Error(`flux-parts has ended: ${said}`));
  });
  child.stdin.on('error', () => undefined);
  return async (object) => {
    const answer = Promise.withResolvers<FluxReading>();
    due.push(answer);
    for (const pipe of pipes) pipe.ref();
    child.stdin.write(`${JSON.stringify(object)}\n`);
    return answer.promise;
  };
};

let reader: Promise<Ask> | undefined;

/** How Flux reads an object, by Flux's own code and kstatus itself, which run in a process of their own for as long as this one. */
export const readAsFlux: Ask = async (object) => {
  reader ??= startReader();
  return (await reader)(object);
};
