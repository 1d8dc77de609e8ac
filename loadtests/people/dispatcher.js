// A dispatcher fills one parent after the other, makes the mistakes that people make, and looks things up.
import { fresh, send, undo } from './scanning.js';
import { wrong } from './web.js';

// dispatcher gives what somebody does next, each time it is called.
export function dispatcher(me) {
  const work = { parent: '', full: false, inside: [], before: '', waiting: null, last: null };
  return () => {
    if (work.waiting) return scan(me, work, work.waiting);
    if (!work.parent || work.full) return open(me, work);
    const roll = Math.random();
    if (roll < 0.66 || work.inside.length === 0) return scan(me, work, fresh(me.code('LC', 5), work.parent));
    if (roll < 0.7) return scan(me, work, fresh(work.inside.at(-1), work.parent)); // read twice
    if (roll < 0.73) return replay(me, work);
    if (roll < 0.77) return mistake(me, work);
    if (roll < 0.82) return takeBack(me, work);
    if (roll < 0.9) return lookUp(me, work);
    if (roll < 0.97) return me.web.get('/api/stats', { name: 'stats' });
    return me.web.page('/dashboard', { name: 'dashboard' });
  };
}

function open(me, work) {
  [work.before, work.parent, work.inside, work.full] = [work.inside[0] ?? '', me.code('LP', 4), [], false];
  scan(me, work, fresh(work.parent));
}

// scan sends a scan, and keeps in mind what it did. Without an answer the same scan is the next thing to do.
function scan(me, work, one) {
  const outcome = send(me, one);
  work.waiting = outcome ? null : one;
  if (!outcome) return;
  work.last = { ...one, outcome };
  if (outcome === 'linked') work.inside.push(one.code);
  if (outcome === 'parent_full') work.full = true;
}

// replay sends the last scan once more under the same id: the answer is the first one.
function replay(me, work) {
  const { outcome, ...again } = work.last;
  const second = send(me, again);
  if (second && second !== outcome) wrong(`replay of ${again.scan_id}`, { status: 200, error: `${outcome}, then ${second}` });
}

// mistake is a code that is none, or a child of the parent before.
function mistake(me, work) {
  const code = work.before && Math.random() < 0.7 ? work.before : '?';
  scan(me, work, fresh(code, work.parent));
}

function takeBack(me, work) {
  const code = work.inside.at(-1);
  if (undo(me, code, work.parent)) work.inside.pop();
}

function lookUp(me, work) {
  const code = Math.random() < 0.5 ? work.parent : work.inside.at(-1);
  const roll = Math.random();
  if (roll < 0.4) return me.web.page(`/bags/${code}`, { name: 'look up' });
  if (roll < 0.6) return me.web.get(`/api/bags/${code}/history`, { name: 'look up' });
  if (roll < 0.8) return me.web.page(`/search?q=${code.slice(0, 7)}`, { name: 'look up', expect: [200, 303] });
  return me.web.page('/bags', { name: 'list' });
}
