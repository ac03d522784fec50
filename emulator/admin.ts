import { readable } from './alerts/mail.ts';
import type { Emulator } from './emulator.ts';
import { faultAnswers } from './fault-answers.ts';
import { answerFaultRequest } from './fault-requests.ts';
import type { FaultStore } from './faults.ts';
import { jsonOf, type Answer, type Incoming } from './http.ts';
import { parentId } from './resource-id.ts';
import { mistakesOf, schemas } from './schema.ts';
import { isClusterId, type Application } from './world.ts';

/** What the admin area can show. */
export type AdminContext = Pick<Emulator, 'journal' | 'resources' | 'mintToken' | 'clock' | 'world' | 'alerts' | 'mailbox'> & {
  readonly faults: FaultStore;
  readonly applications: ReadonlyMap<string, Application>;
};

const usage = `This is an emulator, and this area is not part of Azure. No sign-in is needed here.

GET    /_emulator/journal     the calls answered so far; ?type=, ?method=, ?operation=, ?kind=, ?name= narrow it
DELETE /_emulator/journal     forget them
GET    /_emulator/count       how many calls there were; ?type= and ?method= narrow it
GET    /_emulator/resources   action groups, alert rules and role assignments as they are now
GET    /_emulator/token       an access token for ?client_id= (default: the first application), without any credential
GET    /_emulator/faults      the faults that are set, and how many calls each has met
POST   /_emulator/faults      set one: {"match": {…}, "times": 1, "skip": 0, "effect": {…}}; answers its id
DELETE /_emulator/faults      take all away; /_emulator/faults/ID: one
GET    /_emulator/errors      the names for {"kind": "error", "name": …}
POST   /_emulator/clock       put the clock forward by ?milliseconds=, and evaluate the alert rules that fall due
POST   /_emulator/events      add an event of a cluster: {"id": "…/managedClusters/NAME/scheduledEvents/GUID", "properties": {…}}
GET    /_emulator/mailbox     the mails that alerts and test notifications have brought; ?format=text for people
DELETE /_emulator/mailbox     forget them
GET    /_emulator/deliveries  what was sent to receivers of all kinds, mails included
GET    /_emulator/evaluations what alert rules have found
`;

const filterFields = ['kind', 'method', 'type', 'operation', 'subscriptionId', 'name', 'principalId'] as const;

const filterIn = (query: URLSearchParams, fields: readonly string[]): Record<string, string> =>
  Object.fromEntries([...query].filter(([field]) => fields.includes(field)));

const moveClock = async (query: URLSearchParams, { clock, alerts }: AdminContext): Promise<Answer> => {
  const milliseconds = Number(query.get('milliseconds') ?? Number.NaN);
  if (!Number.isFinite(milliseconds)) return { status: 400, text: '?milliseconds= must be a number.\n' };
  clock.advance(milliseconds);
  await alerts.settled();
  return { status: 200, body: { now: clock.now().toISOString() } };
};

const addEvent = (body: string, { world }: AdminContext): Answer => {
  const row = jsonOf(body);
  if (!schemas.eventRow(row)) return { status: 400, text: `This is not an event:\n${mistakesOf(schemas.eventRow).join('\n')}\n` };
  if (!isClusterId(parentId(row.id))) return { status: 400, text: `${row.id} does not lie below an AKS cluster.\n` };
  world.addEventRow(row);
  return { status: 201 };
};

const mails = (query: URLSearchParams, { mailbox }: AdminContext): Answer =>
  query.get('format') === 'text'
    ? { status: 200, text: mailbox.messages().map(readable).join('\n') }
    : { status: 200, body: mailbox.messages() };

const giveToken = async (query: URLSearchParams, { applications, mintToken }: AdminContext): Promise<Answer> => {
  const clientId = query.get('client_id') ?? [...applications.values()][0]?.clientId ?? '';
  if (!applications.has(clientId.toLowerCase())) return { status: 404, text: `There is no application ${clientId}.\n` };
  return { status: 200, text: await mintToken(clientId) };
};

/** Answers what lies below `/_emulator`: for people and other processes. Says nothing for any other path. */
export const answerAdmin = async ({ method, path, query, body }: Incoming, context: AdminContext): Promise<Answer | undefined> => {
  if (path !== '/_emulator' && !path.startsWith('/_emulator/')) return undefined;
  const place = path.replace(/\/$/u, '');
  const faultId = /^\/_emulator\/faults(?:\/(?<id>[^/]+))?$/u.exec(place);
  if (faultId !== null) {
    return answerFaultRequest(method, faultId.groups?.['id'] ?? '', body, context.faults) ?? { status: 404, text: usage };
  }
  switch (`${method} ${place}`) {
    case 'GET /_emulator/journal':
      return { status: 200, body: context.journal.calls(filterIn(query, filterFields)) };
    case 'DELETE /_emulator/journal':
      context.journal.clear();
      return { status: 204 };
    case 'GET /_emulator/count':
      return { status: 200, body: { count: context.journal.count(filterIn(query, ['method', 'type'])) } };
    case 'GET /_emulator/errors':
      return { status: 200, body: Object.keys(faultAnswers) };
    case 'POST /_emulator/clock':
      return moveClock(query, context);
    case 'POST /_emulator/events':
      return addEvent(body, context);
    case 'GET /_emulator/mailbox':
      return mails(query, context);
    case 'DELETE /_emulator/mailbox':
      context.mailbox.clear();
      return { status: 204 };
    case 'GET /_emulator/deliveries':
      return { status: 200, body: context.mailbox.deliveries() };
    case 'GET /_emulator/evaluations':
      return { status: 200, body: context.alerts.evaluations() };
    case 'GET /_emulator/resources':
      return { status: 200, body: context.resources() };
    case 'GET /_emulator/token':
      return giveToken(query, context);
    case 'GET /_emulator':
      return { status: 200, text: usage };
    default:
      return { status: 404, text: usage };
  }
};
