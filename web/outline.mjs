// Makes src/map/land.json, the land around Korea, of Natural Earth's countries at 1:10,000,000 (public domain), as npm's world-atlas holds them.
// Run by `npm run outline`; its result is committed.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { feature } from "topojson-client";

const [WEST, SOUTH, EAST, NORTH] = [122.5, 31.2, 133, 41.2];
const KOREA = "410";
/** Degrees: finer where the stations are. */
const COARSE = 0.02;
const FINE = 0.004;

const world = createRequire(import.meta.url)("world-atlas/countries-10m.json");
const countries = feature(world, world.objects.countries).features;

/** Sutherland–Hodgman, edge by edge. */
function clipped(ring) {
  const edges = [
    [(p) => p[0] >= WEST, 0, WEST],
    [(p) => p[0] <= EAST, 0, EAST],
    [(p) => p[1] >= SOUTH, 1, SOUTH],
    [(p) => p[1] <= NORTH, 1, NORTH],
  ];
  return edges.reduce((points, [inside, axis, at]) => {
    const kept = [];
    points.forEach((point, index) => {
      const before = points[(index + points.length - 1) % points.length];
      if (inside(point) !== inside(before)) {
        const share = (at - before[axis]) / (point[axis] - before[axis]);
        kept.push([before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1])]);
      }
      if (inside(point)) kept.push(point);
    });
    return kept;
  }, ring);
}

/** Douglas–Peucker. */
function simplified(points, tolerance) {
  if (points.length < 3) return points;
  const [[x1, y1], [x2, y2]] = [points[0], points.at(-1)];
  const length = Math.hypot(x2 - x1, y2 - y1);
  let [farthest, at] = [0, 0];
  for (let index = 1; index < points.length - 1; index++) {
    const [x, y] = points[index];
    const away = length ? Math.abs((x2 - x1) * (y1 - y) - (x1 - x) * (y2 - y1)) / length : Math.hypot(x - x1, y - y1);
    if (away > farthest) [farthest, at] = [away, index];
  }
  if (farthest <= tolerance) return [points[0], points.at(-1)];
  return [...simplified(points.slice(0, at + 1), tolerance).slice(0, -1), ...simplified(points.slice(at), tolerance)];
}

function rings(country) {
  const { type, coordinates } = country.geometry;
  const tolerance = country.id === KOREA ? FINE : COARSE;
  return (type === "Polygon" ? [coordinates] : coordinates)
    .map(([outer]) => clipped(outer.slice(0, -1)))
    .filter((ring) => ring.length > 2)
    .map((ring) => simplified([...ring, ring[0]], tolerance).map((p) => p.map((degrees) => Math.round(degrees * 1000) / 1000)))
    .filter((ring) => ring.length > 3)
    .map((ring) => [ring]);
}

const features = countries
  .map((country) => ({ id: country.id, coordinates: rings(country) }))
  .filter((one) => one.coordinates.length)
  .map((one) => ({
    type: "Feature",
    properties: { name: one.id === KOREA ? "korea" : `beyond-${one.id}` },
    geometry: { type: "MultiPolygon", coordinates: one.coordinates },
  }));
writeFileSync("src/map/land.json", `${JSON.stringify({ type: "FeatureCollection", features })}\n`);
