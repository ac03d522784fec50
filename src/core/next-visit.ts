import { createHash } from 'node:crypto';
import type { MaintenanceNotification } from '../api/maintenance-notification.ts';
import { parseDuration } from './duration.ts';

/**
 * How long until the next look for drift, in milliseconds. All objects of a subscription with the same interval look at the same moments, so
 * that one list serves them; those of another subscription look at others. Never sooner than a tenth of the interval, so that a clock
 * which is a little behind doesn't make it come twice, and never later than eleven tenths.
 */
export const nextCommonVisit = (subscriptionId: string, intervalMilliseconds: number, now: number): number => {
  const phase = createHash('sha256').update(subscriptionId.toLowerCase()).digest().readUInt32BE() % intervalMilliseconds;
  const untilNext = intervalMilliseconds - ((((now - phase) % intervalMilliseconds) + intervalMilliseconds) % intervalMilliseconds);
  return untilNext < intervalMilliseconds / 10 ? untilNext + intervalMilliseconds : untilNext;
};

/** The interval that an object asks for itself, in milliseconds. */
export const ownInterval = ({ spec }: Pick<MaintenanceNotification, 'spec'>): number | undefined => parseDuration(spec.interval ?? '');
