// Bundles the page into dist/: hashed file names, the same bytes from the same sources, a gzip twin of every text.

import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const outdir = 'dist';

const common = {
  bundle: true,
  define: { 'process.env.NODE_ENV': '"production"' },
  entryNames: '[name]-[hash]',
  format: 'esm',
  legalComments: 'linked',
  logLevel: 'warning',
  metafile: true,
  minify: true,
  outdir,
  target: 'es2022',
};

const workers = {
  'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
  'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
  'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
};

function fileOf(result, entry) {
  const [file] = Object.entries(result.metafile.outputs).find(([, output]) => output.entryPoint?.endsWith(entry));
  return basename(file);
}

await rm(outdir, { recursive: true, force: true });

const built = await build({ ...common, entryPoints: workers });
const workerFile = (name) => JSON.stringify(fileOf(built, workers[name]));

const page = await build({
  ...common,
  entryPoints: { graphiql: 'src/main.jsx' },
  assetNames: '[name]-[hash]',
  chunkNames: 'chunk-[hash]',
  define: {
    ...common.define,
    EDITOR_WORKER: workerFile('editor.worker'),
    JSON_WORKER: workerFile('json.worker'),
    GRAPHQL_WORKER: workerFile('graphql.worker'),
  },
  jsx: 'automatic',
  loader: { '.graphql': 'text', '.ttf': 'file' },
  splitting: true,
});

const script = fileOf(page, 'src/main.jsx');
const style = basename(page.metafile.outputs[join(outdir, script)].cssBundle);

for (const name of await readdir(outdir)) {
  if (!/\.(js|css|ttf)$/.test(name)) continue;
  const file = join(outdir, name);
  await writeFile(`${file}.gz`, gzipSync(await readFile(file)));
}

// last: the page takes the bundle for complete when the manifest is there
await writeFile(join(outdir, 'manifest.json'), JSON.stringify({ script, style }));
