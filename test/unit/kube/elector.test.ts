import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startElector } from '../../../src/kube/elector.ts';
import type { ElectionOccurrence, ElectionTimes, Elector } from '../../../src/kube/elector.ts';
import { KubeError } from '../../../src/kube/failure.ts';
import { createLeaseClient, microTime } from '../../../src/kube/lease.ts';
import type { Lease, LeaseClient, LeaseSpec } from '../../../src/kube/lease.ts';
import { createTransport } from '../../../src/kube/transport.ts';
import type { Clock } from '../../../src/runtime/clock.ts';
import { faults, startFakeApiServer } from '../../support/fake-api-server.ts';
import type { Fault } from '../../support/fake-api-server.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import { createLeaseStore } from '../../support/lease-simulation.ts';
import type { LeaseStore } from '../../support/lease-simulation.ts';

const start = Date.UTC(2026, 0, 1);
const second = 1000;
const hour = 3600 * second;
const times: ElectionTimes = { leaseMilliseconds: 15_000, renewDeadlineMilliseconds: 10_000, retryMilliseconds: 2000 };
const never = new AbortController().signal;

interface SentRequest {
  readonly verb: 'get' | 'create' | 'change';
  readonly signal: AbortSignal;
}

/** What becomes of a request that would do `apply`. */
type Fate = (apply: () => Lease | undefined, signal: AbortSignal) => Promise<Lease | undefined>;

