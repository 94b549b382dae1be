// Long lines wrap in the query editor, as they do in the answer: it keeps its sideways scroll from tab to tab, and a tab of short
// lines would look empty. GraphiQL has no property for it.

import { useEffect } from 'react';
import { useGraphiQL } from '@graphiql/react';

export function WrappedLines() {
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  useEffect(() => queryEditor?.updateOptions({ wordWrap: 'on' }), [queryEditor]);
  return null;
}
