/** Whether the API server would take it as the name of a namespace. */
export const isNamespace = (text: string): boolean => /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(text);

/** Reads names separated by commas. `otherwise` says what it means to leave the flag out, for one that names nothing. */
export const readNamespaces = (text: string, name: string, otherwise: string, mistakes: string[]): readonly string[] => {
  const namespaces = [...new Set(text.split(',').map((each) => each.trim()))].filter((each) => each !== '');
  if (namespaces.length === 0 && text !== '')
    mistakes.push(`${name} is "${text}", which names no namespace: leave it out to ${otherwise}.`);
  for (const each of namespaces)
    if (!isNamespace(each)) mistakes.push(`${name} names "${each}", which can't be a namespace: write names separated by commas.`);
  return namespaces;
};
