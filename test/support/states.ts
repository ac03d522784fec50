import type { MaintenanceNotification } from '../../src/api/maintenance-notification.ts';
import { minimalSpec, specWith } from './notification.ts';
import { type Bench, key, startBench } from './reconcile-bench.ts';

/** Each state that an object can be in, as it was stored: what the operator wrote, and what people did. */
export const stateNames = [
  'new',
  'at-work',
  'ready',
  'edited',
  'at-work-on-an-edit',
  'retrying',
  'ready-in-grace',
  'retrying-after-ready',
  'stalled',
  'suspended',
  'suspended-from-the-start',
  'deleted',
  'deleting',
  'deletion-failing',
] as const;
export type StateName = (typeof stateNames)[number];

const unavailable = { effect: { kind: 'answer', status: 503, text: 'Service Unavailable' } } as const;
const locked = { effect: { kind: 'error', name: 'ScopeLocked' } } as const;
const second = 1000;
const minute = 60 * second;

/** What the last run wrote first, in the middle of it. */
const firstWrite = (bench: Bench, before: number): MaintenanceNotification => {
  const write = bench.api.writes.slice(before).find(({ what }) => what === 'status');
  if (!write) throw new Error('the run wrote no status');
  return write.object;
};

/** A UUID for each UUID, and one time for all: what differs from run to run. */
const withoutChance = (object: MaintenanceNotification): MaintenanceNotification => {
  const seen: string[] = [];
  const text = JSON.stringify(object)
    .replaceAll(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, (uuid) => {
      if (!seen.includes(uuid)) seen.push(uuid);
      return `00000000-0000-4000-8000-${String(seen.indexOf(uuid)).padStart(12, '0')}`;
    })
    .replaceAll(/"resourceVersion":"\d+"/g, '"resourceVersion":"1"');
  return JSON.parse(text) as MaintenanceNotification;
};

/** Leads objects through all states, by the operator's own code and the emulator. */
export const walkStates = async (): Promise<Readonly<Record<StateName, MaintenanceNotification>>> => {
  const states: Partial<Record<StateName, MaintenanceNotification>> = {};
  const story = async (tell: (bench: Bench, save: (name: StateName, object?: MaintenanceNotification) => void) => Promise<void>) => {
    await using bench = await startBench();
    await tell(bench, (name, object = bench.object()) => void (states[name] = withoutChance(object)));
  };

  await story(async (bench, save) => {
    bench.apply();
    save('new');
    await bench.run();
    save('at-work', firstWrite(bench, 0));
    save('ready');

    bench.apply(specWith({ alertRule: { severity: 2 } }));
    save('edited');
    const before = bench.api.writes.length;
    await bench.run();
    save('at-work-on-an-edit', firstWrite(bench, before));

    bench.apply(specWith({ suspend: true }));
    await bench.run();
    save('suspended');
  });
  await story(async (bench, save) => {
    bench.apply(specWith({ suspend: true }));
    await bench.run();
    save('suspended-from-the-start');
  });
  await story(async (bench, save) => {
    const outage = bench.emulator.faults.add(unavailable);
    bench.apply();
    await bench.run();
    save('retrying');
    outage.remove();
    await bench.run();

    bench.emulator.faults.add(unavailable);
    await bench.run();
    bench.clock.advance(second);
    await bench.run();
    save('ready-in-grace');
    bench.clock.advance(5 * minute);
    await bench.run();
    save('retrying-after-ready');
  });
  await story(async (bench, save) => {
    const lock = bench.emulator.faults.add({ match: { type: 'Microsoft.Insights/scheduledQueryRules', operation: 'write' }, ...locked });
    bench.apply();
    await bench.run();
    save('stalled');
    lock.remove();
    await bench.settle({ ...minimalSpec, interval: '1h' });

    bench.emulator.faults.add({ match: { operation: 'delete' }, ...locked });
    bench.api.delete(key);
    save('deleted');
    const before = bench.api.writes.length;
    await bench.run();
    save('deleting', firstWrite(bench, before));
    save('deletion-failing');
  });

  const { ...all } = states;
  for (const name of stateNames) if (!all[name]) throw new Error(`the walk did not come to ${name}`);
  return all as Record<StateName, MaintenanceNotification>;
};
