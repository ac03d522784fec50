/**
 * A long walk through bad weather: operators that reach a real API server through a proxy which makes faults at random, while objects are
 * created, changed and deleted all the time. At the end everything must be as the last change of each object asks, and nothing may have
 * grown. The faults are those that the operator's own limits get over within seconds; `docs/faults.md` measures the slow ones.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import { expiredEvent, faults } from './fake-api-server.ts';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type LogLine, type OperatorProcess, prepareOperatorProcesses } from './operator-process.ts';
import { isReady, minimalObject, type Stage, startStage } from './stage.ts';
import { waitFor } from './wait.ts';

export interface SoakOptions {
  readonly minutes: number;
  /** The same seed makes the same choices; what becomes of them depends on the machine too. */
  readonly seed: number;
  /** How many processes; one leads and the others stand by. */
  readonly operators: number;
  /** At most so many objects at a time. */
  readonly objects: number;
  readonly say: (line: string) => void;
}

export interface SoakReport {
  /** How often each fault struck. */
  readonly faults: Readonly<Record<string, number>>;
  readonly changes: Readonly<Record<'created' | 'changed' | 'deleted', number>>;
  /** Milliseconds from the end of the faults until everything was as asked. */
  readonly settledMilliseconds: number;
  /** How many processes lost the lease and were started anew, as a kubelet would. */
  readonly restarts: number;
  /** Of each process that ran for at least half of the time: mean resident megabytes of the first and the last third, the first quarter left out. */
  readonly memory: readonly { readonly name: string; readonly first: number; readonly last: number }[];
  /** The most connections that were open at once, and those at the end. */
  readonly connections: { readonly most: number; readonly atTheEnd: number };
  readonly missedByWatch: number;
  /** Lines of the logs that nobody should ever see. */
  readonly errors: readonly string[];
}

/** mulberry32: small, and the same everywhere. */
export const randomFrom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d_2b_79_f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

type Strike = (proxy: FaultProxy, random: () => number) => unknown;

const times = (random: () => number): { readonly times: number } => ({ times: 1 + Math.floor(random() * 5) });
const tooMany = faults.status(429, 'TooManyRequests', { 'retry-after': '1' });
/** For some seconds, fewer than an election bears. */
const seconds = (random: () => number): Promise<void> => sleep(1000 + random() * 3000);

/** Each ends by itself or with `heal`. */
const weather: Readonly<Record<string, Strike>> = {
  'all connections cut': (proxy) => proxy.cut(),
  'watches cut': (proxy) => proxy.endWatches('reset'),
  'watches ended': (proxy) => proxy.endWatches('close'),
  'nothing passes for some seconds': async (proxy, random) => {
    proxy.setPace('hold');
    await seconds(random);
  },
  'half-open for some seconds, then cut': async (proxy, random) => {
    proxy.freeze();
    await seconds(random);
    proxy.cut();
  },
  'connections refused for some seconds': async (proxy, random) => {
    await proxy.refuse();
    proxy.cut();
    await seconds(random);
  },
  'a slow line for some seconds': async (proxy, random) => {
    proxy.setPace({ bytes: 2000, milliseconds: 50 });
    await seconds(random);
  },
  'a watch says 410': (proxy) => {
    proxy.say(expiredEvent);
    proxy.endWatches('close');
  },
  'watches are answered 410': (proxy, random) => {
    proxy.fail('watch', faults.status(410, 'Expired'), times(random));
    proxy.endWatches('close');
  },
  'watches are answered 500': (proxy, random) => {
    proxy.fail('watch', faults.status(500), times(random));
    proxy.endWatches('close');
  },
  'lists are answered 503': (proxy, random) => {
    proxy.fail('list', faults.status(503), times(random));
    proxy.say(expiredEvent);
    proxy.endWatches('close');
  },
  'watches are answered 429': (proxy, random) => {
    proxy.fail('watch', tooMany, times(random));
    proxy.endWatches('close');
  },
  'requests are answered 429': (proxy, random) => proxy.fail('other', tooMany, times(random)),
  'requests are answered 500': (proxy, random) => proxy.fail('other', faults.status(500), times(random)),
  'requests are answered with the page of a proxy': (proxy, random) => proxy.fail('other', faults.page(502), times(random)),
  'requests are cut': (proxy, random) => proxy.fail('other', proxy.reset, times(random)),
  // The lease has a deadline of its own, and two in a row would be one renewal too many.
  'a request is never answered': (proxy) =>
    proxy.fail('other', faults.silence(), { times: 1, only: ({ path }) => !path.includes('/leases') }),
};

const namespace = 'default';
const path = `/apis/aks-notifier.dev/v1alpha1/namespaces/${namespace}/maintenancenotifications`;

/** What is allowed to be an error: it lost the lease, as it should when nobody answers. */
const isExpected = ({ msg }: LogLine): boolean => msg === 'lost the lease; ending';

