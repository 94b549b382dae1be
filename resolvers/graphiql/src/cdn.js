// The page without a bundle: GraphiQL from its CDN, which must be reachable from the browser.

import { showPage } from './page.js';

const { GraphiQL, React, ReactDOM, graphqlWs } = globalThis;
const container = document.getElementById('graphiql');

if (!(GraphiQL && React && ReactDOM && graphqlWs)) {
  container.textContent = 'GraphiQL could not be loaded from its CDN.';
} else {
  const root = ReactDOM.createRoot(container);
  const response = await fetch(new URL('examples.graphql', import.meta.url));
  await showPage({
    createClient: graphqlWs.createClient,
    examples: await response.text(),
    render: (properties) => root.render(React.createElement(GraphiQL, properties)),
  });
}
