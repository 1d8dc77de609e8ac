// A scan as the scanner page sends it: with an id of its own, sent again until there is an answer. What was answered is written to
// the console, which the runner keeps in a file and holds against the database afterwards:
//
//   scan ID STATUS OUTCOME CODE PARENT     lost ID CODE (no answer yet)
//   undo STATUS CODE PARENT                bill STATUS NUMBER CODE     done STATUS NUMBER
//   failed STATUS NAME (see web.js)
import { parsed, wrong } from './web.js';

// send sends a scan {scan_id, code, parent?}, and gives its outcome, or '' where there was no answer: it is to be sent again.
export function send(me, scan) {
  const answer = me.web.send('POST', '/api/scans', scan, { name: 'scan', read: true, expect: [200, 409, 422] });
  const told = parsed(answer);
  const outcome = answer.status === 200 ? told.outcome : told.code;
  if (![200, 409, 422].includes(answer.status)) {
    console.log(`lost ${scan.scan_id} ${scan.code}`);
    return '';
  }
  if (answer.status === 200 && (told.scan_id !== scan.scan_id || told.code !== scan.code)) wrong(`scan of ${scan.code}`, answer);
  console.log(`scan ${scan.scan_id} ${answer.status} ${outcome} ${scan.code} ${scan.parent ?? '-'}`);
  return outcome;
}

// fresh makes a scan with a new id.
export function fresh(code, parent) {
  return parent ? { scan_id: crypto.randomUUID(), code, parent } : { scan_id: crypto.randomUUID(), code };
}

// undo takes a child out of its parent.
export function undo(me, code, parent) {
  const answer = me.web.send('DELETE', `/api/bags/${code}/parent`, null, { name: 'undo', read: true });
  console.log(`undo ${answer.status} ${code} ${parent}`);
  return answer.status === 200;
}