/** One process after the other under one name, and what was seen of them. */
interface Seat {
  operator: OperatorProcess;
  readonly past: OperatorProcess[];
  /** Megabytes, one each second, of the process that runs now. */
  resident: number[];
  missed: number;
  missedBefore: number;
}

/**
 * Walks for so many minutes.
 * @throws Error when something doesn't settle within three minutes after the last fault
 */
export const soak = async (options: SoakOptions): Promise<SoakReport> => {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    const stage = await startStage({ emulator: { journalBodies: false } });
    ends.push(() => stage.stop());
    const proxy = await startFaultProxy(stage.controlPlane);
    ends.push(() => proxy.close());
    return await walk(options, stage, proxy, ends);
  } finally {
    for (const end of ends.toReversed()) await end();
  }
};

const walk = async (
  { minutes, seed, operators, objects, say }: SoakOptions,
  stage: Stage,
  proxy: FaultProxy,
  ends: (() => Promise<unknown>)[],
): Promise<SoakReport> => {
  const start = await prepareOperatorProcesses(stage);
  const launch = (name: string): Promise<OperatorProcess> => start({ name, kube: { server: proxy.url, ca: proxy.ca() } });
  const seats: Seat[] = [];
  ends.push(() => Promise.all(seats.map(({ operator }) => operator.stop())));
  for (let index = 0; index < operators; index += 1)
    seats.push({ operator: await launch(`operator-${index}`), past: [], resident: [], missed: 0, missedBefore: 0 });

  const until = performance.now() + minutes * 60_000;
  const ended = new AbortController();
  const isOver = (): boolean => performance.now() >= until || ended.signal.aborted;
  const samples = { mostConnections: 0, restarts: 0 };
  const look = async (seat: Seat): Promise<void> => {
    if (!seat.operator.isRunning()) {
      seat.past.push(seat.operator);
      seat.missedBefore += seat.missed;
      seat.operator = await launch(seat.operator.name);
      seat.resident = [];
      seat.missed = 0;
      samples.restarts += 1;
    }
    seat.resident.push(Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${seat.operator.pid}/status`, 'utf8'))?.[1]) / 1000);
    seat.missed = (await seat.operator.scrape()).sum('aks_notifier_missed_by_watch_total');
  };
  const watchOver = async (): Promise<void> => {
    while (!isOver()) {
      samples.mostConnections = Math.max(samples.mostConnections, proxy.totals().open);
      // One that ends at this very moment is found to be gone the next time.
      for (const seat of seats) await look(seat).catch(() => undefined);
      await sleep(1000);
    }
  };

  const random = randomFrom(seed);
  const struck: Record<string, number> = Object.fromEntries(Object.keys(weather).map((name) => [name, 0]));
  const rage = async (): Promise<void> => {
    while (!isOver()) {
      const [name, strike] = Object.entries(weather)[Math.floor(random() * Object.keys(weather).length)] ?? ['', () => undefined];
      struck[name] = (struck[name] ?? 0) + 1;
      await strike(proxy, random);
      // What was left for requests to meet goes on for a moment.
      await sleep(500 + random() * 1500);
      await proxy.heal();
      await sleep(1000 + random() * 4000);
    }
    await proxy.heal();
  };

  // Draws of its own, so that the faults of a seed don't depend on how fast the API server is.
  const crowd = createCrowd(stage, objects, randomFrom(seed + 1));
  const churn = async (): Promise<void> => {
    while (!isOver()) {
      await crowd.step();
      await sleep(200);
    }
  };
  say(`soak: seed ${seed}, ${minutes} minutes, ${operators} operators, up to ${objects} objects`);
  try {
    await Promise.all([watchOver(), rage(), churn()]);
  } finally {
    ended.abort();
  }

  const calm = performance.now();
  const wrong = (): Promise<string | undefined> => crowd.whatIsWrong();
  let last: string | undefined;
  await waitFor(
    'end to what has to be done',
    async () => {
      for (const seat of seats) await look(seat);
      last = await wrong();
      if (last !== undefined) throw new Error(last);
      return true;
    },
    180_000,
  );
  const settledMilliseconds = performance.now() - calm;
  const everyone = seats.flatMap(({ operator, past }) => [...past, operator]);
  return {
    faults: struck,
    changes: crowd.changes,
    settledMilliseconds,
    restarts: samples.restarts,
    memory: seats
      .filter(({ resident }) => resident.length >= minutes * 20)
      .map(({ operator, resident }) => thirds(operator.name, resident.slice(Math.floor(resident.length / 4)))),
    connections: { most: samples.mostConnections, atTheEnd: proxy.totals().open },
    missedByWatch: seats.reduce((sum, { missed, missedBefore }) => sum + missed + missedBefore, 0),
    errors: everyone.flatMap((operator) =>
      operator
        .log()
        .filter((line) => (line.level === 'error' || line.level === 'fatal') && !isExpected(line))
        .map((line) => JSON.stringify(line)),
    ),
  };
};

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const thirds = (name: string, values: readonly number[]): SoakReport['memory'][number] => {
  const third = Math.max(1, Math.floor(values.length / 3));
  return { name, first: mean(values.slice(0, third)), last: mean(values.slice(-third)) };
};

/** Objects that come, change and go. They are written past the proxy: it is the operator that has the bad line. */
const createCrowd = ({ controlPlane, emulator }: Stage, objects: number, random: () => number) => {
  /** What each object that should be there asks for last. */
  const asked = new Map<string, string>();
  const changes = { created: 0, changed: 0, deleted: 0 };
  let revision = 0;
  const pick = (): string => [...asked.keys()][Math.floor(random() * asked.size)] ?? '';
  const specOf = (name: string, value: string): object => {
    const object = minimalObject(namespace, name) as { readonly spec: object };
    return { ...object, spec: { ...object.spec, tags: { revision: value } } };
  };
  const send = async (expected: readonly number[], ...request: Parameters<typeof controlPlane.request>): Promise<number> => {
    const { status } = await controlPlane.request(...request);
    if (!expected.includes(status)) throw new Error(`the API server answered ${status} to ${request[0]} ${request[1]}`);
    return status;
  };

  const create = async (): Promise<void> => {
    // Few names, so that one often comes back while its namesake is still being deleted, which the API server refuses.
    const name = `n${Math.floor(random() * objects)}`;
    if (asked.has(name)) return;
    const value = String((revision += 1));
    if ((await send([201, 409], 'POST', path, { body: specOf(name, value) })) !== 201) return;
    asked.set(name, value);
    changes.created += 1;
  };
  const change = async (): Promise<void> => {
    const name = pick();
    const value = String((revision += 1));
    await send([200], 'PATCH', `${path}/${name}`, { body: { spec: { tags: { revision: value } } } });
    asked.set(name, value);
    changes.changed += 1;
  };
  const remove = async (): Promise<void> => {
    const name = pick();
    await send([200, 202], 'DELETE', `${path}/${name}`);
    asked.delete(name);
    changes.deleted += 1;
  };

  return {
    changes,
    step: async (): Promise<void> => {
      const draw = random();
      if (asked.size === 0 || draw < 0.35) await create();
      else if (draw < 0.8) await change();
      else await remove();
    },
    /** In Kubernetes and in Azure; undefined: all is as it was asked for last. */
    whatIsWrong: async (): Promise<string | undefined> => {
      const { body } = await controlPlane.request<{ readonly items: readonly MaintenanceNotification[] }>('GET', path);
      const stray = body.items.find(({ metadata }) => !asked.has(metadata.name));
      if (stray) return `${stray.metadata.name} should be gone`;
      if (body.items.length !== asked.size) return `${asked.size} objects were asked for, and there are ${body.items.length}`;
      const late = body.items.find((object) => !isReady(object));
      if (late)
        return `${late.metadata.name} is not Ready for its generation ${late.metadata.generation}: ${JSON.stringify(late.status?.conditions)}`;
      const { alertRules, actionGroups, roleAssignments } = emulator.resources();
      const stands = new Map(alertRules.map((rule) => [rule.id.toLowerCase(), rule]));
      for (const { metadata, status } of body.items) {
        const rule = stands.get(status?.alertRuleId?.toLowerCase() ?? '');
        const tags = rule?.['tags'] as Readonly<Record<string, string>> | undefined;
        if (tags?.['revision'] !== asked.get(metadata.name)) return `the rule of ${metadata.name} is not as it was asked for last`;
      }
      const expected = body.items.reduce((sum, { status }) => sum + (status?.readerAssignments?.length ?? 0), 0);
      const made = roleAssignments.filter(({ isSeed }) => !isSeed).length;
      const counts = [alertRules.length, actionGroups.length, made];
      const right = [asked.size, asked.size, expected];
      return counts.every((count, index) => count === right[index])
        ? undefined
        : `Azure has ${counts.join(', ')} rules, groups and role assignments; ${right.join(', ')} are asked for`;
    },
  };
};

/** What a report says that must not be. */
export const whatIsBad = ({ memory, connections, missedByWatch, errors }: SoakReport, operators: number): readonly string[] => [
  ...memory
    .filter(({ first, last }) => last > first * 1.25)
    .map(({ name, first, last }) => `${name} grew from ${first.toFixed(0)} to ${last.toFixed(0)} MB`),
  ...(memory.length === 0 ? ['no process ran for half of the time'] : []),
  // Four of the pool, one for the lease, one for the watch; while a fault lasts, as many again that are being given up.
  ...(connections.most > operators * 12 ? [`${connections.most} connections were open at once`] : []),
  ...(connections.atTheEnd > operators * 6 ? [`${connections.atTheEnd} connections are open at the end`] : []),
  ...(missedByWatch > 0 ? [`the watch missed ${missedByWatch} changes`] : []),
  ...errors.slice(0, 5).map((line) => `logged: ${line}`),
];