const silent: Fate = (_, signal) =>
  new Promise((__, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
const fates = {
  silence: silent,
  /** Done, but nobody hears of it until the request is given up. */
  doneInSilence: (apply, signal) => {
    apply();
    return silent(apply, signal);
  },
  answerLost: (apply) => {
    apply();
    return Promise.reject(new KubeError('no answer in time', { operation: 'lease', code: 'DeadlineExceeded' }));
  },
  forbidden: () => Promise.reject(new KubeError('not allowed', { operation: 'lease', status: 403, reason: 'Forbidden' })),
  unavailable: () => Promise.reject(new KubeError('not now', { operation: 'lease', status: 503, reason: 'ServiceUnavailable' })),
} satisfies Record<string, Fate>;

/** One that takes part, with everything that can be seen of it. */
interface Candidate extends Elector {
  readonly identity: string;
  readonly requests: SentRequest[];
  readonly occurrences: ElectionOccurrence[];
  /** What the next requests meet; undefined: they are served. */
  readonly meet: (...next: readonly (Fate | undefined)[]) => void;
  /** Every request meets this, until undefined is given. */
  readonly meetAlways: (fate: Fate | undefined) => void;
  /** What `lost` has told. */
  readonly lostBecause: () => string | undefined;
  readonly isElected: () => boolean;
  readonly hasLooked: () => boolean;
  readonly jumpWall: (milliseconds: number) => void;
  /** Time that passes while the process is stopped: no timer fires. */
  readonly beStopped: (milliseconds: number) => void;
}

let clock: FakeClock;
let store: LeaseStore;

beforeEach(() => {
  clock = createFakeClock(start);
  store = createLeaseStore();
});

const join = (identity: string, withTimes = times): Candidate => {
  const requests: SentRequest[] = [];
  const occurrences: ElectionOccurrence[] = [];
  const script: (Fate | undefined)[] = [];
  let standing: Fate | undefined;
  let jumped = 0;
  let stopped = 0;
  let reason: string | undefined;
  let isElected = false;
  let hasLooked = false;

  const send = async (verb: SentRequest['verb'], signal: AbortSignal, apply: () => Lease | undefined): Promise<Lease | undefined> => {
    requests.push({ verb, signal });
    const fate = script.shift() ?? standing;
    return fate ? fate(apply, signal) : apply();
  };
  const leases: LeaseClient = {
    get: (signal) => send('get', signal, store.read),
    create: async (spec, signal) => (await send('create', signal, () => store.create(spec)))!,
    change: async (lease, spec, signal) => (await send('change', signal, () => store.change(lease, spec)))!,
  };
  const own: Clock = { ...clock, now: () => clock.now() + jumped + stopped, monotonic: () => clock.monotonic() + stopped };
  const elector = startElector({
    leases,
    identity,
    times: withTimes,
    clock: own,
    random: () => 0,
    observer: (occurrence) => {
      occurrences.push(occurrence);
      throw new Error('what an observer throws is ignored');
    },
  });
  void elector.lost.then((text) => (reason = text));
  void elector.elected.then(() => (isElected = true));
  void elector.looked.then(() => (hasLooked = true));
  return {
    ...elector,
    identity,
    requests,
    occurrences,
    meet: (...next) => void script.push(...next),
    meetAlways: (fate) => (standing = fate),
    lostBecause: () => reason,
    isElected: () => isElected,
    hasLooked: () => hasLooked,
    jumpWall: (milliseconds) => (jumped += milliseconds),
    beStopped: (milliseconds) => (stopped += milliseconds),
  };
};

const spec = (): Partial<LeaseSpec> | undefined => store.read()?.spec;
const holder = (): string | undefined => spec()?.holderIdentity;

/** A lease of somebody who isn't simulated. */
const heldBy = (holderIdentity: string, more: Partial<LeaseSpec> = {}): Lease =>
  store.create({
    holderIdentity,
    leaseDurationSeconds: 15,
    acquireTime: microTime(start),
    renewTime: microTime(start),
    leaseTransitions: 3,
    ...more,
  });

/** A leader, just elected. */
const joinAsLeader = async (): Promise<Candidate> => {
  const leader = join('a');
  await clock.advance(0);
  expect(leader.mayWrite()).toBe(true);
  return leader;
};

describe('taking the lease', () => {
  it('creates it at the first start, and leads', async () => {
    const a = await joinAsLeader();
    expect(a).toSatisfy((one: Candidate) => one.isElected() && one.hasLooked());
    expect(a.occurrences).toEqual([{ kind: 'leading' }]);
    expect(a.requests.map(({ verb }) => verb)).toEqual(['get', 'create']);
    expect(spec()).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
  });

  it('keeps the time of acquisition on renewals, and counts another holder', async () => {
    const a = await joinAsLeader();
    await clock.advance(4500);
    expect(spec()).toMatchObject({ acquireTime: microTime(start), renewTime: '2026-01-01T00:00:04.000000Z', leaseTransitions: 0 });
    await a.release();
    expect(spec()).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(start + 4500) });
    join('b');
    await clock.advance(0);
    expect(spec()).toMatchObject({ holderIdentity: 'b', acquireTime: microTime(start + 4500), leaseTransitions: 1 });
  });

  it('writes whole seconds', async () => {
    join('a', { ...times, leaseMilliseconds: 14_500 });
    await clock.advance(0);
    expect(spec()?.leaseDurationSeconds).toBe(15);
  });

  it.each([
    ['now', 0],
    ['hours ago', -9 * hour],
    ['in hours', 9 * hour],
  ])('waits for the whole time by its own watch when the lease says it was renewed %s', async (_, offset) => {
    heldBy('x', { renewTime: microTime(start + offset) });
    const a = join('a');
    await clock.advance(15_999);
    expect(a.occurrences).toEqual([{ kind: 'following', leader: 'x' }]);
    expect([holder(), a.mayWrite(), a.isElected()]).toEqual(['x', false, false]);
    await clock.advance(1);
    expect([holder(), a.mayWrite(), a.isElected()]).toEqual(['a', true, true]);
    expect(spec()?.leaseTransitions).toBe(4);
  });

  it('begins to wait anew with every renewal it sees', async () => {
    const first = heldBy('x');
    const a = join('a');
    await clock.advance(13_000);
    store.change(first, { renewTime: microTime(start) });
    // Seen after 14 s: free after 29 s, and looked at again after 30 s.
    await clock.advance(16_999);
    expect(holder()).toBe('x');
    await clock.advance(1);
    expect([holder(), a.mayWrite()]).toEqual(['a', true]);
  });

  it('waits as long as the lease of another says, if that is longer', async () => {
    heldBy('x', { leaseDurationSeconds: 40 });
    join('a');
    await clock.advance(39_999);
    expect(holder()).toBe('x');
    await clock.advance(1);
    expect(holder()).toBe('a');
  });

  it.each([
    ['was released', () => store.change(heldBy('x'), { holderIdentity: '' })],
    ['was made by hand, with nothing in it', () => store.create({} as LeaseSpec)],
  ])('takes a lease at once that %s', async (_, prepare) => {
    prepare();
    const a = join('a');
    await clock.advance(0);
    expect([holder(), a.mayWrite()]).toEqual(['a', true]);
  });

  it('is won by one when two find it free in the same moment', async () => {
    const both = [join('a'), join('b')];
    await clock.advance(3000);
    expect(both.filter((one) => one.mayWrite()).map(({ identity }) => identity)).toEqual([holder()]);
    expect(both.flatMap(({ occurrences }) => occurrences).map(({ kind }) => kind)).toEqual(['leading', 'following']);
  });

  it('tells each leader once', async () => {
    const first = heldBy('x');
    const a = join('a');
    await clock.advance(5000);
    store.change(first, { holderIdentity: 'y' });
    await clock.advance(5000);
    expect(a.occurrences).toEqual([
      { kind: 'following', leader: 'x' },
      { kind: 'following', leader: 'y' },
    ]);
  });
});

