/** How the states of cells look: a colour and a pattern each, so that neither is needed alone. */
const LOOKS: Record<string, [paper: string, ink: string, pattern: Pattern]> = {
  present: ["#3f7fd1", "#3f7fd1", "plain"],
  blank: ["#c9d7ea", "#5d7696", "dots"],
  absent: ["#e4e0d2", "#8a8061", "rows"],
  empty: ["#e9e9e9", "#8b8b8b", "sparse"],
  not_yet_produced: ["#fbe08a", "#8a6400", "rising"],
  refused: ["#e4574d", "#5c0f0a", "cross"],
  rejected: ["#b05cc0", "#3d0c48", "falling"],
  not_asked: ["#f2a35e", "#7a3c00", "columns"],
  due_later: ["#f6f7f9", "#d5dbe3", "plain"],
  not_expected: ["#ffffff", "#eef0f3", "plain"],
};

type Pattern = "plain" | "dots" | "sparse" | "rows" | "columns" | "rising" | "falling" | "cross";

/** The tile of a state, 8 by 8, as a canvas: for patterns and for the legend. */
export function tile(state: string): HTMLCanvasElement {
  const [paper, ink, pattern] = LOOKS[state] ?? ["#888888", "#000000", "cross"];
  const made = document.createElement("canvas");
  made.width = made.height = 8;
  const pen = made.getContext("2d")!;
  pen.fillStyle = paper;
  pen.fillRect(0, 0, 8, 8);
  pen.fillStyle = pen.strokeStyle = ink;
  pen.lineWidth = 1.2;
  const line = (...points: number[]) => {
    pen.beginPath();
    pen.moveTo(points[0]!, points[1]!);
    pen.lineTo(points[2]!, points[3]!);
    pen.stroke();
  };
  if (pattern === "dots") [1, 5].forEach((x) => [1, 5].forEach((y) => pen.fillRect(x, y, 2, 2)));
  if (pattern === "sparse") pen.fillRect(3, 3, 2, 2);
  if (pattern === "rows") [1, 5].forEach((y) => pen.fillRect(0, y, 8, 1));
  if (pattern === "columns") [1, 5].forEach((x) => pen.fillRect(x, 0, 1.5, 8));
  if (pattern === "rising" || pattern === "cross") (line(0, 8, 8, 0), line(-2, 2, 2, -2), line(6, 10, 10, 6));
  if (pattern === "falling" || pattern === "cross") (line(0, 0, 8, 8), line(6, -2, 10, 2), line(-2, 6, 2, 10));
  return made;
}

/** How much of an hour is there: five steps, the darker the more is missing. */
const STEPS: [least: number, colour: string, ko: string, en: string][] = [
  [0.995, "#3f7fd1", "99.5% 이상", "99.5 % and more"],
  [0.95, "#9cc0ea", "95% 이상", "95 % and more"],
  [0.8, "#fbe08a", "80% 이상", "80 % and more"],
  [0.0001, "#f2a35e", "80% 미만", "less than 80 %"],
  [-1, "#b3251e", "없음", "nothing"],
];

export const SHARES = STEPS;

export function colourOf(share: number | null): string | null {
  return share === null ? null : STEPS.find(([least]) => share >= least)![1];
}
