import { listOf, part } from './expressions.ts';
import type { Piece } from './language.ts';
import { Refusal } from './refusal.ts';

/** As many rows as a query of Resource Graph gives inside an alert. */
export const mostRows = 1000;

// From "Query data in Azure Data Explorer and Azure Resource Graph from Azure Monitor", and from the documentation of log alert rules.
const lackedFunctions = ['arg_max', 'arg_min', 'avg', 'countif', 'percentile', 'bag_unpack', 'pivot', 'narrow'];

const piecesIn = (piece: Piece): Piece[] => [piece, ...[...Object.values(piece.parts), ...piece.items].flatMap(piecesIn)];

const faultOf = (piece: Piece): string | undefined => {
  if (piece.name === 'AggregatedValue') return "Azure's limit for alert rules, not the emulator's: the name 'AggregatedValue' is reserved.";
  if (piece.kind !== 'FunctionCallExpression') return undefined;
  const { name } = part(piece, 'Name');
  if (lackedFunctions.includes(name)) return `Azure's limit for alert rules, not the emulator's: their queries can't use '${name}()'.`;
  if (name === 'ago' && listOf(part(piece, 'ArgumentList')).some(({ kind }) => kind !== 'LiteralExpression'))
    return "Azure's limit for alert rules, not the emulator's: 'ago()' takes literals only.";
  return undefined;
};

/** Throws a refusal for what Azure documents that the query of an alert rule can't have. */
export const checkAlertLimits = (tree: Piece): void => {
  for (const piece of piecesIn(tree)) {
    const fault = faultOf(piece);
    if (fault !== undefined) throw new Refusal(fault);
  }
};
