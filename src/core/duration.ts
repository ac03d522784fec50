const kubernetesUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of a Go-style duration such as `30s`, `10m` or `1h30m`. Undefined when it is not one. */
export const parseDuration = (text: string): number | undefined => {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (kubernetesUnits[unit ?? ''] ?? 0),
    0,
  );
};

/** Minutes of an ISO 8601 duration as Azure writes it (`PT60M`, `PT1H`, `P1D`). Undefined when it is not one. */
export const isoMinutes = (text: string): number | undefined => {
  const match = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/i.exec(text);
  if (!match || text.length < 3) return undefined;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return (days ?? 0) * 1440 + (hours ?? 0) * 60 + (minutes ?? 0) + (seconds ?? 0) / 60;
};

/** The ISO 8601 form that Azure's own examples use: whole days, else whole hours, else minutes. */
export const toIso = (minutes: number): string => {
  if (minutes % 1440 === 0) return `P${minutes / 1440}D`;
  return minutes % 60 === 0 ? `PT${minutes / 60}H` : `PT${minutes}M`;
};
