import { keep, kept } from "./language.svelte";

export type Theme = "light" | "dark";

const root = document.documentElement;
let chosen = kept("kmaflow.theme") !== null;
let shown = $state<Theme>(root.dataset.theme === "dark" ? "dark" : "light");

function show(theme: Theme): void {
  shown = theme;
  root.dataset.theme = theme;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", (system) => {
  if (!chosen) show(system.matches ? "dark" : "light");
});

/** The theme that is shown: the one chosen last, else the browser's (`first.js` has set it before anything was drawn). */
export function theme(): Theme {
  return shown;
}

export function setTheme(next: Theme): void {
  chosen = true;
  show(next);
  keep("kmaflow.theme", next);
}

/** A colour of `app.css` by its name, for pictures drawn on a canvas; read again when the theme changes. */
export function colour(name: string): string {
  theme();
  return getComputedStyle(root).getPropertyValue(`--${name}`).trim();
}
