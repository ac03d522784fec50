import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants, createContext, runInContext } from 'node:vm';
import { table, tableColumns, type Column } from './schema.ts';

/** What Microsoft's analysis has against a query. */
export interface Diagnostic {
  readonly code: string;
  readonly message: string;
  readonly start: number;
  readonly length: number;
}

/** How the table is named: `arg("").…` in the query of an alert rule, by itself in Resource Graph's own API. */
export type QueryForm = 'alert' | 'direct';

/** A piece of a query as plain data, so that nothing else has to know the parser's own objects. */
export interface Piece {
  /** The parser's class: `BinaryExpression`, `SortOperator`, …; `Token` for what has no parts. */
  readonly kind: string;
  /** As it is written. */
  readonly text: string;
  /** The type of its value, as Kusto names it; empty when it has none. */
  readonly type: string;
  /** The name that it declares or refers to, without quotes and brackets. */
  readonly name: string;
  /** What the text of a string literal says. */
  readonly value: unknown;
  /** The columns of the table that it gives. */
  readonly columns: readonly Column[];
  /** What it consists of, by role: `Left`, `Operator`, `Right`, … */
  readonly parts: Readonly<Record<string, Piece>>;
  /** What it lists. */
  readonly items: readonly Piece[];
}

/** A query that was read: what it consists of, or what is wrong with it. */
export type Reading = { readonly tree: Piece } | { readonly diagnostics: readonly [Diagnostic, ...(readonly Diagnostic[])] };

// What is used of the parser, which is C# made into JavaScript: constructors are members, and collections have to be walked by hand.

interface TypeSymbol {
  readonly Name: string;
  readonly Columns?: object;
}

interface Element {
  readonly IsToken: boolean;
  /** A number for the finer kind: a literal's says its type. */
  readonly Kind: number;
  readonly ChildCount: number;
  readonly GetChild: (index: number) => Element | null;
  readonly NameInParent: string | null;
  readonly TextStart: number;
  readonly End: number;
  readonly Text: string;
  readonly Value: unknown;
  readonly SimpleName?: string;
  readonly ResultType?: TypeSymbol | null;
  readonly constructor: { readonly $$name: string };
}

type Made = new (...parameters: readonly unknown[]) => object;

interface Globals {
  readonly WithDatabase: (database: object) => Globals;
  readonly WithFunctions: (functions: readonly object[]) => Globals;
  readonly Functions: object;
}

interface Parsed {
  readonly Syntax: Element;
  readonly GetDiagnostics: () => object;
}

interface Language {
  readonly GlobalState: { readonly Default: Globals };
  readonly KustoCode: {
    readonly Parse: (text: string) => Parsed;
    readonly ParseAndAnalyze: (text: string, globals: Globals) => Parsed;
  };
  readonly Symbols: {
    readonly TableSymbol: { readonly $ctor7: Made };
    readonly DatabaseSymbol: { readonly ctor: Made };
    readonly FunctionSymbol: { readonly $ctor5: Made };
    readonly Parameter: { readonly $ctor2: Made };
    readonly ScalarTypes: { readonly String: object };
  };
}

interface Bridge {
  readonly getEnumerator: (collection: object) => { readonly moveNext: () => boolean; readonly Current: unknown };
}

interface Loaded {
  readonly bridge: Bridge;
  readonly language: Language;
  readonly globals: Readonly<Record<QueryForm, Globals>>;
}

const listed = <Item>(bridge: Bridge, collection: object): Item[] => {
  const items: Item[] = [];
  const enumerator = bridge.getEnumerator(collection);
  while (enumerator.moveNext()) items.push(enumerator.Current as Item);
  return items;
};

const globalsOf = (bridge: Bridge, { GlobalState, Symbols }: Language): Loaded['globals'] => {
  // Without the brackets some names, like `kind`, would be taken for keywords, and what is behind them wouldn't be read.
  const columns = tableColumns.map(({ name, type }) => `['${name}']: ${type}`).join(', ');
  const database = new Symbols.DatabaseSymbol.ctor('arg', [new Symbols.TableSymbol.$ctor7(table, `(${columns})`, null)]);
  const parameter = new Symbols.Parameter.$ctor2('subscriptions', Symbols.ScalarTypes.String);
  const arg = new Symbols.FunctionSymbol.$ctor5('arg', database, [parameter]);
  const plain = GlobalState.Default;
  return {
    direct: plain.WithDatabase(database),
    alert: plain.WithFunctions([...listed<object>(bridge, plain.Functions), arg]),
  };
};

let loaded: Loaded | undefined;