describe('a leader', () => {
  it('renews with one request in each retry period; a follower looks with one', async () => {
    const a = await joinAsLeader();
    const b = join('b');
    await clock.advance(0);
    a.requests.length = 0;
    b.requests.length = 0;
    await clock.advance(60_000);
    expect(a.requests.map(({ verb }) => verb)).toEqual(Array.from({ length: 30 }, () => 'change'));
    expect(b.requests.map(({ verb }) => verb)).toEqual(Array.from({ length: 30 }, () => 'get'));
    expect([a.mayWrite(), b.mayWrite()]).toEqual([true, false]);
    // A leader's expiry and sleep, a follower's sleep.
    expect(clock.pendingTimers()).toBe(3);
  });

  it.each(['answerLost', 'unavailable'] as const)('keeps the lease when a renewal meets %s', async (fate) => {
    const a = await joinAsLeader();
    a.meet(fates[fate]);
    await clock.advance(4000);
    expect([a.mayWrite(), a.lostBecause(), holder()]).toEqual([true, undefined, 'a']);
    expect(spec()?.leaseTransitions).toBe(0);
    await clock.advance(9999);
    expect(a.mayWrite()).toBe(true);
    expect(a.occurrences.map(({ kind }) => kind)).toEqual(['leading', 'failed']);
  });

  it('has lost when another has taken the lease', async () => {
    const a = await joinAsLeader();
    store.change(store.read()!, { holderIdentity: 'thief' });
    await clock.advance(2000);
    expect([a.mayWrite(), a.lostBecause()]).toEqual([false, 'thief has taken the lease']);
    expect(clock.pendingTimers()).toBe(0);
    await clock.advance(60_000);
    expect([a.mayWrite(), holder()]).toEqual([false, 'thief']);
  });

  it('has lost when somebody has emptied the lease', async () => {
    const a = await joinAsLeader();
    store.change(store.read()!, { holderIdentity: '' });
    await clock.advance(2000);
    expect(a.lostBecause()).toBe('somebody has taken the lease');
  });

  it.each(['silence', 'doneInSilence', 'unavailable', 'answerLost'] as const)(
    'has lost at the deadline, counted from when the last answered renewal was sent, when all it meets is %s',
    async (fate) => {
      const a = await joinAsLeader();
      await clock.advance(4000);
      a.meetAlways(fates[fate]);
      await clock.advance(9999);
      expect([a.mayWrite(), a.lostBecause()]).toEqual([true, undefined]);
      await clock.advance(1);
      expect([a.mayWrite(), a.lostBecause()]).toEqual([false, 'the lease was not renewed within 10 s']);
      expect(clock.pendingTimers()).toBe(0);
      expect(a.requests.every(({ signal }) => signal.aborted)).toBe(true);
      a.meetAlways(undefined);
      const sent = a.requests.length;
      await clock.advance(60_000);
      expect([a.mayWrite(), a.requests.length]).toEqual([false, sent]);
    },
  );

  it('counts from when the renewal was sent, not from its answer', async () => {
    const a = await joinAsLeader();
    const answered = Promise.withResolvers<Lease | undefined>();
    a.meet((apply) => answered.promise.then(apply));
    await clock.advance(5000);
    a.meetAlways(fates.silence);
    answered.resolve(undefined);
    await clock.advance(0);
    // Stopped, so that no timer helps: sent 3 s ago.
    a.beStopped(6999);
    expect(a.mayWrite()).toBe(true);
    a.beStopped(1);
    expect(a.mayWrite()).toBe(false);
    a.beStopped(-7000);
    await clock.advance(6999);
    expect(a.mayWrite()).toBe(true);
    await clock.advance(1);
    expect([a.mayWrite(), a.lostBecause()]).toEqual([false, expect.stringContaining('10 s')]);
  });

  it("may not write from the deadline on even when its timer hasn't fired, because the process was stopped", async () => {
    const a = await joinAsLeader();
    a.beStopped(9999);
    expect(a.mayWrite()).toBe(true);
    a.beStopped(1);
    expect(a.mayWrite()).toBe(false);
  });

  it('makes nothing of an answer that was on its way while the process was stopped for longer than the deadline', async () => {
    const a = await joinAsLeader();
    const answered = Promise.withResolvers<undefined>();
    a.meet((apply) => {
      const lease = apply();
      return answered.promise.then(() => lease);
    });
    await clock.advance(2000);
    a.beStopped(11_000);
    answered.resolve(undefined);
    await clock.advance(0);
    expect(a.mayWrite()).toBe(false);
  });

  it('writes nothing after its wall clock has jumped forward until the next renewal, and stays the leader', async () => {
    const a = await joinAsLeader();
    a.jumpWall(hour);
    expect(a.mayWrite()).toBe(false);
    await clock.advance(1999);
    expect(a.mayWrite()).toBe(false);
    await clock.advance(1);
    expect([a.mayWrite(), a.lostBecause()]).toEqual([true, undefined]);
    expect(spec()?.renewTime).toBe(microTime(start + hour + 2000));
  });

  it('stays the leader when its wall clock jumps forward during a renewal', async () => {
    const a = await joinAsLeader();
    const answered = Promise.withResolvers<undefined>();
    a.meet((apply) => answered.promise.then(apply));
    await clock.advance(2500);
    a.jumpWall(hour);
    answered.resolve(undefined);
    await clock.advance(1999);
    expect([a.mayWrite(), a.lostBecause()]).toEqual([false, undefined]);
    await clock.advance(1);
    expect([a.mayWrite(), a.lostBecause()]).toEqual([true, undefined]);
  });

  it('is not kept alive by a wall clock that was set back', async () => {
    const a = await joinAsLeader();
    a.jumpWall(-hour);
    expect(a.mayWrite()).toBe(true);
    a.meetAlways(fates.silence);
    a.beStopped(10_000);
    expect(a.mayWrite()).toBe(false);
    await clock.advance(10_000);
    expect(a.lostBecause()).toBe('the lease was not renewed within 10 s');
  });

  it('makes a deleted lease anew', async () => {
    const a = await joinAsLeader();
    const uid = store.read()?.metadata.uid;
    store.remove();
    await clock.advance(2000);
    expect([holder(), a.mayWrite(), a.lostBecause()]).toEqual(['a', true, undefined]);
    expect(store.read()?.metadata.uid).not.toBe(uid);
    await clock.advance(30_000);
    expect(a.mayWrite()).toBe(true);
  });
});

