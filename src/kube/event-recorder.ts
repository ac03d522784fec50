import { randomBytes } from 'node:crypto';
import { backOffMilliseconds } from '../runtime/back-off.ts';
import type { Clock } from '../runtime/clock.ts';
import { startDeadline } from '../runtime/deadline.ts';
import { KubeError, isTransient } from './failure.ts';
import { resourcePath } from './object.ts';
import { TokenBucket } from './token-bucket.ts';
import type { KubeTransport } from './transport.ts';

/** What an event is about. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  /** Absent for what belongs to no namespace; its events stand in `default`, as client-go has it. */
  readonly namespace?: string;
  readonly uid: string;
}

export interface EventContent {
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, at most 128 characters. */
  readonly reason: string;
  /** For people. Cut at 1024 characters, which is what the API accepts. */
  readonly message: string;
  /** What was being done, CamelCase. Default: the reason. */
  readonly action?: string;
}

/** Why an event isn't in the cluster. */
export type EventDrop =
  /** The same words about the same object were recorded within the last two minutes. */
  | 'duplicate'
  /** The object, or all of them together, have had their share. */
  | 'overBudget'
  /** The API server takes events too slowly. */
  | 'queueFull'
  /** The API server refused it, or couldn't be reached in three attempts. */
  | 'failed'
  /** `stop` ran out of time. */
  | 'stopped';

export interface EventRecorderOptions {
  readonly transport: KubeTransport;
  /** Who speaks: `source.component` and `reportingComponent`. */
  readonly component: string;
  /** Which replica: the pod's name. */
  readonly instance: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** For metrics and logs: every event that was dropped; what it throws is ignored. */
  readonly onDrop?: (why: EventDrop, about: ObjectReference, content: EventContent, error?: unknown) => void;
}

export interface EventRecorder {
  /** Puts an event on its way. Returns at once, never throws. */
  readonly record: (about: ObjectReference, content: EventContent) => void;
  /** Resolves when all events recorded so far have been sent or dropped, and after `milliseconds` in any case. */
  readonly flush: (milliseconds: number) => Promise<void>;
  /** `flush`, then drops what is left and records nothing more. */
  readonly stop: (milliseconds: number) => Promise<void>;
}

/** Karpenter's number; client-go counts up instead, which costs a write each time. */
const duplicateMilliseconds = 120_000;
/** For one object: ten at once, then one in 30 s. An object that flaps fills etcd otherwise (events live for an hour). */
const objectBudget = { burst: 10, perSecond: 1 / 30 };
/** For all together: a rollout over a thousand objects speaks at once, then ten in a second. */
const totalBudget = { burst: 1000, perSecond: 10 };
const longestQueue = 2000;
const attempts = 3;
const retry = { baseMilliseconds: 1000, capMilliseconds: 10_000, jitter: 0.25 };
/** How many objects' budgets are remembered. */
const mostObjects = 10_000;

interface Waiting {
  readonly about: ObjectReference;
  readonly content: EventContent;
  readonly at: number;
}

/**
 * Writes core v1 Events. An event is a courtesy: it is never waited for, and one that can't be written is dropped and counted. The same
 * words about the same object within two minutes are said once.
 */
export const createEventRecorder = (options: EventRecorderOptions): EventRecorder => {
  const { transport, clock, random } = options;
  const queue: Waiting[] = [];
  const recent = new Map<string, number>();
  const budgets = new Map<string, TokenBucket>();
  const total = new TokenBucket(totalBudget, clock.monotonic());
  const stopping = new AbortController();
  let sending: Promise<void> | undefined;

  const drop = (why: EventDrop, { about, content }: Omit<Waiting, 'at'>, error?: unknown): void => {
    try {
      options.onDrop?.(why, about, content, error);
    } catch {
      // Watching must not change what is watched.
    }
  };

  const isDuplicate = (about: ObjectReference, { type, reason, message }: EventContent): boolean => {
    const now = clock.monotonic();
    // Insertion order is order of age, so the old ones are in front.
    for (const [key, at] of recent) {
      if (now - at < duplicateMilliseconds) break;
      recent.delete(key);
    }
    const key = JSON.stringify([about.uid, type, reason, message]);
    if (recent.has(key)) return true;
    recent.set(key, now);
    return false;
  };

  const isWithinBudget = ({ uid }: ObjectReference): boolean => {
    const now = clock.monotonic();
    const budget = budgets.get(uid) ?? new TokenBucket(objectBudget, now);
    // Put back at the end, so that the one forgotten for want of room is the one not heard of for longest.
    budgets.delete(uid);
    budgets.set(uid, budget);
    for (const oldest of budgets.keys()) {
      if (budgets.size <= mostObjects) break;
      budgets.delete(oldest);
    }
    return budget.take(now) && total.take(now);
  };

  const send = async ({ about, content, at }: Waiting): Promise<void> => {
    const namespace = about.namespace ?? 'default';
    const time = `${new Date(at).toISOString().slice(0, 19)}Z`;
    const body = {
      apiVersion: 'v1',
      kind: 'Event',
      // A name of our own, so that a second attempt after an answer that got lost meets AlreadyExists, and not a second event.
      metadata: { name: `${about.name.slice(0, 230)}.${randomBytes(8).toString('hex')}`, namespace },
      involvedObject: about,
      type: content.type,
      reason: content.reason,
      message: content.message.length > 1024 ? `${content.message.slice(0, 1023)}…` : content.message,
      action: content.action ?? content.reason,
      count: 1,
      firstTimestamp: time,
      lastTimestamp: time,
      source: { component: options.component },
      reportingComponent: options.component,
      reportingInstance: options.instance,
    };
    const path = resourcePath({ group: '', version: 'v1', plural: 'events' }, namespace);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await transport.request({ method: 'POST', path, body, signal: stopping.signal, timeoutSeconds: 10 });
        return;
      } catch (error) {
        if (attempt > 1 && error instanceof KubeError && error.reason === 'AlreadyExists') return;
        if (attempt === attempts || !isTransient(error)) throw error;
        const wait = Math.max(backOffMilliseconds(retry, attempt, random()), (error.retryAfterSeconds ?? 0) * 1000);
        await clock.sleep(wait, stopping.signal);
      }
    }
  };

  const drain = async (): Promise<void> => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      try {
        await send(next);
      } catch (error) {
        drop(stopping.signal.aborted ? 'stopped' : 'failed', next, error);
      }
    }
    sending = undefined;
  };

  const record = (about: ObjectReference, content: EventContent): void => {
    const waiting = { about, content, at: clock.now() };
    if (stopping.signal.aborted) drop('stopped', waiting);
    else if (isDuplicate(about, content)) drop('duplicate', waiting);
    else if (!isWithinBudget(about)) drop('overBudget', waiting);
    else if (queue.length >= longestQueue) drop('queueFull', waiting);
    else {
      queue.push(waiting);
      sending ??= drain();
    }
  };

  const flush = async (milliseconds: number): Promise<void> => {
    if (!sending) return;
    const deadline = startDeadline(clock, milliseconds);
    const late = new Promise<void>((resolve) => deadline.signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([sending, late]).finally(() => deadline.clear());
  };

  return {
    record,
    flush,
    stop: async (milliseconds) => {
      await flush(milliseconds);
      stopping.abort(new Error('the event recorder was stopped'));
      for (const waiting of queue.splice(0)) drop('stopped', waiting);
      await sending;
    },
  };
};
