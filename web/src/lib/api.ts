import { answered, failed, loggedOut } from "./connection.svelte";
import { language } from "./language.svelte";

/** What went wrong, in the language of the page, as the server's problem details say it. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly wayOut: string,
  ) {
    super(message);
  }
}

export type Parameters = Record<string, string | number | boolean | null | undefined>;

/** The address of a route, relative to the page: `../v1/series?…`. */
export function address(path: string, parameters: Parameters = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined) query.set(name, String(value));
  }
  return `../${path}${query.size ? `?${query}` : ""}`;
}

/**
 * What a route answers.
 *
 * @throws ApiError: it refused, or nobody answered (status 0).
 */
export async function ask<T>(path: string, parameters: Parameters = {}, signal?: AbortSignal): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(address(path, parameters), { headers: { "Accept-Language": language() }, signal: signal ?? null });
  } catch (error) {
    if (signal?.aborted) throw error;
    failed();
    throw new ApiError(0, "", "");
  }
  if (answer.status >= 502) failed();
  else answered();
  if (answer.ok) return (await answer.json()) as T;
  if (answer.status === 401) loggedOut();
  const problem = (await answer.json().catch(() => ({}))) as { detail?: string; way_out?: string };
  throw new ApiError(answer.status, problem.detail ?? answer.statusText, problem.way_out ?? "");
}

/** Log in with a token; what went wrong, or null. */
export async function login(token: string): Promise<string | null> {
  try {
    const answer = await fetch("../login", {
      method: "POST",
      headers: { "Content-Type": "application/json", "Accept-Language": language() },
      body: JSON.stringify({ token }),
    });
    if (answer.ok) return null;
    return ((await answer.json()) as { detail: string }).detail;
  } catch {
    failed();
    return "";
  }
}

export async function logout(): Promise<void> {
  await fetch("../logout", { method: "POST" });
  loggedOut();
}
