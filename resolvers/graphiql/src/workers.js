// Monaco's three module workers, from our own server. Imported first: Monaco reads this when it starts.

/* global EDITOR_WORKER, JSON_WORKER, GRAPHQL_WORKER -- the hashed file names, filled in by build.mjs */
const files = { json: JSON_WORKER, graphql: GRAPHQL_WORKER };

globalThis.MonacoEnvironment = {
  getWorker: (_id, label) => new Worker(new URL(files[label] ?? EDITOR_WORKER, import.meta.url), { type: 'module' }),
};
