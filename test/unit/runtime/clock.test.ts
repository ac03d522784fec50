import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/runtime/clock.ts';
import { DeadlineError, startDeadline } from '../../../src/runtime/deadline.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

describe('sleep', () => {
  it('ends when the time is over, and no sooner', async () => {
    const clock = createFakeClock();
    let isAwake = false;
    const sleep = clock.sleep(1000).then(() => (isAwake = true));
    await clock.advance(999);
    expect(isAwake).toBe(false);
    await clock.advance(1);
    expect(await sleep).toBe(true);
  });

  it("ends with the signal's reason, and leaves no timer", async () => {
    const clock = createFakeClock();
    const stop = new AbortController();
    const sleep = clock.sleep(1000, stop.signal);
    stop.abort(new Error('enough'));
    await expect(sleep).rejects.toThrow('enough');
    await expect(clock.sleep(1000, stop.signal)).rejects.toThrow('enough');
    expect(clock.pendingTimers()).toBe(0);
  });

  it('of the real clock takes real time, and a timer of a year is no timer of a millisecond', async () => {
    const started = systemClock.monotonic();
    let hasFired = false;
    const timer = systemClock.setTimer(365 * 24 * 3_600_000, () => (hasFired = true));
    await systemClock.sleep(20);
    expect(systemClock.monotonic() - started).toBeGreaterThanOrEqual(19);
    expect(hasFired).toBe(false);
    timer.clear();
  });
});

describe('a deadline', () => {
  it('aborts when time is up', async () => {
    const clock = createFakeClock();
    const deadline = startDeadline(clock, 1500);
    await clock.advance(1499);
    expect(deadline.signal.aborted).toBe(false);
    expect(deadline.expired()).toBe(false);
    await clock.advance(1);
    expect(deadline.signal.reason).toBeInstanceOf(DeadlineError);
    expect(deadline.signal.reason).toMatchObject({ message: 'not finished within 1.5 s' });
    expect(deadline.expired()).toBe(true);
  });

  it('aborts with its parents, which is not the same as time being up', async () => {
    const clock = createFakeClock();
    const [first, second] = [new AbortController(), new AbortController()];
    const deadline = startDeadline(clock, 1000, first.signal, second.signal);
    second.abort(new Error('second'));
    first.abort(new Error('first'));
    expect(deadline.signal.reason).toMatchObject({ message: 'second' });
    expect(deadline.expired()).toBe(false);
    expect(clock.pendingTimers()).toBe(0);
    expect(startDeadline(clock, 1000, first.signal).signal.aborted).toBe(true);
    expect(clock.pendingTimers()).toBe(0);
  });

  it("does not take its parent's lack of time for its own", async () => {
    const clock = createFakeClock();
    const outer = startDeadline(clock, 500);
    const inner = startDeadline(clock, 1000, outer.signal);
    await clock.advance(500);
    expect(inner.signal.aborted).toBe(true);
    expect([outer.expired(), inner.expired()]).toEqual([true, false]);
  });

  it('lets go when it is cleared', async () => {
    const clock = createFakeClock();
    const parent = new AbortController();
    const deadline = startDeadline(clock, 1000, parent.signal);
    deadline.clear();
    parent.abort();
    await clock.advance(2000);
    expect(deadline.signal.aborted).toBe(false);
    expect(clock.pendingTimers()).toBe(0);
  });
});
