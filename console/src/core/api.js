// The one way to the server. Every answer that is not 2xx becomes an ApiError with words for people.
import { signal } from '@preact/signals';

export const offline = signal(false); // the last call found nobody
let on_logged_out = () => {};
export const when_logged_out = (then) => (on_logged_out = then);

export class ApiError extends Error {
  constructor(status, body) {
    super(body.detail || `The server answered ${status} without a reason.`);
    this.status = status;
    this.body = body;
  }
}

export const path = (parts, ...values) =>
  '/api/v1' + parts.reduce((all, part, i) => all + encodeURIComponent(values[i - 1]) + part);

function address(url, query) {
  const given = Object.entries(query || {}).filter(([, value]) => value !== undefined && value !== '');
  return given.length ? `${url}?${new URLSearchParams(given)}` : url;
}

async function parsed(response) {
  const text = await response.text();
  if (!text) return {};
  try {
    return JSON.parse(text);
  } catch {
    return { detail: text.slice(0, 500) };
  }
}

// body: an object goes as JSON, anything else as it is.
export async function call(method, url, { body, query, signal: abort } = {}) {
  const raw = body === undefined || typeof body === 'string' || body instanceof Blob;
  let response;
  try {
    response = await fetch(address(url, query), {
      method,
      body: raw ? body : JSON.stringify(body),
      headers: method === 'GET' ? {} : { 'X-Lander': '1' },
      signal: abort,
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    offline.value = true;
    throw new ApiError(0, { detail: 'No answer from the server. Is it running, is the network there?' });
  }
  offline.value = false;
  const answer = await parsed(response);
  if (response.ok) return answer;
  if (response.status === 401 && !url.endsWith('/login')) on_logged_out();
  throw new ApiError(response.status, answer);
}

export const get = (url, query, abort) => call('GET', url, { query, signal: abort });
export const post = (url, body, query) => call('POST', url, { body, query });
export const remove = (url) => call('DELETE', url);
