// What the bundled page and the page from the CDN have in common: the session bar, the connection and the first tabs.

import { connect } from './fetcher.js';
import { Session } from './session.js';
import { showSession } from './session_bar.js';

/**
 * Call `render(props)` with the properties of GraphiQL now, and again whenever somebody logs in or out.
 *
 * `examples` is the text of examples.graphql: one tab for each part between lines of dashes.
 */
export async function showPage({ createClient, examples, render }) {
  const { endpoint: path, ...routes } = document.getElementById('graphiql').dataset;
  const endpoint = new URL(path, location.href).href;
  const session = await Session.open(routes);
  let connection;

  // a new fetcher also makes GraphiQL read the schema again, as the new caller sees it
  function show() {
    connection?.hangUp();
    connection = connect({ endpoint, session, createClient });
    render({ ...properties, fetcher: connection.fetcher });
  }

  const link = new URLSearchParams(location.search);
  const shared = { query: link.get('query') ?? undefined, variables: link.get('variables') ?? undefined };
  const tabs = examples.split(/^# -+\n/m).map((text) => ({ query: text.trim() }));
  const properties = {
    initialQuery: shared.query,
    initialVariables: shared.variables,
    defaultTabs: shared.query ? [shared, ...tabs] : tabs,
    defaultQuery: '',
    defaultEditorToolsVisibility: false, // the token is a header already, and the query needs the room
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false, // a token pasted there must not outlive the page
  };
  showSession(session);
  session.addEventListener('change', show);
  show();
}
