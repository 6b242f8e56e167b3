import { svelte } from "@sveltejs/vite-plugin-svelte";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

/** What the build is made of: a test compares it with the sources without building them. */
function sources(): string {
  const digest = createHash("sha256");
  const inside = readdirSync("src", { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`);
  for (const path of [...inside, "index.html", "package-lock.json", "package.json", "public/first.js", "vite.config.ts"].sort()) {
    digest.update(path).update("\0").update(readFileSync(path));
  }
  return digest.digest("hex");
}

const recorded: Plugin = {
  name: "sources",
  generateBundle() {
    this.emitFile({ type: "asset", fileName: "sources.sha256", source: `${sources()}\n` });
  },
};

export default defineConfig({
  base: "./",
  plugins: [svelte(), recorded],
  build: {
    outDir: "../src/kmaflow/web/static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
    license: { fileName: "licenses.md" },
  },
});
