// The analyst's session: who is logged in, and an access token that is renewed before it runs out.
//
// The tokens live in sessionStorage, hence in this browser tab alone, and leave with it.

const STORAGE_KEY = 'tradewind.session';
const RENEW_BEFORE_MS = 60_000;

export class Session extends EventTarget {
  #routes;
  #held = null; // {email, id, access, refresh, renewAt}
  #renewal = null;

  /** `routes` names the addresses of `login`, `refresh` and `logout`. */
  constructor(routes) {
    super();
    this.#routes = routes;
  }

  /** Return the session that this tab had before it was reloaded, or a new one with nobody logged in. */
  static async open(routes) {
    const session = new Session(routes);
    const kept = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? 'null');
    if (kept && (await isOurs(kept.id))) session.#held = kept;
    else sessionStorage.removeItem(STORAGE_KEY);
    return session;
  }

  /** The e-mail address of who is logged in, or null. */
  get email() {
    return this.#held?.email ?? null;
  }

  async login(email, password) {
    const response = await post(this.#routes.login, { email, password });
    if (!response.ok) throw new Error(await refusal(response, 'Logging in failed'));
    const id = crypto.getRandomValues(new Uint32Array(4)).join('-');
    this.#keep(email, id, await response.json());
    await isOurs(id);
    this.#announce();
  }

  /** Forget the tokens, then tell the server, which need not answer. */
  async logout() {
    const held = this.#held;
    if (!held) return;
    this.#forget();
    await post(this.#routes.logout, {}, { Authorization: `Bearer ${held.access}` }).catch(() => {});
  }

  /** Return a token that is good for the next request, or null if nobody is logged in. */
  async accessToken() {
    if (this.#held && Date.now() >= this.#held.renewAt) await this.renew();
    return this.#held?.access ?? null;
  }

  /** Trade the refresh token for new tokens. One trade at a time: a refresh token that is used twice ends the session. */
  renew() {
    this.#renewal ??= this.#renew().finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  async #renew() {
    const held = this.#held;
    if (!held) return;
    const response = await post(this.#routes.refresh, { refresh_token: held.refresh });
    if (this.#held !== held) return; // logged out or in again meanwhile
    if (response.ok) this.#keep(held.email, held.id, await response.json());
    else if (response.status === 401 || response.status === 403) this.#forget('Your session has ended. Please log in again.');
    else throw new Error(await refusal(response, 'Your session could not be renewed'));
  }

  #keep(email, id, tokens) {
    const { access_token: access, refresh_token: refresh } = tokens;
    this.#held = { email, id, access, refresh, renewAt: Date.now() + usableMs(access) };
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(this.#held));
  }

  #forget(reason = '') {
    this.#held = null;
    sessionStorage.removeItem(STORAGE_KEY);
    this.#announce(reason);
  }

  #announce(reason = '') {
    this.dispatchEvent(new CustomEvent('change', { detail: { reason } }));
  }
}

// A browser copies sessionStorage into a duplicated tab. Two tabs renewing one session would end it, so each session is
// locked by the tab that started it, for the life of that tab; the copy has to log in.
function isOurs(id) {
  if (!navigator.locks) return true; // browsers have no locks on plain http, localhost excepted
  return new Promise((resolve) => {
    const held = () => {
      resolve(true);
      return new Promise(() => {});
    };
    // a reloading tab lets go of its lock a moment after the new page asks for it
    navigator.locks.request(`${STORAGE_KEY}.${id}`, { signal: AbortSignal.timeout(1000) }, held).catch(() => resolve(false));
  });
}

// How long a token can be used before it should be renewed. Its lifetime is a difference of two times of the server, so
// that a wrong clock here does no harm. An opaque token is used until the server refuses it.
function usableMs(token) {
  const { exp, iat } = claims(token);
  if (!exp || !iat) return Number.MAX_SAFE_INTEGER / 2;
  const lifetimeMs = (exp - iat) * 1000;
  return Math.max(lifetimeMs - RENEW_BEFORE_MS, lifetimeMs / 2);
}

function claims(token) {
  try {
    return JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
  } catch {
    return {};
  }
}

function post(address, body, headers = {}) {
  return fetch(address, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

async function refusal(response, what) {
  const { detail } = await response.json().catch(() => ({}));
  return typeof detail === 'string' ? detail : `${what} (status ${response.status}).`;
}
