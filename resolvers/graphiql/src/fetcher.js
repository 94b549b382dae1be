// How GraphiQL reaches the server: queries over HTTP, subscriptions over graphql-transport-ws, the token on both.

const REFUSED_CODES = ['UNAUTHORIZED', 'TOKEN_EXPIRED', 'TOKEN_REVOKED'];
const REFUSED_CLOSES = [4401, 4403];
const RETRIES = 12; // a minute and a half: long enough for a server to be restarted
const LONGEST_WAIT_MS = 10_000;

/**
 * Return a GraphiQL fetcher and `hangUp()`, which ends its subscriptions.
 *
 * `createClient` is that of graphql-ws. What the Headers tab says comes before the token of the session.
 */
export function connect({ endpoint, session, createClient }) {
  const clients = new Map(); // one socket for each distinct content of the Headers tab

  async function withToken(headers) {
    if (Object.keys(headers).some((name) => name.toLowerCase() === 'authorization')) return headers;
    const token = await session.accessToken();
    return token ? { ...headers, Authorization: `Bearer ${token}` } : headers;
  }

  async function query(params, headers) {
    const result = await post(endpoint, params, await withToken(headers));
    const code = result.errors?.[0]?.extensions?.code;
    if (!session.email || !REFUSED_CODES.includes(code)) return result;
    await session.renew();
    return post(endpoint, params, await withToken(headers));
  }

  function clientFor(headers) {
    const key = JSON.stringify(headers);
    if (!clients.has(key)) clients.set(key, openClient(headers));
    return clients.get(key);
  }

  function openClient(headers) {
    let refusals = 0;
    return createClient({
      url: endpoint.replace(/^http/, 'ws'),
      lazy: true,
      // asked for at every connect, so that a reconnecting socket brings a fresh token
      connectionParams: async () => {
        if (refusals > 0) await session.renew();
        return withToken(headers);
      },
      on: {
        connected: () => (refusals = 0),
        closed: (event) => (refusals += REFUSED_CLOSES.includes(event.code) ? 1 : 0),
      },
      shouldRetry: (event) => event instanceof CloseEvent && (refusals === 0 || (refusals === 1 && session.email !== null)),
      retryAttempts: RETRIES,
      retryWait: (retries) => {
        const wait = Math.min(500 * 2 ** retries, LONGEST_WAIT_MS);
        return new Promise((resolve) => setTimeout(resolve, wait * (0.75 + Math.random() / 2)));
      },
    });
  }

  return {
    fetcher(params, { headers = {}, documentAST } = {}) {
      return isSubscription(params, documentAST)
        ? withReadableErrors(clientFor(headers ?? {}).iterate(params))
        : query(params, headers ?? {});
    },
    hangUp() {
      // a socket that is just being refused has nothing left to hang up
      for (const client of clients.values()) client.dispose().catch(() => {});
      clients.clear();
    },
  };
}

async function post(endpoint, params, headers) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/graphql-response+json, application/json;q=0.9',
      ...headers,
    },
    body: JSON.stringify(params),
  });
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    throw withoutStack(`The server answered ${response.status} ${response.statusText} without JSON: ${text.slice(0, 200)}`);
  }
}

function isSubscription({ query, operationName }, documentAST) {
  if (!documentAST) return /^\s*subscription\b/m.test(query); // not parsed yet
  return documentAST.definitions.some(
    ({ operation, name }) => operation === 'subscription' && (!operationName || name?.value === operationName),
  );
}

// Not an async generator: it would hold back `return()`, GraphiQL's Stop, until the next event.
function withReadableErrors(events) {
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () =>
      events.next().catch((error) => {
        if (!(error instanceof CloseEvent)) throw error;
        throw withoutStack(
          REFUSED_CLOSES.includes(error.code)
            ? `The server refused the subscription: not logged in, or not allowed (${error.code} ${error.reason}).`
            : `The connection was lost (${error.code} ${error.reason}).`,
        );
      }),
    return: () => events.return(),
  };
}

// GraphiQL shows the whole error, and a stack of minified names tells an analyst nothing.
function withoutStack(message) {
  const error = new Error(message);
  delete error.stack;
  return error;
}
