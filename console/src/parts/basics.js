// Small things that every page is made of.
import { signal } from '@preact/signals';
import { html } from '../core/html.js';
import { ago, moment, percent, utc } from '../core/format.js';

export const now = signal(Date.now());
setInterval(() => document.hidden || (now.value = Date.now()), 5000);
document.addEventListener('visibilitychange', () => (now.value = Date.now()));

// Local time, UTC when pointed at.
export const Time = ({ at, none = 'never' }) =>
  at ? html`<time datetime=${new Date(at).toISOString()} title=${utc(at)}>${moment(at)}</time>` : none;
export const Ago = ({ at, none = 'never' }) =>
  at
    ? html`<time datetime=${new Date(at).toISOString()} title="${moment(at)} (${utc(at)})">${ago(at, now.value)}</time>`
    : none;

export const Button = ({ kind = '', busy, children, ...rest }) => html`
  <button type="button" class="button ${kind}" ...${rest} disabled=${rest.disabled || busy} aria-busy=${busy ? 'true' : undefined}>
    ${children}
  </button>`;

export const Loading = ({ what }) => html`<p class="note loading" role="status">Loading ${what} …</p>`;
export const Empty = ({ children }) => html`<div class="empty">${children}</div>`;
export const Problem = ({ error, retry }) =>
  error &&
  html`<div class="problem" role="alert">
    <span>${error.message}</span>
    ${retry && html`<${Button} kind="small" onClick=${retry}>Try again<//>`}
  </div>`;
// What was loaded, or why it is not there. What came before stays while it loads again.
export const Loaded = ({ from, what, children }) => html`
  <${Problem} error=${from.error} retry=${from.reload} />
  ${from.data === undefined ? !from.error && html`<${Loading} what=${what} />` : children(from.data)}`;

export const Card = ({ title, side, children, kind = '', id }) => html`
  <section class="card ${kind}" id=${id}>
    ${title && html`<header class="card-head"><h2>${title}</h2>${side && html`<div class="side">${side}</div>`}</header>`}
    ${children}
  </section>`;

// A bar with its words; `warn` and `bad` are shares from which it changes colour.
export function Meter({ label, share, text, warn = 0.75, bad = 0.9 }) {
  const known = share >= 0;
  const level = !known ? '' : share >= bad ? 'bad' : share >= warn ? 'warn' : '';
  return html`<div class="meter ${level}" title="${label}: ${text}${known ? ` (${percent(share)})` : ''}">
    <span class="meter-label">${label}</span><span class="meter-text num">${text}</span>
    <span class="meter-bar"><span style="width:${known ? Math.min(100, 100 * share) : 0}%"></span></span>
  </div>`;
}

export const Switch = ({ label, value, options, onChange }) => html`
  <div class="switch" role="group" aria-label=${label}>
    ${options.map(
      ([key, text]) => html`<button type="button" aria-pressed=${String(key === value)} onClick=${() => onChange(key)}>${text}</button>`,
    )}
  </div>`;

export const Field = ({ label, hint, children }) => html`
  <label class="field"><span class="field-label">${label}</span>${children}${hint && html`<span class="hint">${hint}</span>`}</label>`;

export const Facts = ({ of }) => html`
  <dl class="facts">
    ${of.filter(([, value]) => value !== undefined && value !== null && value !== '').map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no right to the clipboard: the text can be selected by hand
  }
}
