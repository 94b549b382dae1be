// The bundled page: GraphiQL 5 with everything it needs, from our own server.

import './workers.js';
import { GraphiQL } from 'graphiql';
import { createClient } from 'graphql-ws';
import { createRoot } from 'react-dom/client';
import 'graphiql/style.css';
import './page.css';
import examples from './examples.graphql';
import { CopyLink } from './copy_link.jsx';
import { showPage } from './page.js';
import { WrappedLines } from './wrapped_lines.jsx';

const root = createRoot(document.getElementById('graphiql'));

showPage({
  createClient,
  examples,
  render: (properties) =>
    root.render(
      <GraphiQL {...properties}>
        <GraphiQL.Toolbar>
          {({ prettify, merge, copy }) => (
            <>
              {prettify}
              {merge}
              {copy}
              <CopyLink />
              <WrappedLines />
            </>
          )}
        </GraphiQL.Toolbar>
      </GraphiQL>,
    ),
});
