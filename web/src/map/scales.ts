/** Colours as KMA's maps have them: each holds from its bound up to the next one; the first also below. */
export interface Scale {
  bounds: number[];
  colours: string[];
  digits: number;
  /** Between two bounds there is a mixture of their colours. */
  smooth?: boolean;
}

const TEMPERATURE: Scale = {
  bounds: [-20, -16, -12, -8, -4, 0, 4, 8, 12, 16, 20, 24, 28, 32, 36],
  colours: [
    "#4b2a8c", "#3b3fb0", "#2c62d0", "#2f8ae6", "#5ab4f2", "#9bdcf7", "#7fd6b0", "#4fb96a", "#8fcb4b", "#d3de4a", "#f8dc3f", "#f9b233",
    "#f47f2a", "#e2452b", "#a81c3a",
  ],
  digits: 1,
  smooth: true,
};

/** The colours of KMA's radar: blue, green, yellow, red, purple, navy. */
const rain = (bounds: number[]): Scale => ({
  bounds,
  colours: ["#8fd9f7", "#35b6f2", "#1378e8", "#3ddc4f", "#12a62c", "#0a7120", "#fff15a", "#f5cb12", "#e59a0c", "#ff5d2e", "#d31919", "#c26bf0", "#8a1fd1", "#2b1f8f"],
  digits: 1,
});

const WIND: Scale = {
  bounds: [0, 1, 2, 4, 6, 9, 12, 15, 18, 21, 25],
  colours: ["#b9c6d3", "#8fb8de", "#4f9be0", "#2fb37c", "#7bc043", "#f2d13a", "#f5a02c", "#ec6b2a", "#d9342b", "#a81c5a", "#6b1a8f"],
  digits: 1,
};

const HUMIDITY: Scale = {
  bounds: [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95],
  colours: ["#8c4a12", "#b06a22", "#d19344", "#e8bf7e", "#f1dfb5", "#d8ecd0", "#a5dbb4", "#66c5a5", "#35a5b4", "#2479b8", "#1f4ca3"],
  digits: 0,
  smooth: true,
};

const VISIBILITY: Scale = {
  bounds: [0, 200, 500, 1000, 2000, 4000, 6000, 10_000, 15_000, 20_000],
  colours: ["#7a1fa2", "#c2185b", "#e53935", "#fb8c00", "#fdd835", "#c0ca33", "#7cb342", "#26a69a", "#29a3e0", "#a8d8f5"],
  digits: 0,
};

export interface Drawn {
  /** As `/v1/frames` calls it. */
  element: string;
  dataset: string;
  title: [ko: string, en: string];
  scale: Scale;
  /** Below it there is nothing to be coloured: a dry station. */
  from?: number;
  arrows?: boolean;
}

export const DRAWN: Drawn[] = [
  { element: "ta", dataset: "aws_minute", title: ["기온", "Temperature"], scale: TEMPERATURE },
  {
    element: "rain_10min",
    dataset: "aws_minute",
    title: ["10분 강수", "Rain, 10 min"],
    scale: rain([0.1, 0.3, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7, 10, 15, 20]),
    from: 0.05,
  },
  {
    element: "rn_60m",
    dataset: "aws_minute",
    title: ["1시간 강수", "Rain, 1 h"],
    scale: rain([0.1, 0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100]),
    from: 0.05,
  },
  {
    element: "rn_day",
    dataset: "aws_minute",
    title: ["일강수", "Rain, day"],
    scale: rain([0.1, 1, 3, 5, 10, 20, 30, 50, 80, 110, 150, 200, 300, 400]),
    from: 0.05,
  },
  { element: "wind", dataset: "aws_minute", title: ["바람", "Wind"], scale: WIND, arrows: true },
  { element: "hm", dataset: "aws_minute", title: ["습도", "Humidity"], scale: HUMIDITY },
  { element: "vis1", dataset: "aws_visibility", title: ["시정", "Visibility"], scale: VISIBILITY },
];

/** The colour of a value; null where there is nothing to be coloured. */
export function colourOf(drawn: Drawn, value: number): string | null {
  if (drawn.from !== undefined && value < drawn.from) return null;
  const { bounds, colours } = drawn.scale;
  let index = 0;
  while (index + 1 < bounds.length && value >= bounds[index + 1]!) index += 1;
  const [here, next] = [colours[index]!, colours[index + 1]];
  if (!drawn.scale.smooth || !next || value <= bounds[0]!) return here;
  return mixed(here, next, (value - bounds[index]!) / (bounds[index + 1]! - bounds[index]!));
}

function mixed(one: string, other: string, share: number): string {
  const channel = (start: number) => {
    const [a, b] = [parseInt(one.slice(start, start + 2), 16), parseInt(other.slice(start, start + 2), 16)];
    return Math.round(a + share * (b - a));
  };
  return `rgb(${channel(1)},${channel(3)},${channel(5)})`;
}