describe('a follower', () => {
  it('waits for the end of a lease it has known when that is deleted', async () => {
    heldBy('x');
    const a = join('a');
    await clock.advance(1000);
    store.remove();
    // Found gone after 2 s: free after 17 s, and looked at again after 18 s.
    await clock.advance(16_999);
    expect([store.read(), a.mayWrite()]).toEqual([undefined, false]);
    await clock.advance(1);
    expect([holder(), a.mayWrite()]).toEqual(['a', true]);
  });

  it('waits from when it finds the lease gone: renewals that it missed may have come just before', async () => {
    const a = await joinAsLeader();
    const b = join('b');
    await clock.advance(1);
    b.meetAlways(fates.unavailable);
    await clock.advance(18_500);
    store.remove();
    a.meetAlways(fates.unavailable);
    b.meetAlways(undefined);
    await clock.advance(2000);
    expect([a.mayWrite(), b.mayWrite()]).toEqual([true, false]);
    await clock.advance(20_000);
    expect([a.mayWrite(), b.mayWrite()]).toEqual([false, true]);
  });

  it('waits as well when the lease it knew had been free, and is gone', async () => {
    store.change(heldBy('x'), { holderIdentity: '' });
    const b = join('b');
    // Its look shows a free lease, but another is quicker, and the lease is deleted before it looks again.
    b.meet(undefined, fates.unavailable);
    await clock.advance(1);
    const a = join('a');
    await clock.advance(1);
    expect(a.mayWrite()).toBe(true);
    a.meetAlways(fates.silence);
    store.remove();
    await clock.advance(3000);
    expect([a.mayWrite(), b.mayWrite()]).toEqual([true, false]);
  });

  it('goes on when it may not even read', async () => {
    const a = join('a');
    a.meetAlways(fates.forbidden);
    await clock.advance(5000);
    expect([a.hasLooked(), a.mayWrite()]).toEqual([true, false]);
    expect(a.requests.length).toBe(3);
    expect(a.occurrences).toMatchObject(Array.from({ length: 3 }, () => ({ kind: 'failed', error: { status: 403 } })));
    a.meetAlways(undefined);
    await clock.advance(1000);
    expect(a.mayWrite()).toBe(true);
  });

  it("doesn't lead by an answer that it finds after its deadline, only by the next", async () => {
    const a = join('a');
    const answered = Promise.withResolvers<undefined>();
    a.meet(undefined, (apply) => answered.promise.then(apply));
    await clock.advance(1);
    a.beStopped(10_000);
    answered.resolve(undefined);
    await clock.advance(1998);
    expect([holder(), a.mayWrite(), a.isElected()]).toEqual(['a', false, false]);
    await clock.advance(2);
    expect([a.mayWrite(), a.isElected(), a.lostBecause()]).toEqual([true, true, undefined]);
  });

  it('finds out that it holds the lease when the answer to its creation was lost', async () => {
    const a = join('a');
    a.meet(undefined, fates.answerLost);
    await clock.advance(1999);
    expect([holder(), a.mayWrite(), a.isElected()]).toEqual(['a', false, false]);
    await clock.advance(1);
    expect([a.mayWrite(), a.isElected()]).toEqual([true, true]);
    expect(spec()?.leaseTransitions).toBe(0);
  });
});

