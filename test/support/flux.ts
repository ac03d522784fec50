import { type ChildProcess, spawn } from 'node:child_process';
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

/** The health check expressions that we tell people to use. */
const expressions = async (): Promise<string> => {
  const { spec } = parse(await readFile(example, 'utf8')) as { readonly spec: { readonly healthCheckExprs: unknown } };
  return JSON.stringify(spec.healthCheckExprs);
};

type Ask = (object: unknown) => Promise<FluxReading>;

const startReader = async (): Promise<Ask> => {
  const child: ChildProcess = spawn(await provideTool('flux-parts'), ['read', await expressions()], { stdio: ['pipe', 'pipe', 'pipe'] });
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error('flux-parts has no pipes');
  // It ends when we do: then its input ends. Until then it must not keep us.
  child.unref();
  for (const stream of [stdin, stdout, stderr]) if (stream instanceof Socket) stream.unref();

  const waiting: PromiseWithResolvers<FluxReading>[] = [];
  let said = '';
  stderr.setEncoding('utf8').on('data', (text: string) => void (said += text));
  createInterface(stdout).on('line', (line) => waiting.shift()?.resolve(JSON.parse(line) as FluxReading));
  child.once('close', () => {
    for (const each of waiting.splice(0)) each.reject(new Error(`flux-parts has ended: ${said}`));
  });
  stdin.on('error', () => undefined);
  return (object) => {
    const answer = Promise.withResolvers<FluxReading>();
    waiting.push(answer);
    stdin.write(`${JSON.stringify(object)}\n`);
    return answer.promise;
  };
};

let reader: Promise<Ask> | undefined;

/** How Flux reads an object, by Flux's own code and kstatus itself, which run in a process of their own for as long as this one. */
export const readAsFlux: Ask = async (object) => {
  reader ??= startReader();
  return (await reader)(object);
};
