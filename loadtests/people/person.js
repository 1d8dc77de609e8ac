// Who a virtual user is, and how they come in.
import { Counter } from 'k6/metrics';
import { browserOf, parsed, wrong } from './web.js';
import { totp } from './totp.js';
import { dispatcher } from './dispatcher.js';
import { biller } from './biller.js';
import { admin } from './admin.js';

const loggedIn = new Counter('logged_in');

const works = { dispatcher, biller, admin };

// The seed gives six in ten accounts to the first organization, three to the second and one to the third. In each, of fifty people one is
// an admin and nine are billers.
function roleOf(index) {
  if (index % 50 === 2) return 'admin';
  return index % 5 === 2 ? 'biller' : 'dispatcher';
}

function accountOf(n) {
  const ten = Math.floor(n / 10), rest = n % 10;
  if (rest < 6) return ['seed-a', ten * 6 + rest];
  if (rest < 9) return ['seed-b', ten * 3 + rest - 6];
  return ['seed-c', ten];
}

// enter gives the person of a number, who logs in with the first thing that they do.
export function enter(n) {
  const [org, index] = accountOf(n);
  const role = roleOf(index);
  const me = { n, org, username: `${org}-load-${String(index + 1).padStart(5, '0')}`, role, web: browserOf(n), made: 0 };
  me.code = (prefix, width) => prefix + String(n).padStart(5, '0') + String(me.made++).padStart(width, '0');
  let turn;
  return {
    act() {
      if (turn) turn();
      else if (logIn(me)) turn = works[role](me);
    },
  };
}

// logIn is a login as a browser does it: the form, its scripts and styles, the password, and the page that it leads to.
function logIn(me) {
  const ramp = { phase: 'ramp', name: 'login' };
  const form = me.web.page('/login', { ...ramp, read: true });
  for (const [, asset] of (form.body ?? '').matchAll(/(?:href|src)="(\/static\/[^"]+)"/g)) me.web.page(asset, { ...ramp, name: 'asset' });
  const answer = me.web.form('/login', { username: me.username, password: __ENV.PASSWORD, next: '/' }, { ...ramp, expect: [303] });
  if (answer.status !== 303) return false; // they try again after a pause, as people do
  const page = me.web.page(answer.headers.Location, { ...ramp, expect: [200, 303] });
  if (page.status === 303 && !enrol(me, ramp)) return false;
  loggedIn.add(1);
  return true;
}

// enrol sets two-factor login up, which an admin has to before anything else opens.
function enrol(me, ramp) {
  const begun = parsed(me.web.send('POST', '/api/account/2fa', null, { ...ramp, read: true }));
  const done = begun.secret && me.web.send('POST', '/api/account/2fa/confirm', { code: totp(begun.secret) }, { ...ramp, read: true });
  if (done?.status === 200) return true;
  wrong(`two-factor login of ${me.username}`, done ?? { status: 0, error: 'no secret' });
  return false;
}
