// Runs every audit of npm graphql-http against the server at URL; anything but "ok" on each of them is a failure.
//
//   npm ci && URL=http://127.0.0.1:8000/graphql node audit.mjs

import { serverAudits } from "graphql-http";

const EXPECTED = 61;
const url = process.env.URL;
if (!url) {
  console.error("URL is not set: it names the GraphQL address to audit, for instance http://127.0.0.1:8000/graphql");
  process.exit(2);
}

const results = await Promise.all(serverAudits({ url, fetchFn: fetch }).map((audit) => audit.fn()));
const ok = results.filter((result) => result.status === "ok");
for (const result of results) {
  if (result.status === "ok") continue;
  console.error(`${result.status} ${result.id} ${result.name}: ${result.reason}`);
  console.error(`  ${result.response.status} ${result.response.headers.get("content-type")} ${await result.response.text()}`);
}
console.log(`${ok.length} of ${results.length} audits ok`);
process.exitCode = ok.length === results.length && results.length === EXPECTED ? 0 : 1;
