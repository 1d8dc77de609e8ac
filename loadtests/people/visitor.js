// Somebody without an account, or a balancer: the login page, and whether the server is there.
import { browserOf } from './web.js';

export function browse(n) {
  const web = browserOf(100000 + n);
  if (Math.random() < 0.5) web.page('/login', { name: 'login page' });
  else web.get('/health', { name: 'health' });
}
