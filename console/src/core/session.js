// Who is logged in. The session itself is a cookie that no script can read; a flag in the browser's
// storage says that there may be one, so that a first visit asks for nothing that must fail.
import { signal } from '@preact/signals';
import { get, path, post, when_logged_out } from './api.js';
import { start_live, stop_live } from './live.js';

const kFlag = 'lander.logged-in';
const kRoles = ['viewer', 'technician', 'operator', 'admin'];
const kLeast = {
  handle_alerts: 'technician',
  pickup: 'technician',
  operate: 'operator',
  manage_packages: 'operator',
  admit: 'admin',
  manage_accounts: 'admin',
};

export const me = signal(undefined); // undefined: not known yet; null: nobody
export const on_hub = () => me.value?.server === 'hub';
// Only hides what would be refused: the server decides.
export const may = (right) => kRoles.indexOf(me.value?.role) >= kRoles.indexOf(kLeast[right]);

function forget() {
  localStorage.removeItem(kFlag);
  stop_live();
  me.value = null;
}
when_logged_out(forget);

async function learn_who() {
  me.value = await get(path`/me`);
  start_live();
}

export async function resume() {
  if (!localStorage.getItem(kFlag)) return forget();
  try {
    await learn_who();
  } catch (error) {
    if (error.status === 401) return;
    setTimeout(resume, 3000); // the server is away: the page says so meanwhile
  }
}

export async function log_in(user, password) {
  await post(path`/login`, { user, password });
  localStorage.setItem(kFlag, '1');
  await learn_who();
}

export async function log_out() {
  try {
    await post(path`/logout`);
  } finally {
    forget();
  }
}
