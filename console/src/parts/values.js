// The newest value of what is not one number: a burst as a small plot, an image, what lasted.
import { html } from '../core/html.js';
import { path } from '../core/api.js';
import { bytes, duration, moment, number, unit_text, utc } from '../core/format.js';

export const has_trend = (kind) => kind === 'number' || kind === 'integer' || kind === 'boolean';

// Least and most of each piece as one filled line; where nothing was measured it is broken.
export function outline(pairs, low, high) {
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  const y = (v) => (100 * (high + room - v)) / (high - low + 2 * room);
  const out = [];
  let run = [];
  const end = () => {
    const points = [...run.map(([i, , most]) => [i, y(most)]), ...[...run].reverse().map(([i, least]) => [i, y(least)])];
    if (points.length) out.push(`M${points.map(([i, v]) => `${i},${v.toFixed(2)}`).join('L')}Z`);
    run = [];
  };
  pairs.forEach(([least, most], i) => (least === null ? end() : run.push([i, least, most])));
  end();
  return out.join('');
}

const brief_time = (s) => (s >= 1 ? `${number(s, 3)} s` : s >= 1e-3 ? `${number(s * 1e3, 3)} ms` : `${number(s * 1e6, 3)} µs`);
const kHeights = [100 * (0.06 / 1.12), 50, 100 * (1.06 / 1.12)]; // of most, the middle, least: as outline() has room

function Plot({ value, name }) {
  const { least, most, preview } = value;
  const last = Math.max(1, preview.length - 1);
  const lasts = value.count / value.rate_hz;
  const marks = kHeights.map((y, i) => [y, most - ((most - least) * i) / 2]).filter((_, i) => most > least || i === 1);
  return html`<div class="burst-plot num">
    <div class="burst-y" aria-hidden="true">${marks.map(([y, v]) => html`<span style="top:${y}%">${number(v, 3)}</span>`)}</div>
    <svg viewBox="0 0 ${last} 100" preserveAspectRatio="none" role="img" aria-label="Newest waveform of ${name}, ${number(least)} to ${number(most)} over ${brief_time(lasts)}">
      ${marks.map(([y]) => html`<line x1="0" x2=${last} y1=${y} y2=${y} />`)}<path d=${outline(preview, least, most)} />
    </svg>
    <div class="burst-x" aria-hidden="true"><span>0</span><span>${brief_time(lasts / 2)}</span><span>${brief_time(lasts)}</span></div>
  </div>`;
}

function Burst({ value, unit, name }) {
  return html`<figure class="burst">
    ${value.least === null ? html`<p class="over">No sample of it is a number.</p>` : html`<${Plot} value=${value} name=${name} />`}
    <figcaption class="num">${number(value.least)} to ${number(value.most)} ${unit_text(unit)} · ${number(value.count)} samples at ${number(value.rate_hz)} Hz</figcaption>
  </figure>`;
}

function Thing({ value, site, name }) {
  const url = path`/sites/${site}/objects/${value.sha256}`;
  const shown = ['image/jpeg', 'image/png'].includes(value.media_type);
  return html`<figure class="thing">
    ${shown && html`<a href=${url} target="_blank" rel="noopener"><img src=${url} alt="Newest image of ${name}" loading="lazy" /></a>`}
    <figcaption>${shown ? '' : html`<a href=${url} download>Download</a> · `}${value.media_type || 'bytes'} · ${bytes(value.bytes)}</figcaption>
  </figure>`;
}

const Lasted = ({ value, time }) => html`<div class="lasted">
  <p><b>${value.label || 'Without a label'}</b></p>
  <p class="num">${duration(value.duration_s)}</p>
  <p class="muted num" title="${utc(time)} to ${value.end ? utc(value.end) : '?'}">${moment(time)} to ${value.end ? moment(value.end) : '?'}</p>
</div>`;

// latest: { time, value } as the server tells it.
export function Newest({ datastream, latest, site }) {
  const name = datastream.name || datastream.id;
  const value = latest?.value;
  if (value === null || value === undefined) return null;
  if (value.preview) return html`<${Burst} value=${value} unit=${datastream.unit} name=${name} />`;
  if (value.sha256) return html`<${Thing} value=${value} site=${site} name=${name} />`;
  if (value.duration_s !== undefined) return html`<${Lasted} value=${value} time=${latest.time} />`;
  return html`<p class="words">${String(value)}</p>`;
}
