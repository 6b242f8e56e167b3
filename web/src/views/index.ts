import type { Component } from "svelte";

export interface View {
  /** After `#/`. */
  name: string;
  title: [ko: string, en: string];
  /** Loaded when it is first opened. */
  load: () => Promise<{ default: Component }>;
}

export const VIEWS: View[] = [
  { name: "now", title: ["현황", "Now"], load: () => import("./Now.svelte") },
  { name: "map", title: ["지도", "Map"], load: () => import("./Map.svelte") },
  { name: "station", title: ["지점", "Station"], load: () => import("./Station.svelte") },
  { name: "completeness", title: ["완전성", "Completeness"], load: () => import("./Completeness.svelte") },
  { name: "work", title: ["작업", "Work"], load: () => import("./Work.svelte") },
  { name: "quality", title: ["품질", "Quality"], load: () => import("./Quality.svelte") },
];
