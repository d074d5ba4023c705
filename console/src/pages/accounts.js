// Who may do what.
import { useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { path, post, remove } from '../core/api.js';
import { useAction, useData } from '../core/data.js';
import { me } from '../core/session.js';
import { words } from '../core/format.js';
import { Button, Card, Field, Loaded, Problem } from '../parts/basics.js';
import { Badge } from '../parts/badges.js';
import { tell } from '../parts/toast.js';

const kRoles = [
  ['viewer', 'Viewer: sees everything, changes nothing'],
  ['technician', 'Technician: also acknowledges and shelves alerts'],
  ['operator', 'Operator: also configures, learns, rolls out'],
  ['admin', 'Admin: also adds sites and accounts'],
];
const kEmpty = { user: '', password: '', role: 'viewer' };

function Account({ account, changed }) {
  const [sure, set_sure] = useState(false);
  const drop = useAction(() => remove(path`/accounts/${account.user}`));
  const go = async () => {
    if (await drop.run()) tell(`${account.user} is removed.`);
    changed();
  };
  const own = account.user === me.value.user;
  return html`<li>
    <span><b>${account.user}</b> <span class="muted">${words(account.role)}${own ? ', you' : ''}</span> ${account.disabled && html`<${Badge}>Disabled<//>`}</span>
    ${!own && (sure ? html`<span class="buttons"><${Button} kind="small danger" busy=${drop.busy} onClick=${go}>Remove ${account.user}<//><${Button} kind="small" onClick=${() => set_sure(false)}>Keep<//></span>` : html`<${Button} kind="small" aria-label="Remove ${account.user}" onClick=${() => set_sure(true)}>Remove …<//>`)}
    <${Problem} error=${drop.error} />
  </li>`;
}

function Add({ added }) {
  const [form, set_form] = useState(kEmpty);
  const make = useAction(() => post(path`/accounts`, form));
  const set = (key) => (event) => set_form({ ...form, [key]: event.target.value });
  const submit = async (event) => {
    event.preventDefault();
    if (!(await make.run())) return;
    tell(`${form.user} can log in now.`);
    set_form(kEmpty);
    added();
  };
  return html`<${Card} title="Add or replace an account"><form onSubmit=${submit}>
    <div class="form-grid">
      <${Field} label="User" hint="a-z 0-9 . _ -"><input name="new-user" required maxlength="32" autocapitalize="none" autocomplete="off" spellcheck="false" value=${form.user} onInput=${set('user')} /><//>
      <${Field} label="Password" hint="At least 10 characters"><input name="new-password" type="password" required minlength="10" autocomplete="new-password" value=${form.password} onInput=${set('password')} /><//>
      <${Field} label="Role"><select value=${form.role} onChange=${set('role')}>${kRoles.map(([key, text]) => html`<option value=${key}>${text}</option>`)}</select><//>
    </div>
    <p class="hint">The name of an existing account gives it this password and role, and ends its sessions.</p>
    <${Problem} error=${make.error} />
    <div class="buttons"><${Button} kind="primary" type="submit" busy=${make.busy}>Save<//></div>
  </form><//>`;
}

export function Accounts() {
  const accounts = useData(path`/accounts`);
  return html`
    <div class="page-head"><h1>Accounts</h1></div>
    <${Card}><${Loaded} from=${accounts} what="the accounts">
      ${(list) => html`<ul class="accounts">${list.map((a) => html`<${Account} key=${a.user} account=${a} changed=${accounts.reload} />`)}</ul>`}
    <//><//>
    <${Add} added=${accounts.reload} />`;
}
