/** One language at a time: the one chosen last, else the browser's (`first.js` has set it before anything was drawn). */
export type Language = "ko" | "en";

let current = $state<Language>(document.documentElement.lang === "ko" ? "ko" : "en");

/** The text of the language that is shown. */
export function say(ko: string, en: string): string {
  return current === "ko" ? ko : en;
}

export function language(): Language {
  return current;
}

export function choose(chosen: Language): void {
  current = chosen;
  document.documentElement.lang = chosen;
  keep("kmaflow.language", chosen);
}

/** A choice that was remembered; null where there is none. */
export function kept(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** Remember a choice, where the browser lets us. */
export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // Private windows may refuse; the choice then holds until the page is closed.
  }
}
