// Painting of a waveform: columns of loudness, hatched stretches. Colours are the elements' own, by the style sheet.

const HATCH_PX = 5;
const QUIET = 0.62;

/** By channel: { peaks, levels, point_ms, loudest } of the API's answer. */
export function laneShapes({ channels, point_ms }) {
  return new Map(channels.map(({ channel, peaks, levels }) => {
    const shape = { peaks: bytesOf(peaks), levels: bytesOf(levels), point_ms };
    return [channel, { ...shape, loudest: shape.peaks.reduce((most, each) => Math.max(most, each), 0) }];
  }));
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** Fits a canvas to its place in the screen's own pixels; null where it is not shown. */
function prepared(canvas) {
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((size) => Math.round(size * devicePixelRatio));
  if (!width || !height) return null;
  canvas.width = width;
  canvas.height = height;
  const paper = canvas.getContext("2d");
  paper.fillStyle = paper.strokeStyle = getComputedStyle(canvas).color;
  return { paper, width, height };
}

/** One channel: loudest samples light, mean loudness solid; where nothing is known yet, when somebody spoke. */
export function paintLane(canvas, { shape, loudest, duration, spans, stretches }) {
  const made = prepared(canvas);
  if (!made) return;
  const { paper, width, height } = made;
  const middle = height / 2;
  paper.fillRect(0, Math.round(middle) - 0.5, width, 1);
  const tall = (value) => Math.max(value ? 1 : 0, (value / loudest) ** QUIET * (height - 2));
  for (let column = 0; shape && column < width; column++) {
    const [from, to] = [column, column + 1].map((each) => (each / width) * duration / shape.point_ms);
    const { peak, level } = stretchOf(shape, Math.floor(from), Math.max(Math.floor(from) + 1, Math.floor(to)));
    paper.globalAlpha = 0.45;
    paper.fillRect(column, middle - tall(peak) / 2, 1, tall(peak));
    paper.globalAlpha = 1;
    paper.fillRect(column, middle - tall(level) / 2, 1, tall(level));
  }
  const across = (ms) => (Math.min(ms, duration) / duration) * width;
  if (!shape) for (const { start_ms, end_ms } of spans) paper.fillRect(across(start_ms), height * 0.3, Math.max(1, across(end_ms) - across(start_ms)), height * 0.4);
  for (const { kind, start_ms, end_ms } of stretches) cover(made, across(start_ms), across(end_ms ?? duration), kind === "bleep");
}

function stretchOf({ peaks, levels }, from, to) {
  let [peak, sum] = [0, 0];
  const end = Math.min(to, peaks.length);
  for (let at = from; at < end; at++) {
    peak = Math.max(peak, peaks[at]);
    sum += levels[at] ** 2;
  }
  return { peak, level: end > from ? Math.sqrt(sum / (end - from)) : 0 };
}

/** Both channels: where they speak at once is solid, where nobody does is a line between two ends. */
export function paintStrip(canvas, stretches, duration) {
  const made = prepared(canvas);
  if (!made) return;
  const { paper, width, height } = made;
  for (const { kind, start_ms, end_ms } of stretches) {
    const [left, right] = [start_ms, end_ms].map((ms) => (Math.min(ms, duration) / duration) * width);
    const long = Math.max(devicePixelRatio, right - left);
    if (kind === "overtalk") paper.fillRect(left, 0, long, height);
    else bracket(paper, left, left + long, height);
  }
}

function bracket(paper, left, right, height) {
  const thin = Math.max(1, devicePixelRatio);
  paper.globalAlpha = 0.7;
  paper.fillRect(left, height / 2 - thin / 2, right - left, thin);
  for (const end of [left, right - thin]) paper.fillRect(end, 0, thin, height);
  paper.globalAlpha = 1;
}

/** A bleep is hatched over its tone, a pause over silence, with a frame. */
function cover({ paper, height }, left, right, dense) {
  const wide = Math.max(2, right - left);
  paper.clearRect(left, 0, wide, height);
  paper.save();
  paper.beginPath();
  paper.rect(left, 0, wide, height);
  paper.clip();
  paper.lineWidth = Math.max(1, devicePixelRatio * (dense ? 1.6 : 1));
  paper.globalAlpha = dense ? 0.8 : 0.5;
  for (let from = left - height; from < left + wide; from += HATCH_PX * devicePixelRatio) {
    paper.beginPath();
    paper.moveTo(from, height);
    paper.lineTo(from + height, 0);
    paper.stroke();
  }
  paper.restore();
}
