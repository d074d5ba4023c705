// What stands around every page: name, ways, who is logged in.
import { html } from '../core/html.js';
import { offline } from '../core/api.js';
import { log_out, may, me, on_hub } from '../core/session.js';
import { next_theme, theme } from '../core/theme.js';
import { route, to } from '../core/router.js';
import { words } from '../core/format.js';
import { kSiteWays } from '../pages/site.js';
import { Toast } from './toast.js';
import { Ways } from './ways.js';

const kHubWays = [
  ['', 'Fleet'],
  ['alerts', 'Alerts'],
  ['rollouts', 'Rollouts'],
  ['sql', 'SQL'],
];

const Mark = () => html`
  <svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><path d="M8 4h8l2 8H6zM7 12l-3 8m13-8 3 8M2.5 20h3m13 0h3M12 12v4" /></svg>`;

const kThemeSigns = { system: '◐', light: '☀', dark: '☾' };
export const ThemeButton = () => html`
  <button type="button" class="button plain" onClick=${next_theme} title="Colours: ${theme.value}" aria-label="Colours: ${theme.value}. Change">
    <span aria-hidden="true">${kThemeSigns[theme.value]}</span>
  </button>`;

function ways() {
  const people = may('manage_accounts') ? [[to('accounts'), 'Accounts', 'accounts']] : [];
  if (on_hub()) return [...kHubWays.map(([key, text]) => [to(...(key ? [key] : [])), text, key]), ...people];
  const own = kSiteWays(false).map(([key, text]) => [to('sites', me.value.name, key), text, key]);
  return [...own, ...people];
}
function current() {
  const [first = '', , tab] = route.value;
  if (!on_hub()) return first === 'accounts' ? first : tab || 'signals';
  return first === 'sites' ? '' : first;
}

export const Layout = ({ children }) => html`
  <a class="skip" href="#main" onClick=${(e) => (e.preventDefault(), document.getElementById('main').focus())}>To the content</a>
  <header class="top">
    <div class="top-row">
      <a class="brand" href="#/"><${Mark} />Lander</a>
      <span class="where" title=${on_hub() ? 'This is the hub of many sites' : 'This is the site itself'}><span class="where-kind">${on_hub() ? 'Hub' : 'Site'} · </span>${me.value.name}</span>
      <span class="grow"></span>
      <${ThemeButton} />
      <span class="who" title="Role: ${me.value.role}"><b>${me.value.user}</b> <span class="muted">${words(me.value.role)}</span></span>
      <button type="button" class="button small" onClick=${log_out}>Log out</button>
    </div>
    <${Ways} kind="ways" label="Pages" of=${ways()} current=${current()} />
  </header>
  ${offline.value && html`<p class="offline" role="alert">No connection to the ${on_hub() ? 'hub' : 'site'}. What you see is what was known last; trying again.</p>`}
  <main id="main" tabindex="-1">${children}</main>
  <${Toast} />`;
