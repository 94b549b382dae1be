// The toolbar's button for sharing: a link that opens this page with the query and variables of the tab.

import { ToolbarButton, useGraphiQL } from '@graphiql/react';

export function CopyLink() {
  const { queryEditor, variableEditor } = useGraphiQL((state) => ({
    queryEditor: state.queryEditor,
    variableEditor: state.variableEditor,
  }));

  async function copy() {
    const link = new URL(location.pathname, location.href);
    link.searchParams.set('query', queryEditor.getValue());
    const variables = variableEditor.getValue().trim();
    if (variables) link.searchParams.set('variables', variables);
    await navigator.clipboard.writeText(link.href);
  }

  // browsers give the clipboard to https pages and to localhost only
  if (!navigator.clipboard) return null;
  return (
    <ToolbarButton label="Copy a link to this query" onClick={copy}>
      <svg className="graphiql-toolbar-icon" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
        <path d="M6.5 9.5l3-3M7 4.5l1.6-1.6a3 3 0 0 1 4.5 4.5L11.5 9M9 11.5l-1.6 1.6a3 3 0 0 1-4.5-4.5L4.5 7" />
      </svg>
    </ToolbarButton>
  );
}
