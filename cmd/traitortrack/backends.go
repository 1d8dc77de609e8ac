package main

// sayBackends logs, a line each, what each part stands on. Whoever wonders later why limits differ between instances reads it here.
func (p *program) sayBackends() {
	sessions, standing := "PostgreSQL, with copies in Redis", "Redis and PostgreSQL"
	if p.redis == nil {
		sessions, standing = "PostgreSQL (no Redis is configured)", "PostgreSQL (no Redis is configured)"
	}
	limits := "Redis, and in memory while it is away"
	if p.counts == nil {
		limits = "memory, by each instance for itself (no Redis is configured)"
	}
	mail := "a mail server"
	if p.config.SMTPURL == "" {
		mail = "nothing (no SMTP_URL): links are shown to the admin who makes them"
	}
	for _, part := range []struct{ says, uses string }{
		{"the database is reached", p.reached()}, {"sessions are kept in", sessions}, {"limits are counted in", limits},
		{"changes of billing standing are heard through", standing}, {"mail is sent by", mail},
	} {
		p.log.Info(part.says + " " + part.uses)
	}
}

// reached says how requests reach the database.
func (p *program) reached() string {
	how := "directly"
	if p.config.Pooled() {
		how = "through a pooler in transaction pooling"
	}
	if p.config.DatabaseReplicaURL != "" {
		how += ", and a replica where it keeps up"
	}
	return how
}
