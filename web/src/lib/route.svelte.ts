/** Views are named after `#`, since the page lies at different addresses: `#/station/108` is ["station", "108"]. */
function parts(): string[] {
  const found = location.hash
    .replace(/^#\/?/, "")
    .split("?")[0]!
    .split("/")
    .filter(Boolean)
    .map(decodeURIComponent);
  return found.length ? found : ["now"];
}

let current = $state(parts());
addEventListener("hashchange", () => (current = parts()));

export function route(): string[] {
  return current;
}

export function link(...names: (string | number)[]): string {
  return `#/${names.map((name) => encodeURIComponent(name)).join("/")}`;
}

export function go(...names: (string | number)[]): void {
  location.hash = link(...names);
}
