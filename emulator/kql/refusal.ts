/** What stops a query from being compiled. Its message is for whoever sent the query. */
export class Refusal extends Error {
  override readonly name = 'Refusal' as const;
}

/** The refusal of a part of the language that the emulator lacks; `what` says its kind and its name. */
export const missing = (what: string): Refusal => new Refusal(`The emulator doesn't have ${what}.`);
