// States in a colour, a shape and words: never the colour alone.
import { html } from '../core/html.js';
import { words } from '../core/format.js';

const kShapes = {
  ok: html`<circle cx="6" cy="6" r="4" />`,
  warn: html`<path d="M6 1.5 11 10.5H1z" />`,
  bad: html`<path d="M3.7 1h4.6L11 3.7v4.6L8.3 11H3.7L1 8.3V3.7z" />`,
  off: html`<circle cx="6" cy="6" r="3.5" fill="none" stroke="currentColor" stroke-width="1.8" />`,
  info: html`<rect x="2" y="2" width="8" height="8" rx="1.5" />`,
};
export const Badge = ({ level = 'off', children, title }) => html`
  <span class="badge ${level}" title=${title}><svg viewBox="0 0 12 12" aria-hidden="true">${kShapes[level] || kShapes.info}</svg>${children}</span>`;

const kPresence = { 'on-time': 'ok', late: 'warn', silent: 'bad', never: 'off', revoked: 'off' };
const kPresenceWords = { never: 'Never seen', revoked: 'Removed' };
export const Presence = ({ of }) => html`<${Badge} level=${kPresence[of]}>${kPresenceWords[of] ?? words(of)}<//>`;

export const kSeverities = ['critical', 'high', 'medium', 'low'];
export const Severity = ({ of, n }) => html`
  <span class="severity ${of}"><i aria-hidden="true"></i>${n !== undefined && html`<b class="num">${n}</b> `}${n === undefined ? words(of) : of}</span>`;

const kAlert = {
  'active-unacknowledged': ['bad', 'Active', 'Going on, nobody has acknowledged it'],
  'active-acknowledged': ['warn', 'Active, acknowledged', 'Going on, somebody takes care of it'],
  'cleared-unacknowledged': ['info', 'Cleared, not acknowledged', 'Over, but nobody has acknowledged it'],
  normal: ['ok', 'Closed', 'Over and acknowledged'],
  shelved: ['off', 'Shelved', 'Set aside for a time'],
  suppressed: ['off', 'Suppressed', 'Held back by design'],
  'out-of-service': ['off', 'Out of service', 'Switched off for maintenance'],
};
export function AlertState({ of }) {
  const [level, text, title] = kAlert[of] ?? ['off', words(of)];
  return html`<${Badge} level=${level} title=${title}>${text}<//>`;
}

export const Brief = ({ of }) =>
  of.brief && html`<span class="brief"><${Badge} level="info" title="What was seen, without its recording">Told in brief over a narrow link; the whole follows<//></span>`;

const kComponent = { applied: 'ok', pending: 'info', refused: 'bad', failed: 'bad', 'rolled-back': 'warn' };
export const ComponentState = ({ of }) => html`<${Badge} level=${kComponent[of]}>${words(of)}<//>`;

const kRollout = { running: 'info', done: 'ok', halted: 'bad', cancelled: 'off' };
export const RolloutState = ({ of }) => html`<${Badge} level=${kRollout[of]}>${words(of)}<//>`;

export const Sync = ({ site }) =>
  site.in_sync
    ? html`<${Badge} level="ok" title="Runs what it shall: revision ${site.desired_revision}">In sync<//>`
    : html`<${Badge} level="warn" title="Desired revision ${site.desired_revision}, reported ${site.reported_revision}">Not in sync<//>`;

export const Quality = ({ of }) => of && of !== 'Good' && html`<${Badge} level="warn">${of.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()}<//>`;
