import { useState } from 'preact/hooks';
import { html } from '../core/html.js';
import { useAction } from '../core/data.js';
import { log_in } from '../core/session.js';
import { Button, Field, Problem } from '../parts/basics.js';
import { ThemeButton } from '../parts/layout.js';

export function Login() {
  const [user, set_user] = useState('');
  const [password, set_password] = useState('');
  const enter = useAction(log_in);
  const submit = (event) => {
    event.preventDefault();
    enter.run(user.trim(), password);
  };
  return html`
    <main class="login">
      <form class="card" onSubmit=${submit}>
        <header class="card-head"><h1>Lander</h1><${ThemeButton} /></header>
        <p class="muted">Log in to ${location.host}.</p>
        <${Field} label="User">
          <input name="user" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus
            value=${user} onInput=${(e) => set_user(e.target.value)} />
        <//>
        <${Field} label="Password">
          <input name="password" type="password" autocomplete="current-password" required
            value=${password} onInput=${(e) => set_password(e.target.value)} />
        <//>
        <${Problem} error=${enter.error} />
        <${Button} kind="primary wide" type="submit" busy=${enter.busy}>${enter.busy ? 'Logging in …' : 'Log in'}<//>
        <p class="hint">The first admin's password stands in the file <code>initial-admin-password</code> in the server's data folder.</p>
      </form>
    </main>`;
}
