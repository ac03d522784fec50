import type { Emulator } from './emulator.ts';
import type { Answer, Incoming } from './http.ts';
import type { Application } from './world.ts';

/** What the admin area can show. */
export type AdminContext = Pick<Emulator, 'journal' | 'resources' | 'mintToken'> & {
  readonly applications: ReadonlyMap<string, Application>;
};

const usage = `This is an emulator, and this area is not part of Azure. No sign-in is needed here.

GET    /_emulator/journal     the calls answered so far; ?type=, ?method=, ?operation=, ?kind=, ?name= narrow it
DELETE /_emulator/journal     forget them
GET    /_emulator/resources   action groups, alert rules and role assignments as they are now
GET    /_emulator/token       an access token for ?client_id= (default: the first application), without any credential
`;

const filterFields = ['kind', 'method', 'type', 'operation', 'subscriptionId', 'name', 'principalId'] as const;

/** Answers what lies below `/_emulator`: for people and other processes. Says nothing for any other path. */
export const answerAdmin = async ({ method, path, query }: Incoming, context: AdminContext): Promise<Answer | undefined> => {
  if (path !== '/_emulator' && !path.startsWith('/_emulator/')) return undefined;
  switch (`${method} ${path.replace(/\/$/u, '')}`) {
    case 'GET /_emulator/journal': {
      const filter = Object.fromEntries(filterFields.flatMap((field) => (query.has(field) ? [[field, query.get(field)]] : [])));
      return { status: 200, body: context.journal.calls(filter) };
    }
    case 'DELETE /_emulator/journal':
      context.journal.clear();
      return { status: 204 };
    case 'GET /_emulator/resources':
      return { status: 200, body: context.resources() };
    case 'GET /_emulator/token': {
      const clientId = query.get('client_id') ?? [...context.applications.values()][0]?.clientId ?? '';
      if (!context.applications.has(clientId.toLowerCase())) return { status: 404, text: `There is no application ${clientId}.\n` };
      return { status: 200, text: await context.mintToken(clientId) };
    }
    case 'GET /_emulator':
      return { status: 200, text: usage };
    default:
      return { status: 404, text: usage };
  }
};
