// An admin looks after people, reads the audit log, and watches the pool and the numbers.
export function admin(me) {
  return () => {
    const looks = [
      ['/users', 'page'], ['/api/users?limit=50', 'get'], [`/users/${me.username}`, 'page'], ['/audit', 'page'],
      [`/api/audit?user=${me.username}&limit=50`, 'get'], ['/pool_dashboard', 'page'], ['/api/pool', 'get'], ['/system_health', 'page'],
      ['/dashboard', 'page'], ['/api/stats', 'get'],
    ];
    const [path, how] = looks[Math.floor(Math.random() * looks.length)];
    me.web[how](path, { name: { '/dashboard': 'dashboard', '/api/stats': 'stats' }[path] ?? 'admin' });
  };
}
