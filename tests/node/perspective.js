// Drives the Perspective façade with perspective-api-client, unchanged but for the base URL, which it hard-codes: the
// library's own HTTP client is told where to go instead. Reads {"url", "key", "calls": [[text, options]...]} from
// stdin, and prints one {"answer"} or {"error", "status"} for each call.
'use strict';
const axios = require('axios');
const Perspective = require('perspective-api-client');

async function main() {
  const {url, key, calls} = JSON.parse(require('fs').readFileSync(0, 'utf8'));
  axios.interceptors.request.use(request => {
    request.url = request.url.replace('https://commentanalyzer.googleapis.com', url);
    return request;
  });
  const perspective = new Perspective({apiKey: key});
  const found = [];
  for (const [text, options] of calls) {
    try {
      found.push({answer: await perspective.analyze(text, options)});
    } catch (error) {
      found.push({error: error.message, status: error.response && error.response.status});
    }
  }
  console.log(JSON.stringify(found));
}

main();
