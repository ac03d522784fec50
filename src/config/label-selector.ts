const label = '[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?';
const labelKey = `([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?${label}`;
const labelValue = `(${label})?`;
const requirement = [
  `!?\\s*${labelKey}`,
  `${labelKey}\\s*(=|==|!=)\\s*${labelValue}`,
  `${labelKey}\\s+(in|notin)\\s*\\(\\s*${labelValue}(\\s*,\\s*${labelValue})*\\s*\\)`,
].join('|');
const labelSelector = new RegExp(`^\\s*(${requirement})(\\s*,\\s*(${requirement}))*\\s*$`);

/** Whether the API server would take it: `a=b`, `a!=b`, `a in (b, c)`, `a notin (b)`, `a`, `!a`, joined by commas. */
export const isLabelSelector = (text: string): boolean => text.length <= 1000 && labelSelector.test(text);
