// Numbers, units, times as people read them.
const kUnits = {
  1: '', Cel: '°C', '[degF]': '°F', deg: '°', Ohm: 'Ω', '[psi]': 'psi', 'm/s2': 'm/s²', m3: 'm³',
  'm3/h': 'm³/h', 'm3/s': 'm³/s', '[g]': 'g₀', 'kg/m3': 'kg/m³', min: 'min', '/min': '1/min', '{rpm}': 'rpm',
};
export const unit_text = (unit) => kUnits[unit] ?? unit ?? '';

export function number(value, digits = 4) {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (value === null || value === undefined || value === '') return '–';
  if (typeof value !== 'number') return String(value);
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e7 || size < 1e-4)) return value.toExponential(Math.max(0, digits - 2));
  if (size >= 1000) return value.toLocaleString('en', { maximumFractionDigits: 0 }).replace(/,/g, '\u202f');
  return value.toLocaleString('en', { maximumSignificantDigits: digits });
}
export const with_unit = (value, unit) => {
  const text = unit_text(unit);
  return text && value !== null && value !== undefined ? `${number(value)}\u00a0${text}` : number(value);
};
export const percent = (part, digits = 0) => `${(100 * part).toFixed(digits)}\u00a0%`;
export const count = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

export function bytes(n) {
  if (!(n >= 0)) return '–';
  const steps = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let i = 0;
  for (; n >= 1000 && i < steps.length - 1; ++i) n /= 1000;
  return `${n >= 100 || i === 0 ? Math.round(n) : n.toFixed(1)}\u00a0${steps[i]}`;
}

export function duration(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}\u00a0s`;
  if (s < 3600) return `${Math.floor(s / 60)}\u00a0min`;
  if (s < 86400) return `${Math.floor(s / 3600)}\u00a0h ${Math.floor((s % 3600) / 60)}\u00a0min`;
  return `${Math.floor(s / 86400)}\u00a0d ${Math.floor((s % 86400) / 3600)}\u00a0h`;
}
export function ago(when, now) {
  const s = (now - new Date(when)) / 1000;
  if (s < -5) return `in ${duration(-s)}`;
  if (s < 5) return 'just now';
  return `${duration(s < 3600 ? s : 60 * Math.floor(s / 60)).replace(/ 0\u00a0\S+$/, '')} ago`;
}

const two = (n) => String(n).padStart(2, '0');
const kMonths = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');
export const day = (d) => `${d.getDate()} ${kMonths[d.getMonth()]}`;
export const clock = (d, seconds = true) =>
  `${two(d.getHours())}:${two(d.getMinutes())}${seconds ? `:${two(d.getSeconds())}` : ''}`;
// In local time; the year only when it is another.
export function moment(when) {
  const d = new Date(when);
  const year = d.getFullYear() === new Date().getFullYear() ? '' : ` ${d.getFullYear()}`;
  return `${day(d)}${year}, ${clock(d)}`;
}
export const utc = (when) => new Date(when).toISOString().replace('T', ' ').replace(/\.?0*Z$/, ' UTC');

const kKnown = { 'on-time': 'On time', 'electric-current': 'Current' };
// "flow-rate" -> "Flow rate"
export const words = (id) => {
  const text = kKnown[id] ?? String(id ?? '').replace(/[-_]/g, ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
};
// What a person found behind an alarm.
export const kVerdicts = { true: 'A real fault', false: 'False alarm', maintenance: 'Maintenance', 'sensor-fault': 'Sensor fault' };
// "user:anna@site" -> "anna, at the site"
export const actor = (who) => {
  const match = /^user:(.*)@(site|hub)$/.exec(who || '');
  if (match) return `${match[1]}, at the ${match[2]}`;
  if (/^rollout:/.test(who || '')) return 'a rollout';
  return (who || '').replace(/^user:/, '');
};
