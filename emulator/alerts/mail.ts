import { lastSegment } from '../resource-id.ts';
import type { Mail } from './delivery.ts';
import { typeOf, type CommonAlert } from './payload.ts';

/** `4/1/2026 12:22:43 PM`, as subjects of mails have it. */
const americanTime = (at: Date): string => at.toLocaleString('en-US', { timeZone: 'UTC' }).replace(',', '').replaceAll(/\s/gu, ' ');

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;

/** Puts values of an alert in the place of `${data.essentials.severity}` and the like. A path that leads nowhere stays as it was written. */
export const filledIn = (text: string, alert: CommonAlert): string =>
  text.replaceAll(/\$\{(?<path>[^}]*)\}/gu, (written, path: string) => {
    const value = path
      .trim()
      .split(/\.|\[|\]\.?/u)
      .filter((name) => name !== '')
      .reduce(member, alert);
    if (value === undefined || value === null) return written;
    return typeof value === 'string' ? value : JSON.stringify(value);
  });

/** The subject of a mail that nobody has set another one for. */
export const usualSubject = ({ data: { essentials } }: CommonAlert, at: Date): string => {
  const [target = ''] = essentials.alertTargetIDs;
  const { monitorCondition, severity, alertRule } = essentials;
  return `${monitorCondition}:${severity} Azure Monitor Alert ${alertRule} on ${lastSegment(target)} ( ${typeOf(target)} ) at ${americanTime(at)}`;
};

const lines = (fields: Readonly<Record<string, string | number>>): string[] =>
  Object.entries(fields).map(([name, value]) => `${name.padEnd(18)} ${value}`);

/** What a mail says, in the order of Azure's own. */
export const mailText = ({ data }: CommonAlert, at: Date, groupName: string, isTest: boolean): string => {
  const { essentials, alertContext, customProperties } = data;
  const [target = ''] = essentials.alertTargetIDs;
  const [condition] = alertContext.condition.allOf;
  const happened = essentials.monitorCondition === 'Fired' ? 'was triggered' : 'was resolved';
  return [
    ...(isTest ? ['This is a test notification.', ''] : []),
    `Azure Monitor alert rule ${essentials.alertRule} ${happened} for ${lastSegment(target)} at ${at.toISOString()}`,
    '',
    ...lines({
      'Rule description': essentials.description,
      Severity: essentials.severity,
      'Affected resource': target,
      'Time aggregation': condition?.timeAggregation ?? '',
      Operator: condition?.operator ?? '',
      Threshold: condition?.threshold ?? '',
      'Metric value': condition?.metricValue ?? '',
    }),
    ...((condition?.dimensions ?? []).length > 0 ? ['', 'Dimensions'] : []),
    ...lines(Object.fromEntries((condition?.dimensions ?? []).map(({ name, value }) => [`  ${name}`, value]))),
    ...(Object.keys(customProperties ?? {}).length > 0 ? ['', 'Custom properties'] : []),
    ...lines(Object.fromEntries(Object.entries(customProperties ?? {}).map(([name, value]) => [`  ${name}`, value]))),
    '',
    `You're receiving this notification as a member of the ${groupName} action group.`,
  ].join('\n');
};

/** A mail as a person sees it. */
export const readable = ({ to, subject, text }: Mail): string => `To: ${to}\nSubject: ${subject}\n\n${text}\n`;
