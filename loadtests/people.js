// A crowd at work in three warehouses: each virtual user is one person with an account of their own, who logs in once and then does
// a thing every 4 to 14 seconds. The runner (loadtests/run) starts it, and says by environment variables how large the crowd is.
import { sleep } from 'k6';
import http from 'k6/http';
import exec from 'k6/execution';
import { enter } from './people/person.js';
import { browse } from './people/visitor.js';
import { phases, seconds } from './people/web.js';

const people = Number(__ENV.PEOPLE);
const visitors = Number(__ENV.VISITORS);
const ramp = `${__ENV.RAMP}s`; // people arrive one by one for so long
const whole = Number(__ENV.WHOLE); // seconds, from the first arrival to the end
const p95 = `p(95)<${__ENV.P95 || 1000}`; // ms
const haste = Number(__ENV.HASTE || '1'); // think times are divided by it

// thresholds hold in every phase but the first one, in which people arrive: a login is meant to cost a server time.
function thresholds() {
  const all = { logged_out: ['count==0'], wrong_answers: ['count==0'], logged_in: [`count>=${people}`] };
  for (const [phase] of phases.slice(1)) {
    all[`http_req_duration{phase:${phase}}`] = [p95];
    all[`http_req_failed{phase:${phase}}`] = ['rate<0.01'];
    all[`http_reqs{phase:${phase}}`] = ['count>0'];
    for (const name of __ENV.NAMES.split(',')) {
      all[`http_req_duration{phase:${phase},name:${name}}`] = ['max>=0']; // so that the summary has it
    }
  }
  return all;
}

function crowd(size, exec) {
  return {
    executor: 'ramping-vus', exec, startVUs: 0, gracefulStop: '60s', gracefulRampDown: '60s',
    stages: [{ duration: ramp, target: size }, { duration: `${whole - Number(__ENV.RAMP)}s`, target: size }],
  };
}

export const options = {
  scenarios: { people: crowd(people, 'work'), visitors: crowd(visitors, 'visit') },
  thresholds: thresholds(),
  setupTimeout: '10m',
  summaryTrendStats: ['avg', 'med', 'p(95)', 'p(99)', 'max', 'count'],
  systemTags: ['name', 'status', 'error_code', 'expected_response'],
  discardResponseBodies: true,
  noCookiesReset: true, // a person stays logged in from one thing to the next
  userAgent: 'Mozilla/5.0 (Linux; Android 13; TC52) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
};

// setup waits for the other generators: all of them start at once.
export function setup() {
  http.get(__ENV.START, { timeout: '10m', tags: { name: 'start' } });
}

// think is the pause between two things that somebody does. At the end people stay where they are: if they woke up in time for one
// more thing, all of them would do it at once.
function think() {
  const pause = (4 + 10 * Math.random()) / haste;
  const left = whole - seconds();
  sleep(pause < left ? pause : Math.max(0, left) + 1);
}

let person; // of this virtual user

export function work() {
  person ??= enter(exec.vu.idInTest - 1 + Number(__ENV.FIRST || '0'));
  person.act();
  think();
}

export function visit() {
  browse(exec.vu.idInTest);
  think();
}

// handleSummary leaves the figures to the runner.
export function handleSummary(data) {
  return { [__ENV.SUMMARY]: JSON.stringify(data.metrics) };
}
