// A biller makes a bill, puts parents on it, and completes it.
import { fresh, send } from './scanning.js';

const capacity = 3;

// biller gives what somebody does next: the steps of a bill in turn, with looks at lists in between.
export function biller(me) {
  let bill, steps = [];
  return () => {
    if (Math.random() < 0.25) return look(me);
    if (steps.length === 0) {
      bill = { number: me.code('LB/', 4), parents: [], waiting: null };
      steps = plan();
    }
    if (steps[0](me, bill)) steps.shift();
  };
}

// plan is one bill from the beginning to its end. A step that was not answered is done again.
function plan() {
  const steps = [create];
  for (let i = 0; i < capacity; i++) steps.push(scanParent, scanChild, add);
  return [...steps, addAgain, view, complete];
}

function create(me, bill) {
  const answer = me.web.send('POST', '/api/bills', { number: bill.number, description: 'Load', capacity }, { name: 'bill', expect: [201, 409] });
  return answer.status === 201 || answer.status === 409; // the first try may have been heard
}

function scanParent(me, bill) {
  return scan(me, bill, () => {
    bill.parents.push(me.code('LP', 4));
    return fresh(bill.parents.at(-1));
  });
}

function scanChild(me, bill) {
  return scan(me, bill, () => fresh(me.code('LC', 5), bill.parents.at(-1)));
}

// scan sends a new scan, or the one that was not answered.
function scan(me, bill, make) {
  bill.waiting ??= make();
  if (!send(me, bill.waiting)) return false;
  bill.waiting = null;
  return true;
}

function add(me, bill) {
  const code = bill.parents.at(-1);
  const answer = me.web.send('POST', `/api/bills/${encodeURIComponent(bill.number)}/bags`, { code }, { name: 'bill' });
  console.log(`bill ${answer.status} ${bill.number} ${code}`);
  return answer.status === 200;
}

// addAgain puts a parent on the bill that it is on: information, and no second line.
function addAgain(me, bill) {
  return me.web.send('POST', `/api/bills/${encodeURIComponent(bill.number)}/bags`, { code: bill.parents[0] }, { name: 'bill' }).status === 200;
}

function view(me, bill) {
  return me.web.page(`/bills/${encodeURIComponent(bill.number)}`, { name: 'bill' }).status === 200;
}

function complete(me, bill) {
  const answer = me.web.send('POST', `/api/bills/${encodeURIComponent(bill.number)}/complete`, null, { name: 'bill', expect: [200, 409] });
  console.log(`done ${answer.status} ${bill.number}`);
  return answer.status === 200 || answer.status === 409;
}

function look(me) {
  const roll = Math.random();
  if (roll < 0.4) return me.web.page('/bills', { name: 'list' });
  if (roll < 0.6) return me.web.get('/api/bills?status=processing&limit=50', { name: 'list' });
  if (roll < 0.8) return me.web.get('/api/stats', { name: 'stats' });
  return me.web.page('/dashboard', { name: 'dashboard' });
}
