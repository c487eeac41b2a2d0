// @ts-check
// All that the page asks of the vault goes through here: the same page will run on a core in the browser one day.

/** A call that did not come to its end. */
export class Failed extends Error {
  /** @param {number} status @param {string} code @param {string} message */
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/**
 * @param {string} path
 * @param {unknown} [body] sent as JSON when given
 * @returns {Promise<any>}
 */
async function call(path, body) {
  /** @type {RequestInit} */
  const init = body === undefined
    ? {}
    : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  let answer;
  try {
    answer = await fetch(path, init);
  } catch {
    throw new Failed(0, "gone", "The program does not answer any more. Start `memoryvault web` again; what was acknowledged is saved.");
  }
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const error = value.error ?? {};
    throw new Failed(answer.status, error.code ?? "failed", error.message ?? `The program answered ${answer.status}.`);
  }
  return value;
}

export const status = () => call("/api/status");
export const decks = () => call("/api/decks");
export const keys = () => call("/api/keys");
export const present = () => call("/api/study");
/** @param {{decks?: string[], query?: string, ahead?: number, cram?: boolean}} wish */
export const begin = (wish) => call("/api/study", wish);
/** @param {string} name @param {string} card */
export const step = (name, card) => call(`/api/study/${name}`, { card });

/**
 * Answers a card. Tried again once when the line broke: the request has a name, so that it counts once.
 * @param {string} card @param {number} grade @param {number} response_ms @param {number | null} difficulty
 */
export async function answer(card, grade, response_ms, difficulty) {
  const body = { request: crypto.randomUUID(), card, grade, response_ms: Math.round(response_ms), difficulty };
  try {
    return await call("/api/study/answer", body);
  } catch (error) {
    if (error instanceof Failed && error.code === "gone") return call("/api/study/answer", body);
    throw error;
  }
}
