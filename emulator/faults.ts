import { setTimeout as wait } from 'node:timers/promises';
import { badGatewayPage, faultAnswers, type FaultableCall, type FaultAnswerName, type FaultContext } from './fault-answers.ts';
import { toJson, type Answer, type Outcome } from './http.ts';

const fields = ['kind', 'method', 'type', 'operation', 'name', 'subscriptionId'] as const;

/** Which calls a fault meets: every given field must be equal, texts without regard to case, and `path` must match the path as sent. */
export interface FaultMatch extends Partial<Pick<FaultableCall, (typeof fields)[number]>> {
  readonly path?: RegExp;
}

/** What a fault does to a call. */
export type FaultEffect =
  /** This answer instead of the work. */
  | ({ readonly kind: 'answer' } & Answer)
  /** One of Azure's refusals instead of the work, in words that fit the call; `headers` are added to its own. */
  | { readonly kind: 'error'; readonly name: FaultAnswerName; readonly headers?: Readonly<Record<string, string>> }
  /** The connection is cut; after: when the work was done, so that only the answer is lost. */
  | { readonly kind: 'reset'; readonly when: 'before' | 'after' }
  /** No work and no answer, until the client leaves or the emulator stops. */
  | { readonly kind: 'hang' }
  /** The work is done at once, the answer comes so much later by the real clock. */
  | { readonly kind: 'delay'; readonly milliseconds: number }
  /** The work is done, and the answer spoiled: without its body, with JSON cut in the middle, or a proxy's page with status 502. */
  | { readonly kind: 'garble'; readonly how: 'emptyBody' | 'cutJson' | 'html' };

/** A fault to add. */
export interface Fault {
  /** Default: every call to Azure, sign-in included. */
  readonly match?: FaultMatch;
  /** How many calls it meets. Absent: all, until it is removed. */
  readonly times?: number;
  /** How many matching calls it lets pass first. Default 0. */
  readonly skip?: number;
  readonly effect: FaultEffect;
}

/** A fault that was added. */
export interface FaultHandle {
  readonly id: string;
  /** Does nothing when it is gone already. */
  readonly remove: () => void;
  /** How many calls it has met. */
  readonly hits: () => number;
}

/** Faults on demand. When several match a call, the one that was added first meets it. */
export interface Faults {
  readonly add: (fault: Fault) => FaultHandle;
  readonly clear: () => void;
}

const matches = ({ path, ...match }: FaultMatch, call: FaultableCall): boolean =>
  fields.every((field) => match[field] === undefined || match[field].toLowerCase() === call[field]?.toLowerCase()) &&
  // `search` starts at the front even when the expression is a global one.
  (path === undefined || call.path.search(path) !== -1);

/** Faults as the emulator itself sees them. */
export interface FaultStore extends Faults {
  /** The fault that meets a call, counted as a hit. */
  readonly take: (call: FaultableCall) => FaultEffect | undefined;
  /** In the order in which they were added. */
  readonly list: () => { readonly id: string; readonly hits: number; readonly fault: Fault }[];
  /** Whether there was one. */
  readonly remove: (id: string) => boolean;
}

/** Starts without any fault. */
export const createFaults = (): FaultStore => {
  const active = new Map<string, { fault: Fault; seen: number; hits: number }>();
  let added = 0;
  return {
    add: (fault) => {
      const entry = { fault, seen: 0, hits: 0 };
      added += 1;
      const id = String(added);
      active.set(id, entry);
      return {
        id,
        remove: () => {
          active.delete(id);
        },
        hits: () => entry.hits,
      };
    },
    clear: () => active.clear(),
    list: () => [...active].map(([id, { fault, hits }]) => ({ id, hits, fault })),
    remove: (id) => active.delete(id),
    take: (call) => {
      for (const entry of active.values()) {
        const { match = {}, times = Infinity, skip = 0, effect } = entry.fault;
        if (entry.hits >= times || !matches(match, call)) continue;
        entry.seen += 1;
        if (entry.seen <= skip) continue;
        entry.hits += 1;
        return effect;
      }
      return undefined;
    },
  };
};

/** How the journal names what a fault did. */
export const faultName = (effect: FaultEffect): string => {
  switch (effect.kind) {
    case 'error':
      return effect.name;
    case 'reset':
      return `reset ${effect.when}`;
    case 'garble':
      return `garble ${effect.how}`;
    case 'answer':
    case 'hang':
    case 'delay':
      return effect.kind;
    default:
      return effect satisfies never;
  }
};

/** What happens instead of the work, or nothing when the work is to be done. */
export const insteadOfWork = (effect: FaultEffect, context: FaultContext): Outcome | undefined => {
  if (effect.kind === 'hang') return 'hang';
  if (effect.kind === 'reset') return effect.when === 'before' ? 'reset' : undefined;
  if (effect.kind === 'answer') {
    const { kind: _, ...answer } = effect;
    return answer;
  }
  if (effect.kind !== 'error') return undefined;
  const answer = faultAnswers[effect.name](context);
  return { ...answer, headers: { ...answer.headers, ...effect.headers } };
};

const garbled = (answer: Answer, how: 'emptyBody' | 'cutJson' | 'html'): Answer => {
  const { body, text: _, ...rest } = answer;
  if (how === 'html') return badGatewayPage;
  if (how === 'emptyBody') return rest;
  const whole = toJson(body ?? { value: [] });
  return { ...rest, headers: { ...rest.headers, 'content-type': 'application/json' }, text: whole.slice(0, whole.length / 2) };
};

/** What is sent after the work was done and answered so. */
export const afterWork = (effect: FaultEffect, answer: Answer): Outcome => {
  if (effect.kind === 'reset') return 'reset';
  return effect.kind === 'garble' ? garbled(answer, effect.how) : answer;
};

/** Waits as long as a slow answer takes. Keeps nothing alive: an emulator that stops doesn't wait for it. */
export const slowness = async (effect: FaultEffect | undefined): Promise<void> => {
  if (effect?.kind === 'delay') await wait(effect.milliseconds, undefined, { ref: false });
};
