import { describe, expect, it } from 'vitest';
import { maintenanceSummary, type MaintenanceConfiguration } from '../../../src/azure/maintenance-window.ts';

type Window = NonNullable<NonNullable<MaintenanceConfiguration['properties']>['maintenanceWindow']>;
const summary = (window: Window): string => maintenanceSummary({ properties: { maintenanceWindow: window } });

describe('a planned maintenance window in one line', () => {
  it.each<[Window['schedule'], string]>([
    [{ daily: { intervalDays: 1 } }, 'every day'],
    [{ daily: { intervalDays: 3 } }, 'every 3 days'],
    [{ weekly: { intervalWeeks: 1, dayOfWeek: 'Sunday' } }, 'every week on Sunday'],
    [{ weekly: { intervalWeeks: 2, dayOfWeek: 'Friday' } }, 'every 2 weeks on Friday'],
    [{ absoluteMonthly: { intervalMonths: 1, dayOfMonth: 15 } }, 'every month on day 15'],
    [{ absoluteMonthly: { intervalMonths: 3, dayOfMonth: 1 } }, 'every 3 months on day 1'],
    [{ relativeMonthly: { intervalMonths: 1, weekIndex: 'Last', dayOfWeek: 'Monday' } }, 'every month on the last Monday'],
    [{ relativeMonthly: { intervalMonths: 2, weekIndex: 'First', dayOfWeek: 'Tuesday' } }, 'every 2 months on the first Tuesday'],
    [{}, 'no schedule'],
    [{ weekly: {} }, 'every week on ?'],
  ])('reads %j as “%s”', (schedule, words) => {
    expect(summary({ ...(schedule ? { schedule } : {}), startTime: '02:00', utcOffset: '+01:00', durationHours: 4 })).toBe(
      `${words}, 02:00 +01:00 for 4 h`,
    );
  });

  it('fills in what Azure leaves out', () => {
    expect(summary({ schedule: { daily: {} }, startTime: '23:30' })).toBe('every day, 23:30 +00:00 for 24 h');
    expect(summary({})).toBe('no schedule, ? +00:00 for 24 h');
  });

  it.each<[MaintenanceConfiguration, string]>([
    [{ properties: { timeInWeek: [{ day: 'Monday', hourSlots: [1, 2] }] } }, 'Monday 1:00, 2:00'],
    [
      {
        properties: {
          timeInWeek: [
            { day: 'Monday', hourSlots: [1] },
            { day: 'Sunday', hourSlots: [3] },
          ],
        },
      },
      'Monday 1:00; Sunday 3:00',
    ],
    [{ properties: {} }, 'no schedule'],
    [{}, 'no schedule'],
  ])('reads the older form %j as “%s”', (configuration, words) => {
    expect(maintenanceSummary(configuration)).toBe(words);
  });
});
