import { actionMatches } from '../authorization.ts';
import { isGuid } from '../resource-id.ts';

/** What a role assignment says about itself that conditions may ask for. */
export interface AssignmentAttributes {
  /** The GUID alone. */
  readonly roleDefinitionId: string;
  readonly principalId: string;
  readonly principalType?: string | undefined;
}

/** What a condition judges: an action and, for writing and deleting role assignments, what is written and what is there. */
export interface Attempt {
  readonly action: string;
  readonly request?: AssignmentAttributes | undefined;
  readonly resource?: AssignmentAttributes | undefined;
}

/** Whether an attempt fulfils a condition. */
export type Condition = (attempt: Attempt) => boolean;

/** A condition that can't be read; the message names what isn't known. */
class ConditionError extends Error {
  override readonly name = 'ConditionError' as const;
}

const tokenPattern = /\s*(?:(?<token>[(){},!]|&&|\|\||'[^']*'|@\w+\[[^\]]*\]|\w[\w:-]*)|$)/uy;

const tokensOf = (text: string): string[] => {
  const tokens: string[] = [];
  for (let at = 0; at < text.length; at = tokenPattern.lastIndex) {
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(text);
    if (match === null) throw new ConditionError(`the text '${text.slice(at).trim().slice(0, 40)}' is not understood`);
    if (match.groups?.['token'] !== undefined) tokens.push(match.groups['token']);
  }
  return tokens;
};

/** The tokens still to be read. */
interface Reader {
  readonly peek: () => string;
  readonly take: () => string;
  readonly expect: (token: string) => void;
}

const readerOf = (tokens: readonly string[]): Reader => {
  let position = 0;
  const peek = (): string => tokens[position] ?? 'end of the condition';
  const take = (): string => {
    const token = peek();
    position += 1;
    return token;
  };
  return {
    peek,
    take,
    expect: (token) => {
      const found = take();
      if (found !== token) throw new ConditionError(`'${token}' is missing before '${found}'`);
    },
  };
};

const attributes = { roledefinitionid: 'roleDefinitionId', principalid: 'principalId', principaltype: 'principalType' } as const;
type Attribute = (typeof attributes)[keyof typeof attributes];

const isAttributeName = (name: string): name is keyof typeof attributes => Object.hasOwn(attributes, name);

const readAttribute = (token: string): { source: 'request' | 'resource'; attribute: Attribute } => {
  const match = /^@(?<source>request|resource)\[microsoft\.authorization\/roleassignments:(?<name>\w+)\]$/u.exec(token.toLowerCase());
  const { source, name = '' } = match?.groups ?? {};
  if (source === undefined || !isAttributeName(name)) throw new ConditionError(`the attribute '${token}' is not known here`);
  return { source: source === 'request' ? 'request' : 'resource', attribute: attributes[name] };
};

type Comparison = (left: string, right: string) => boolean;

const sameText: Comparison = (left, right) => left === right;
const sameWord: Comparison = (left, right) => left.toLowerCase() === right.toLowerCase();

const guidComparisons: Readonly<Record<string, Comparison>> = {
  guidequals: sameWord,
  guidnotequals: (left, right) => !sameWord(left, right),
};
const textComparisons: Readonly<Record<string, Comparison>> = { stringequals: sameText, stringequalsignorecase: sameWord };

const readValues = (reader: Reader): string[] => {
  const readValue = (): string => {
    const token = reader.take();
    if (token.startsWith("'")) return token.slice(1, -1);
    if (!isGuid(token)) throw new ConditionError(`the value '${token}' is neither in quotes nor a GUID`);
    return token;
  };
  if (reader.peek() !== '{') return [readValue()];
  reader.take();
  const values = [readValue()];
  while (reader.peek() === ',') {
    reader.take();
    values.push(readValue());
  }
  reader.expect('}');
  return values;
};

const readComparison = (reader: Reader): Condition => {
  const { source, attribute } = readAttribute(reader.take());
  const operator = reader.take();
  const { quantifier, name = '' } = /^(?:(?<quantifier>\w+):)?(?<name>\w+)$/u.exec(operator.toLowerCase())?.groups ?? {};
  const isGuidAttribute = attribute !== 'principalType';
  const compare = (isGuidAttribute ? guidComparisons : textComparisons)[name];
  const isKnownQuantifier = quantifier === undefined || quantifier === 'foranyofanyvalues' || quantifier === 'foranyofallvalues';
  if (compare === undefined || !isKnownQuantifier) throw new ConditionError(`the operator '${operator}' is not known for ${attribute}`);
  const values = readValues(reader);
  if (quantifier === undefined && values.length > 1) throw new ConditionError(`the operator '${operator}' takes one value`);
  const odd = isGuidAttribute ? values.find((value) => !isGuid(value)) : undefined;
  if (odd !== undefined) throw new ConditionError(`the value '${odd}' is not a GUID`);
  return (attempt) => {
    const actual = attempt[source]?.[attribute];
    // What isn't there equals nothing, nor does it differ from anything.
    if (actual === undefined) return false;
    return quantifier === 'foranyofallvalues'
      ? values.every((value) => compare(actual, value))
      : values.some((value) => compare(actual, value));
  };
};

const readActionMatches = (reader: Reader): Condition => {
  reader.expect('{');
  const pattern = reader.take();
  if (!pattern.startsWith("'")) throw new ConditionError(`ActionMatches takes an action in quotes, not '${pattern}'`);
  reader.expect('}');
  return ({ action }) => actionMatches(pattern.slice(1, -1), action);
};

const readTerm = (reader: Reader): Condition => {
  const token = reader.peek();
  if (token.startsWith('@')) return readComparison(reader);
  reader.take();
  if (token === '!') {
    const inner = readTerm(reader);
    return (attempt) => !inner(attempt);
  }
  if (token === '(') {
    const inner = readAny(reader);
    reader.expect(')');
    return inner;
  }
  if (token.toLowerCase() === 'actionmatches') return readActionMatches(reader);
  throw new ConditionError(`'${token}' is not known here`);
};

const readAll = (reader: Reader): Condition => {
  const parts = [readTerm(reader)];
  while (reader.peek().toUpperCase() === 'AND') {
    reader.take();
    parts.push(readTerm(reader));
  }
  return (attempt) => parts.every((part) => part(attempt));
};

const readAny = (reader: Reader): Condition => {
  const parts = [readAll(reader)];
  while (reader.peek().toUpperCase() === 'OR') {
    reader.take();
    parts.push(readAll(reader));
  }
  return (attempt) => parts.some((part) => part(attempt));
};

const known = new Map<string, Condition>();

/**
 * Reads a condition of Azure's language for role assignments, or throws an error that names what it doesn't know. Of the language it knows what delegates the right
 * to assign roles: `ActionMatches`; role, principal and principal type of `@Request` and `@Resource`; equality of GUIDs and texts, for any or
 * all of several values; `AND` before `OR`, `!`, and parentheses.
 */
export const readCondition = (text: string): Condition => {
  const found = known.get(text);
  if (found !== undefined) return found;
  const tokens = tokensOf(text);
  const reader = readerOf([...tokens, 'end of the condition']);
  const condition = readAny(reader);
  reader.expect('end of the condition');
  known.set(text, condition);
  return condition;
};

/** What of a condition can't be read, if anything. */
export const conditionFault = (text: string): string | undefined => {
  try {
    readCondition(text);
    return undefined;
  } catch (error) {
    if (error instanceof ConditionError) return error.message;
    throw error;
  }
};
