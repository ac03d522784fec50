import type { TestedReceiver, TestNotification } from '../api/maintenance-notification.ts';
import { testAnnotation } from '../api/names.ts';
import { messageLimit } from './conditions.ts';

/** Azure lets mails to a role go twice a minute, and people read them: one test for an object in so long. */
const gapMilliseconds = 10 * 60_000;
/** So long Azure is asked what became of a test. */
const patienceMilliseconds = 5 * 60_000;
const firstLookMilliseconds = 2000;
const lastLookMilliseconds = 60_000;
/** As the schema has them. */
const requestLimit = 64;
const detailLimit = 256;
const receiversLimit = 100;
/** Of what Azure says of a receiver so much is looked at for what nobody may read. */
const rawLimit = 1024;

/** Whether a test can go out at the end of a run, and if not, why. */
export type Readiness =
  /** The group of our own stands. */
  | 'stands'
  /** It will, if all goes well. */
  | 'awaited'
  /** A person must act first. */
  | 'stalled'
  /** There is none of our own. */
  | 'others'
  | 'suspended'
  | 'deleting';

export interface TestSituation {
  readonly request: string | undefined;
  /** What the status says. */
  readonly known: TestNotification | undefined;
  readonly readiness: Readiness;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What is to be done about a request. `test` is what the status is to say before it is done. */
export type TestStep =
  | { readonly kind: 'nothing'; readonly test: TestNotification | undefined }
  /** The outcome is known without Azure. */
  | { readonly kind: 'end'; readonly test: TestNotification }
  | { readonly kind: 'wait'; readonly test: TestNotification; readonly milliseconds: number | undefined }
  /** Send it, once the status says so: whoever finds that word later knows that it may have gone out. */
  | { readonly kind: 'send'; readonly test: TestNotification }
  /** Ask Azure what became of it. */
  | { readonly kind: 'ask'; readonly test: TestNotification; readonly notificationId: string };

/** What somebody asks for by annotation; any text will do. */
export const testRequestIn = (annotations: Readonly<Record<string, string>> | undefined): string | undefined =>
  // Cut characters would come back from the API server as others, and look like a new request.
  annotations?.[testAnnotation]?.slice(0, requestLimit).toWellFormed() || undefined;

/** RFC 3339 with whole seconds, rounded up: the gap must not come out shorter. */
const timestamp = (milliseconds: number): string => new Date(Math.ceil(milliseconds / 1000) * 1000).toISOString().replace('.000Z', 'Z');

const askAgain = 'ask again with a new value of the annotation';

const obstacles: Readonly<Record<Exclude<Readiness, 'stands' | 'awaited'>, string>> = {
  stalled: `Nothing was sent, since the action group does not stand: see the condition Ready, and then ${askAgain}.`,
  others:
    'Nothing was sent: the object has no action group of its own. Test those of spec.actionGroupIds with az monitor action-group test-notifications create.',
  suspended: `Nothing was sent, since spec.suspend is true: set it to false, and then ${askAgain}.`,
  deleting: 'Nothing was sent, since the object is being deleted.',
};

/** What to do about a request, by what is known of it. */
export const nextTestStep = ({ request, known, readiness, now }: TestSituation): TestStep => {
  if (known?.state === 'Sending') return afterSending(known, readiness, now);
  if (request === undefined)
    return known?.state === 'Pending'
      ? { kind: 'end', test: { ...known, state: 'NotSent', message: 'Nothing was sent: the annotation was taken away.' } }
      : { kind: 'nothing', test: known };
  if (request === known?.requestedAt && known.state !== 'Pending') return { kind: 'nothing', test: known };

  const sentAt = known?.sentAt;
  const asked = { requestedAt: request, ...(sentAt === undefined ? {} : { sentAt }) };
  if (readiness !== 'stands' && readiness !== 'awaited')
    return { kind: 'end', test: { ...asked, state: 'NotSent', message: obstacles[readiness] } };
  const due = dueAt(sentAt, now);
  if (due > now) {
    const message = `The last one was sent at ${sentAt}. This one will be sent at ${timestamp(due)}, if the annotation still stands.`;
    return { kind: 'wait', test: { ...asked, state: 'Pending', message }, milliseconds: due - now };
  }
  return readiness === 'stands'
    ? { kind: 'send', test: { requestedAt: request, sentAt: timestamp(now), state: 'Sending', message: 'It is being sent.' } }
    : { kind: 'wait', test: { ...asked, state: 'Pending', message: 'It waits for the action group.' }, milliseconds: undefined };
};

/** Whether a request is to be carried out as soon as the group stands. */
export const isTestDue = (situation: Omit<TestSituation, 'readiness'>): boolean =>
  nextTestStep({ ...situation, readiness: 'stands' }).kind === 'send';

const dueAt = (sentAt: string | undefined, now: number): number => {
  const last = Date.parse(sentAt ?? '');
  // A time that this clock can't have written would hold everything up for ever.
  return Number.isNaN(last) || last > now + gapMilliseconds ? now : last + gapMilliseconds;
};

const unknown = (test: TestNotification, message: string): TestNotification => ({ ...test, state: 'Unknown', message });

const afterSending = (known: TestNotification, readiness: Readiness, now: number): TestStep => {
  const { notificationId } = known;
  if (notificationId === undefined)
    return {
      kind: 'end',
      test: unknown(known, `The operator ended while it was sending. It may have been sent; to be sure, ${askAgain}.`),
    };
  if (readiness === 'stands') return { kind: 'ask', test: known, notificationId };
  if (readiness !== 'suspended' && readiness !== 'deleting' && !isLate(known, now)) return lookAgain(known, now);
  return { kind: 'end', test: unknown(known, `It was sent. What became of it was not asked: ${whyNot(readiness)}.`) };
};

const whyNot = (readiness: Readiness): string => {
  if (readiness === 'suspended') return 'spec.suspend is true';
  return readiness === 'deleting' ? 'the object is being deleted' : 'the action group does not stand any more';
};

const elapsed = ({ sentAt }: TestNotification, now: number): number => {
  const since = now - Date.parse(sentAt ?? '');
  return since > -gapMilliseconds ? Math.max(since, 0) : Infinity;
};
const isLate = (test: TestNotification, now: number): boolean => elapsed(test, now) >= patienceMilliseconds;

/** Comes again: soon at first, then more and more slowly, and once more when patience ends. */
const lookAgain = (test: TestNotification, now: number): TestStep => {
  const since = elapsed(test, now);
  const wait = Math.min(Math.max(since, firstLookMilliseconds), lastLookMilliseconds);
  return { kind: 'wait', test, milliseconds: Math.min(wait, patienceMilliseconds - since) };
};

/** What came of sending it. */
export type TestSent =
  | { readonly kind: 'accepted'; readonly notificationId: string | undefined }
  /** Surely nothing was sent. */
  | ({ readonly kind: 'refused' } & Trouble)
  /** The same, and a later try may go well. */
  | ({ readonly kind: 'later'; readonly milliseconds: number } & Trouble)
  /** Nobody knows. */
  | ({ readonly kind: 'open' } & Trouble);

interface Trouble {
  readonly message: string;
  /** For the log. */
  readonly cause: unknown;
}

/**
 * What to say, and when to come again, once it was tried to send it.
 * @param since when that was first tried
 */
export const afterTest = (test: TestNotification, sent: TestSent, since: number, now: number): TestStep => {
  const { sentAt: _, ...unsent } = test;
  const notSent = ({ message }: Trouble): TestStep => ({
    kind: 'end',
    test: { ...unsent, state: 'NotSent', message: `${cut(message, messageLimit - 100)} Then ${askAgain}.` },
  });
  switch (sent.kind) {
    case 'accepted':
      if (sent.notificationId === undefined)
        return { kind: 'end', test: unknown(test, 'It was sent. Azure did not say by which number to ask what became of it.') };
      return lookAgain({ ...test, notificationId: sent.notificationId, message: 'Azure is at it.' }, now);
    case 'refused':
      return notSent(sent);
    case 'later':
      if (now - since >= patienceMilliseconds) return notSent(sent);
      return {
        kind: 'wait',
        test: { ...unsent, state: 'Pending', message: cut(sent.message, messageLimit) },
        milliseconds: Math.max(sent.milliseconds, now - since),
      };
    case 'open':
      return {
        kind: 'end',
        test: unknown(test, `${cut(sent.message, messageLimit - 100)} It may have been sent; to be sure, ${askAgain}.`),
      };
  }
};

/** A receiver of the group, as far as it matters here. */
export interface Addressee {
  readonly kind: string;
  readonly name: string;
}

/** What Azure says of one receiver, in its own words. */
export interface ToldOfReceiver {
  readonly mechanism: string;
  readonly name: string;
  readonly status: string;
  readonly detail: string;
}

/** What Azure says of a test. */
export type TestAnswer =
  /** It is at it, or doesn't know of it yet. */
  | { readonly kind: 'running' }
  | { readonly kind: 'told'; readonly isOver: boolean; readonly receivers: readonly ToldOfReceiver[] }
  /** It won't say. */
  | { readonly kind: 'denied'; readonly message: string };

/**
 * What to say, and when to come again, once Azure was asked what became of it.
 * @param conceal takes out of texts what nobody may read; it is dear, so it gets many at once, and none too long
 */
export const afterQuestion = (
  test: TestNotification,
  answer: TestAnswer,
  addressees: readonly Addressee[],
  conceal: Conceal,
  now: number,
): TestStep => {
  if (answer.kind === 'denied') return { kind: 'end', test: unknown(test, cut(`It was sent. ${answer.message}`, messageLimit)) };
  const isOver = answer.kind === 'told' && answer.isOver;
  if (!isOver && !isLate(test, now)) return lookAgain(test, now);
  if (answer.kind === 'running' || (!isOver && answer.receivers.length === 0))
    return { kind: 'end', test: unknown(test, 'It was sent. Azure did not say within five minutes what became of it.') };
  const receivers = testedReceivers(answer.receivers, addressees, conceal);
  return { kind: 'end', test: { ...test, ...verdictOn(receivers), receivers: receivers.slice(0, receiversLimit) } };
};

type Conceal = (texts: readonly string[]) => readonly string[];

const order: readonly TestedReceiver['status'][] = ['Failed', 'Unknown', 'Succeeded'];
const inOrder = (one: TestedReceiver, other: TestedReceiver): number => order.indexOf(one.status) - order.indexOf(other.status);
const worst = (of: readonly TestedReceiver[]): readonly TestedReceiver[] => of.toSorted(inOrder).slice(0, 1);

/**
 * Each receiver that was addressed and what Azure says of it, the worst where it says several things; then those that Azure names besides.
 * Failures first. Only of as many as the schema has room for it says more than how they fared.
 */
const testedReceivers = (
  told: readonly ToldOfReceiver[],
  addressees: readonly Addressee[],
  conceal: Conceal,
): readonly TestedReceiver[] => {
  const byName = Map.groupBy(told, ({ name }) => name.toLowerCase());
  const tested = addressees.flatMap((addressee) => {
    const key = addressee.name.toLowerCase();
    const of = byName.get(key) ?? [undefined];
    byName.delete(key);
    return worst(of.map((each) => judged(addressee, each)));
  });
  const unasked = [...byName.values()].flatMap((of) => worst(of.map((each) => judged({ kind: kindOf(each), name: each.name }, each))));
  const names = conceal(unasked.map(({ name }) => cut(name, rawLimit)));
  const others = unasked.map((each, index) => Object.assign({}, each, { name: cut(names[index] ?? '', detailLimit) }));

  const all = [...tested, ...others].toSorted(inOrder);
  const details = conceal(all.slice(0, receiversLimit).map(({ detail = '' }) => cut(withoutAddresses(detail), rawLimit)));
  return all.map(({ kind, name, status }, index) => {
    const detail = cut(details[index] ?? '', detailLimit);
    return detail === '' ? { kind, name, status } : { kind, name, status, detail };
  });
};

const kindOf = ({ mechanism }: ToldOfReceiver): string => `${mechanism.charAt(0).toLowerCase()}${mechanism.slice(1)}`;

/** Azure's documentation says Completed, its answers were seen to say Succeeded. The detail is still in its own words. */
const judged = ({ kind, name }: Addressee, told: ToldOfReceiver | undefined): TestedReceiver => {
  if (!told) return { kind, name, status: 'Unknown', detail: 'Azure does not mention it.' };
  const { status, detail } = told;
  if (/^(succe|complete)/i.test(status)) return { kind, name, status: 'Succeeded' };
  if (/fail/i.test(status)) return { kind, name, status: 'Failed', detail };
  return { kind, name, status: 'Unknown', detail: `Azure says ${status || 'nothing'}${detail === '' ? '.' : `: ${detail}`}` };
};

/** Whole addresses go: the path of a webhook's is often the key to it. */
const withoutAddresses = (text: string): string =>
  cut(text, 4 * rawLimit)
    .replaceAll(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, '(address)')
    .replaceAll(/\s+/g, ' ')
    .trim();

const verdictOn = (receivers: readonly TestedReceiver[]): Pick<TestNotification, 'state' | 'message'> => {
  const of = (status: TestedReceiver['status']): readonly TestedReceiver[] => receivers.filter((each) => each.status === status);
  const [failed, open, served] = [of('Failed'), of('Unknown'), of('Succeeded')];
  const details = (some: readonly TestedReceiver[]): string =>
    some.map((each) => `${nameOf(each)}${each.detail === undefined ? '' : ` (${each.detail.replace(/\.$/, '')})`}`).join(', ');
  const said = [
    ...(failed.length > 0 ? [`not served ${details(failed)}`] : []),
    ...(open.length > 0 ? [`said nothing clear of ${details(open)}`] : []),
    ...(served.length > 0 ? [`served ${namesOf(served)}`] : []),
  ];
  const state = failed.length > 0 ? 'Failed' : open.length > 0 || served.length === 0 ? 'Unknown' : 'Succeeded';
  return { state, message: cut(`Azure has ${said.join('; ') || 'named no receiver'}.`, messageLimit) };
};

const nameOf = ({ kind, name }: Addressee): string => `${kind}[${name}]`;

/** `email[oncall@contoso.com], webhook[teams] and 3 more` */
export const namesOf = (addressees: readonly Addressee[]): string => {
  const named = addressees.slice(0, 10).map(nameOf).join(', ');
  return addressees.length > 10 ? `${named} and ${addressees.length - 10} more` : named;
};

const cut = (text: string, limit: number): string => (text.length > limit ? `${text.slice(0, limit - 1).toWellFormed()}…` : text);
