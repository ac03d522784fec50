import type { Emulator } from './emulator.ts';
import { faultAnswers } from './fault-answers.ts';
import { answerFaultRequest } from './fault-requests.ts';
import type { FaultStore } from './faults.ts';
import type { Answer, Incoming } from './http.ts';
import type { Application } from './world.ts';

/** What the admin area can show. */
export type AdminContext = Pick<Emulator, 'journal' | 'resources' | 'mintToken' | 'clock'> & {
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
POST   /_emulator/clock       put the clock forward by ?milliseconds=
`;

const filterFields = ['kind', 'method', 'type', 'operation', 'subscriptionId', 'name', 'principalId'] as const;

const filterIn = (query: URLSearchParams, fields: readonly string[]): Record<string, string> =>
  Object.fromEntries([...query].filter(([field]) => fields.includes(field)));

const moveClock = (query: URLSearchParams, { clock }: AdminContext): Answer => {
  const milliseconds = Number(query.get('milliseconds') ?? Number.NaN);
  if (!Number.isFinite(milliseconds)) return { status: 400, text: '?milliseconds= must be a number.\n' };
  clock.advance(milliseconds);
  return { status: 200, body: { now: clock.now().toISOString() } };
};

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