/**
 * Microsoft's own parser and analysis of the Kusto language. It is made for browsers and leaves its names in the global object, so it gets one
 * of its own. Loading and the first query take about a second and a hundred megabytes: only who asks about a query pays.
 */
const load = (): Loaded => {
  if (loaded !== undefined) return loaded;
  const require = createRequire(import.meta.url);
  const context = createContext(constants.DONT_CONTEXTIFY);
  runInContext('var window = this; window.addEventListener = () => {};', context);
  const files = [
    require.resolve('@kusto/language-service-next/bridge.min.js'),
    require.resolve('@kusto/language-service-next/Kusto.Language.Bridge.min.js'),
  ];
  for (const filename of files) runInContext(readFileSync(filename, 'utf8'), context, { filename });
  const { Bridge: bridge, Kusto } = context as unknown as { Bridge: Bridge; Kusto: { Language: Language } };
  loaded = { bridge, language: Kusto.Language, globals: globalsOf(bridge, Kusto.Language) };
  return loaded;
};

/** The name of a class: what it is a list of, if it is one, stands behind it. */
const kindOf = ({ IsToken, constructor }: Element): string =>
  IsToken ? 'Token' : (/^Kusto\.Language\.Syntax\.(?<kind>[A-Za-z]+)/u.exec(constructor.$$name)?.groups?.['kind'] ?? '');

const childrenOf = (element: Element): Element[] =>
  Array.from({ length: element.ChildCount }, (_, index) => element.GetChild(index)).filter((child) => child !== null);

const columnsOf = (bridge: Bridge, collection: object): Column[] =>
  listed<{ Name: string; Type: TypeSymbol }>(bridge, collection).map(({ Name, Type }) => ({ name: Name, type: Type.Name }));

const lists = ['SyntaxList', 'SeparatedElement'];

const pieceOf = (element: Element, text: string, bridge: Bridge): Piece => {
  const kind = kindOf(element);
  const children = childrenOf(element);
  const [first] = children;
  if (kind === 'SeparatedElement' && first !== undefined) return pieceOf(first, text, bridge);
  const type = element.ResultType;
  const inside = children.map((child) => [child.NameInParent ?? '', pieceOf(child, text, bridge)] as const);
  return {
    kind,
    text: text.slice(element.TextStart, element.End),
    type: type?.Name ?? '',
    name: element.SimpleName ?? '',
    value: element.IsToken ? element.Value : undefined,
    columns: type?.Columns === undefined ? [] : columnsOf(bridge, type.Columns),
    parts: lists.includes(kind) ? {} : Object.fromEntries(inside),
    items: lists.includes(kind) ? inside.map(([, piece]) => piece) : [],
  };
};

/** What Microsoft's parser and analysis have to say, warnings and hints among it. */
const diagnosticsOf = (parsed: Parsed, bridge: Bridge): (Diagnostic & { readonly isError: boolean })[] =>
  listed<{ Code: string; Message: string; Severity: string; Start: number; Length: number }>(bridge, parsed.GetDiagnostics()).map(
    ({ Code, Message, Severity, Start, Length }) => ({
      code: Code,
      message: Message,
      start: Start,
      length: Length,
      isError: Severity === 'Error',
    }),
  );

/** Reads a query. What is nested too deeply for reading is among what Microsoft's analysis finds wrong. */
export const read = (text: string, form: QueryForm): Reading => {
  const { bridge, language, globals } = load();
  const parsed = language.KustoCode.ParseAndAnalyze(text, globals[form]);
  const [first, ...more] = diagnosticsOf(parsed, bridge).filter(({ isError }) => isError);
  return first === undefined ? { tree: pieceOf(parsed.Syntax, text, bridge) } : { diagnostics: [first, ...more] };
};

/** What Microsoft's parser and analysis, which know the table, have to say of a query, warnings too: nothing when it is right. */
export const diagnose = (text: string, form: QueryForm): readonly Diagnostic[] => {
  const { bridge, language, globals } = load();
  const found = diagnosticsOf(language.KustoCode.ParseAndAnalyze(text, globals[form]), bridge);
  return found.map(({ code, message, start, length }) => ({ code, message, start, length }));
};

const shapeOfElement = (element: Element): string => {
  if (element.IsToken) return element.Text;
  const kind = kindOf(element);
  if (kind === 'LiteralExpression') return `literal ${element.Kind}`;
  if (kind === 'BracketedName') return JSON.stringify(element.SimpleName);
  return `${kind}(${childrenOf(element)
    .map((child) => shapeOfElement(child))
    .join(' ')})`;
};

/** The syntax tree of a query as a text that leaves out what literals say: queries that differ in nothing else have the same. */
export const shapeOf = (text: string): string => shapeOfElement(load().language.KustoCode.Parse(text).Syntax);