describe('release', () => {
  it('gives the lease back, and another takes it within a retry period', async () => {
    const a = await joinAsLeader();
    const b = join('b');
    await clock.advance(5000);
    expect(a.requests.at(-1)?.signal.aborted).toBe(false);
    const releasing = a.release();
    expect(a.mayWrite()).toBe(false);
    await releasing;
    expect(holder()).toBe('');
    expect(a.occurrences.at(-1)).toEqual({ kind: 'released' });
    await clock.advance(2000);
    expect([a.mayWrite(), b.mayWrite(), holder()]).toEqual([false, true, 'b']);
    await b.release();
    expect([clock.pendingTimers(), a.lostBecause(), b.lostBecause()]).toEqual([0, undefined, undefined]);
  });

  it.each(['silence', 'doneInSilence'] as const)('gives the lease back while a renewal meets %s', async (fate) => {
    const a = await joinAsLeader();
    a.meet(fates[fate]);
    await clock.advance(2000);
    const renewal = a.requests.at(-1);
    expect(renewal?.signal.aborted).toBe(false);
    await a.release();
    expect([holder(), renewal?.signal.aborted, clock.pendingTimers()]).toEqual(['', true, 0]);
  });

  it.each(['silence', 'doneInSilence'] as const)('gives back what it may have got while its creation meets %s', async (fate) => {
    const a = join('a');
    a.meet(undefined, fates[fate]);
    await clock.advance(100);
    await a.release();
    expect([holder() ?? '', a.mayWrite(), a.isElected(), clock.pendingTimers()]).toEqual(['', false, false, 0]);
  });

  it('waits for a renewal that can no longer be called back, and is no leader by its answer', async () => {
    const a = await joinAsLeader();
    const answered = Promise.withResolvers<undefined>();
    a.meet((apply) => answered.promise.then(apply));
    await clock.advance(2000);
    const releasing = a.release();
    await clock.advance(100);
    expect(a.requests.length).toBe(3);
    answered.resolve(undefined);
    await releasing;
    expect([holder(), a.mayWrite(), clock.pendingTimers()]).toEqual(['', false, 0]);
  });

  it('after a loss to another sends nothing', async () => {
    const a = await joinAsLeader();
    store.change(store.read()!, { holderIdentity: 'thief' });
    await clock.advance(2000);
    const sent = a.requests.length;
    await a.release();
    expect([a.requests.length, holder()]).toEqual([sent, 'thief']);
  });

  it('by a follower writes nothing', async () => {
    heldBy('x');
    const before = store.read();
    const a = join('a');
    await clock.advance(3000);
    a.requests.length = 0;
    await a.release();
    await clock.advance(60_000);
    expect([a.requests, store.read(), clock.pendingTimers()]).toEqual([[], before, 0]);
  });

  it('leaves a lease alone that another has taken', async () => {
    const a = await joinAsLeader();
    store.change(store.read()!, { holderIdentity: 'thief' });
    await a.release();
    expect([holder(), a.occurrences.map(({ kind }) => kind)]).toEqual(['thief', ['leading']]);
  });

  it('after the loss gives back what is still held', async () => {
    const a = await joinAsLeader();
    a.meetAlways(fates.unavailable);
    await clock.advance(10_000);
    expect([a.lostBecause(), holder()]).toEqual([expect.stringContaining('10 s'), 'a']);
    a.meetAlways(undefined);
    await a.release();
    expect(holder()).toBe('');
  });

  it('ends within 2 s when the API server is silent', async () => {
    const a = await joinAsLeader();
    a.meetAlways(fates.silence);
    await clock.advance(2500);
    let isReleased = false;
    const releasing = a.release().then(() => (isReleased = true));
    await clock.advance(1999);
    expect(isReleased).toBe(false);
    await clock.advance(1);
    expect([isReleased, clock.pendingTimers()]).toEqual([true, 0]);
    expect(a.requests.map(({ signal }) => signal.aborted)).toEqual(a.requests.map(() => true));
    await releasing;
  });

  it('aborts a first look that is under way', async () => {
    const a = join('a');
    a.meetAlways(fates.silence);
    await clock.advance(1000);
    await a.release();
    await clock.advance(0);
    expect([a.hasLooked(), a.requests.length, a.requests[0]?.signal.aborted, clock.pendingTimers()]).toEqual([true, 1, true, 0]);
  });
});

