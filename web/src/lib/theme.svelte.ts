import { keep } from "./language.svelte";

export type Theme = "light" | "dark";

const system = matchMedia("(prefers-color-scheme: dark)");
const stored = document.documentElement.dataset.theme;
let chosen = $state<Theme | null>(stored === "light" || stored === "dark" ? stored : null);
let systemDark = $state(system.matches);
system.addEventListener("change", () => (systemDark = system.matches));

/** The theme that is shown: the chosen one, else the system's. */
export function theme(): Theme {
  return chosen ?? (systemDark ? "dark" : "light");
}

export function setTheme(next: Theme): void {
  chosen = next;
  document.documentElement.dataset.theme = next;
  keep("kmaflow.theme", next);
}

/** A colour of `app.css` by its name, for pictures drawn on a canvas. */
export function colour(name: string): string {
  theme();
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
