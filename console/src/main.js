// The console of hub and site: the same program; what it offers follows GET /api/v1/me.
import { render } from 'preact';
import 'uplot/dist/uPlot.min.css';
import './style/base.css';
import './style/parts.css';
import './style/pages.css';
import { html } from './core/html.js';
import { offline } from './core/api.js';
import { route } from './core/router.js';
import { me, on_hub, resume } from './core/session.js';
import './core/theme.js';
import { Layout } from './parts/layout.js';
import { Empty } from './parts/basics.js';
import { Accounts } from './pages/accounts.js';
import { AllAlerts } from './pages/alerts.js';
import { Fleet } from './pages/fleet.js';
import { Login } from './pages/login.js';
import { Rollouts } from './pages/rollouts.js';
import { Site } from './pages/site.js';
import { Sql } from './pages/sql.js';

const Nowhere = () => html`<${Empty}>There is no such page. <a href="#/">To the start</a>.<//>`;

function Page() {
  const [first, ...rest] = route.value;
  if (first === 'accounts') return html`<${Accounts} />`;
  if (first === 'sites' && rest[0]) return html`<${Site} key=${rest[0]} site=${rest[0]} tab=${rest[1]} item=${rest[2]} />`;
  if (!on_hub()) return first ? html`<${Nowhere} />` : html`<${Site} site=${me.value.name} />`;
  if (!first) return html`<${Fleet} />`;
  if (first === 'alerts') return html`<${AllAlerts} />`;
  if (first === 'rollouts') return html`<${Rollouts} id=${rest[0]} />`;
  if (first === 'sql') return html`<${Sql} />`;
  return html`<${Nowhere} />`;
}

function App() {
  if (me.value === undefined) {
    return html`<p class="boot">${offline.value ? 'No answer from the server; trying again …' : 'Lander'}</p>`;
  }
  return me.value ? html`<${Layout}><${Page} /><//>` : html`<${Login} />`;
}

const place = document.getElementById('app');
place.textContent = '';
render(html`<${App} />`, place);
resume();
