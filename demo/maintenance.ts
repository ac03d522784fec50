import type { Emulator } from '../emulator/emulator.ts';
import { minutesOf } from '../emulator/time.ts';
import { clusterId } from '../test/support/stage.ts';

/** A row as AKS writes one when it announces maintenance. */
interface Announcement {
  readonly cluster: string;
  readonly status: string;
  readonly details: string;
}

const announcements: readonly Announcement[] = [
  { cluster: 'prod', status: 'Scheduled', details: 'K8sVersionUpgrade to 1.34.2' },
  { cluster: 'prod', status: 'Started', details: 'NodeOSUpgrade: start to upgrade security vhd' },
  { cluster: 'prod-2', status: 'Scheduled', details: 'K8sVersionUpgrade to 1.35.0' },
];

/** Whose events the rule is about; the others are of a cluster whose name begins alike. */
const watched = 'prod';
const hours = 4;
const week = 7 * 24 * 3_600_000;

/** The body of `POST /_emulator/events` that announces maintenance: what is only scheduled begins in a week. */
export const eventOf = ({ cluster, status, details }: Announcement, number: number, now: Date): { id: string; properties: object } => ({
  id: `${clusterId(cluster).replace('/resourceGroups/', '/resourcegroups/')}/scheduledEvents/00000000-0000-4000-8000-0000000000e${number}`,
  properties: {
    description: 'ScheduledEvents',
    eventId: `00000000-0000-4000-8000-0000000000f${number}`,
    eventSource: 'AutoUpgrader',
    eventStatus: status,
    eventDetails: details,
    scheduledTime: now.toISOString(),
    startTime: new Date(now.getTime() + (status === 'Scheduled' ? week : 0)).toISOString(),
    lastUpdateTime: now.toISOString(),
    resources: [clusterId(cluster)],
    resourceType: 'ManagedCluster',
  },
});

/** Has maintenance announced for both clusters. */
export const announce = ({ world, clock }: Emulator): readonly Announcement[] => {
  for (const [index, announcement] of announcements.entries()) {
    const { id, properties } = eventOf(announcement, index, clock.now());
    world.addEventRow({ id, properties: { ...properties } });
  }
  return announcements;
};

/** Lets hours pass in Azure in steps of the rule's frequency, and says after each what the rule found. */
export const passHours = async ({ alerts, clock, resources }: Emulator, tell: (line: string) => void): Promise<void> => {
  const [rule] = resources().alertRules as readonly { readonly properties?: { readonly evaluationFrequency?: string } }[];
  const minutes = minutesOf(rule?.properties?.evaluationFrequency ?? '');
  for (let passed = minutes; passed <= hours * 60; passed += minutes) {
    clock.advance(minutes * 60_000);
    await alerts.settled();
    const { at, rows, fired, fault } = alerts.evaluations().at(-1) ?? {};
    if (fault !== undefined) throw new Error(`the rule's evaluation failed: ${fault}`);
    tell(`${at?.slice(11, 16) ?? '-'} UTC   rows ${rows ?? 0}   alerts ${fired ?? 0}`);
  }
};

/** Throws unless each announcement for the watched cluster has brought one mail, and those for its neighbour none. */
export const checkMails = ({ mailbox }: Emulator): void => {
  for (const { cluster, details } of announcements) {
    const expected = cluster === watched ? 1 : 0;
    const found = mailbox.messages().filter(({ text }) => text.includes(details)).length;
    if (found !== expected) throw new Error(`${found} mails instead of ${expected} about ${details} of ${cluster}`);
  }
  const all = mailbox.messages().length;
  const wanted = announcements.filter(({ cluster }) => cluster === watched).length;
  if (all !== wanted) throw new Error(`${all} mails instead of ${wanted}`);
};
