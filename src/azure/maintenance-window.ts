/** A planned maintenance window as Azure describes it; every field may be missing. */
export interface MaintenanceConfiguration {
  readonly name?: string;
  readonly properties?: {
    readonly maintenanceWindow?: {
      readonly schedule?: Schedule;
      readonly durationHours?: number;
      readonly utcOffset?: string;
      readonly startTime?: string;
    };
    readonly timeInWeek?: readonly { readonly day?: string; readonly hourSlots?: readonly number[] }[];
  };
}

interface Schedule {
  readonly daily?: { readonly intervalDays?: number };
  readonly weekly?: { readonly intervalWeeks?: number; readonly dayOfWeek?: string };
  readonly absoluteMonthly?: { readonly intervalMonths?: number; readonly dayOfMonth?: number };
  readonly relativeMonthly?: { readonly intervalMonths?: number; readonly weekIndex?: string; readonly dayOfWeek?: string };
}

const every = (count: number | undefined, unit: string): string =>
  count === undefined || count === 1 ? `every ${unit}` : `every ${count} ${unit}s`;

const days = ({ daily, weekly, absoluteMonthly, relativeMonthly }: Schedule): string => {
  if (daily) return every(daily.intervalDays, 'day');
  if (weekly) return `${every(weekly.intervalWeeks, 'week')} on ${weekly.dayOfWeek ?? '?'}`;
  if (absoluteMonthly) return `${every(absoluteMonthly.intervalMonths, 'month')} on day ${absoluteMonthly.dayOfMonth ?? '?'}`;
  if (relativeMonthly)
    return `${every(relativeMonthly.intervalMonths, 'month')} on the ${(relativeMonthly.weekIndex ?? '?').toLowerCase()} ${relativeMonthly.dayOfWeek ?? '?'}`;
  return 'no schedule';
};

/** One line for people: `every week on Sunday, 02:00 +01:00 for 4 h`. Understands every schedule form and the older `timeInWeek`. */
export const maintenanceSummary = ({ properties }: MaintenanceConfiguration): string => {
  const window = properties?.maintenanceWindow;
  if (window)
    return `${days(window.schedule ?? {})}, ${window.startTime ?? '?'} ${window.utcOffset ?? '+00:00'} for ${window.durationHours ?? 24} h`;
  const slots = (properties?.timeInWeek ?? []).map(
    ({ day, hourSlots }) => `${day ?? '?'} ${(hourSlots ?? []).map((hour) => `${hour}:00`).join(', ')}`,
  );
  return slots.length > 0 ? slots.join('; ') : 'no schedule';
};
