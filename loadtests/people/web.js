// A browser, as the server sees one: cookies, an address of its own, and the headers that tell where a request comes from.
import http from 'k6/http';
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';

const base = __ENV.URL;

// phases are names with the second that each begins in: the ramp first, which no threshold looks at.
export const phases = JSON.parse(__ENV.PHASES);

const loggedOut = new Counter('logged_out');
const wrongAnswers = new Counter('wrong_answers');

let began; // kept, since asking k6 for it costs a tenth of a request

// seconds since the first person arrived.
export function seconds() {
  began ??= exec.scenario.startTime;
  return (Date.now() - began) / 1000;
}

let current = 0; // which of the phases it is

function phase() {
  while (current + 1 < phases.length && seconds() >= phases[current + 1][1]) current++;
  return phases[current][0];
}

const callbacks = new Map();

function expected(statuses) {
  const key = statuses.join();
  if (!callbacks.has(key)) callbacks.set(key, http.expectedStatuses(...statuses));
  return callbacks.get(key);
}

// address is that of a person's device. Limits count by it.
function address(n) {
  return `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
}

// browserOf gives a browser to a person. Its ask answers k6's response; what is not among the expected statuses is a failure, and stands in the
// console as "failed STATUS NAME", or with the code of k6's error where there is no status.
export function browserOf(n) {
  const common = { 'X-Forwarded-For': address(n), 'Accept-Encoding': 'gzip', 'Sec-Fetch-Site': 'same-origin' };
  const page = { ...common, Accept: 'text/html' };
  const form = { ...page, Origin: base };
  const get = { ...common, Accept: 'application/json' };
  const send = { ...get, 'Content-Type': 'application/json', Origin: base };
  return {
    page: (path, about) => ask('GET', path, null, page, about),
    form: (path, fields, about) => ask('POST', path, fields, form, about),
    get: (path, about) => ask('GET', path, null, get, about),
    send: (method, path, body, about) => ask(method, path, body && JSON.stringify(body), send, about),
  };
}

function ask(method, path, body, headers, about) {
  const good = about.expect ?? [200];
  const answer = http.request(method, base + path, body, {
    headers, redirects: 0, timeout: '30s', responseType: about.read ? 'text' : 'none',
    tags: { name: about.name, phase: about.phase ?? phase() }, responseCallback: expected(good),
  });
  if (!good.includes(answer.status)) console.log(`failed ${answer.status || answer.error_code} ${about.name}`);
  if (answer.status === 401 || (answer.status === 303 && (answer.headers.Location ?? '').startsWith('/login?'))) loggedOut.add(1);
  return answer;
}

// wrong tells of an answer that a person would not understand.
export function wrong(what, answer) {
  wrongAnswers.add(1);
  console.warn(`${what}: ${answer.status} ${answer.error} ${(answer.body ?? '').slice(0, 200)}`);
}

// parsed gives an answer's JSON, or an empty object where there is none.
export function parsed(answer) {
  try {
    return JSON.parse(answer.body) ?? {};
  } catch {
    return {};
  }
}