describe('the client of the lease', () => {
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'leader', namespace: 'shop', uid: 'u-1', resourceVersion: '7', labels: { keep: 'me' } },
    spec: { holderIdentity: 'x', strategy: 'OldestEmulationVersion' },
  };
  const path = '/apis/coordination.k8s.io/v1/namespaces/shop/leases';
  const serve: Fault = (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(lease));
  let server: Awaited<ReturnType<typeof startFakeApiServer>>;
  let transport: ReturnType<typeof createTransport>;
  let client: LeaseClient;

  beforeEach(async () => {
    server = await startFakeApiServer();
    transport = createTransport(server.access, { userAgent: 'test/1' });
    client = createLeaseClient({ transport, namespace: 'shop', name: 'leader', timeoutSeconds: 0.3 });
  });
  afterEach(async () => {
    await transport.close();
    await server.close();
  });

  it('changes by merge patch, with the version that was read, and nothing but the fields given', async () => {
    const given = { holderIdentity: 'a', renewTime: microTime(start) };
    server.fail('other', serve);
    await client.change(lease, given, never);
    expect(server.requests).toMatchObject([
      { method: 'PATCH', path: `${path}/leader`, headers: { 'content-type': 'application/merge-patch+json' } },
    ]);
    expect(server.requests[0]?.body).toEqual({ metadata: { uid: 'u-1', resourceVersion: '7' }, spec: given });
  });

  it('creates it with its name', async () => {
    const given = heldBy('a').spec as LeaseSpec;
    server.fail('other', serve);
    await client.create(given, never);
    expect(server.requests).toMatchObject([{ method: 'POST', path }]);
    expect(server.requests[0]?.body).toEqual({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'leader', namespace: 'shop' },
      spec: given,
    });
  });

  it('tells a lease that is missing from one that may not be read', async () => {
    server.fail('other', faults.status(404, 'NotFound'), faults.status(403, 'Forbidden'), serve);
    expect(await client.get(never)).toBeUndefined();
    await expect(client.get(never)).rejects.toMatchObject({ status: 403 });
    expect(await client.get(never)).toEqual(lease);
  });

  it.each(['', '{}', '{"kind":"Status"}'])('takes %j for no lease, whatever its status says', async (body) => {
    const odd: Fault = (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    server.failAlways('other', odd);
    await expect(client.get(never)).rejects.toMatchObject({ code: 'MalformedAnswer' });
    await expect(client.change(lease, {}, never)).rejects.toMatchObject({ code: 'MalformedAnswer' });
  });

  it('gives up on silence after its time', async () => {
    server.failAlways('other', faults.silence());
    await expect(client.get(never)).rejects.toMatchObject({ code: 'DeadlineExceeded' });
    await expect(client.change(lease, {}, never)).rejects.toMatchObject({ code: 'DeadlineExceeded' });
  });
});
