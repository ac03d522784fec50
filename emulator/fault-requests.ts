import { faultAnswers } from './fault-answers.ts';
import type { Fault, FaultStore } from './faults.ts';
import { jsonOf, type Answer } from './http.ts';
import { mistakesOf, schemas } from './schema.ts';

/** A fault as JSON: the path's expression is its source. */
export type FaultBody = Omit<Fault, 'match'> & { readonly match?: Omit<NonNullable<Fault['match']>, 'path'> & { readonly path?: string } };

const fromBody = ({ match: { path, ...match } = {}, ...fault }: FaultBody): Fault => ({
  ...fault,
  match: path === undefined ? match : { ...match, path: new RegExp(path, 'u') },
});

const toBody = ({ match: { path, ...match } = {}, ...fault }: Fault): FaultBody => ({
  ...fault,
  match: path === undefined ? match : { ...match, path: path.source },
});

const add = (text: string, faults: FaultStore): Answer => {
  const body = jsonOf(text);
  if (!schemas.fault(body)) return { status: 400, text: `This is not a fault:\n${mistakesOf(schemas.fault).join('\n')}\n` };
  if (body.effect.kind === 'error' && !Object.hasOwn(faultAnswers, body.effect.name)) {
    return { status: 400, text: `There is no error ${body.effect.name}. GET /_emulator/errors lists them.\n` };
  }
  return { status: 201, body: { id: faults.add(fromBody(body)).id } };
};

/** Faults over HTTP, for people and other processes: `rest` is what follows `/_emulator/faults/`, empty when nothing does. */
export const answerFaultRequest = (method: string, rest: string, text: string, faults: FaultStore): Answer | undefined => {
  if (rest !== '') {
    if (method !== 'DELETE') return undefined;
    const isGone = faults.remove(rest);
    return isGone ? { status: 204 } : { status: 404, text: `There is no fault ${rest}.\n` };
  }
  switch (method) {
    case 'GET':
      return { status: 200, body: faults.list().map(({ fault, ...entry }) => Object.assign(entry, toBody(fault))) };
    case 'POST':
      return add(text, faults);
    case 'DELETE':
      faults.clear();
      return { status: 204 };
    default:
      return undefined;
  }
};
