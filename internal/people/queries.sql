-- An organization has hundreds of people and not millions: they are read in the order of their names, and the rest of a
-- filter is looked at on the way.
-- name: peopleFrom :many
SELECT id, lower(username)::text AS key FROM "user"
WHERE org_id = @org_id AND erased_at IS NULL AND lower(username) > @after
  AND (starts_with(lower(username), lower(@prefix)) OR starts_with(lower(email), lower(@prefix)))
  AND (sqlc.narg('role')::text IS NULL OR role = sqlc.narg('role'))
  AND (sqlc.narg('active')::boolean IS NULL OR active = sqlc.narg('active'))
ORDER BY lower(username) LIMIT @most;

-- Nobody's password is an empty hash: who has one was invited, and has yet to choose theirs. The epoch
-- stands for never.
-- name: describe :many
SELECT u.id, u.username, coalesce(u.email, '')::text AS email, u.role, coalesce(u.area, '')::text AS area, u.active, u.must_change_password,
       (u.password_hash = '')::boolean AS invited, u.created_at, u.last_login_at,
       (SELECT l.locked_until FROM login_lock l WHERE l.name_hash = sha256(convert_to(lower(u.username), 'UTF8'))) AS locked_until,
       coalesce((SELECT max(p.expires_at) FROM password_link p WHERE p.org_id = u.org_id AND p.user_id = u.id AND p.used_at IS NULL), 'epoch')::timestamptz AS link_until,
       coalesce((SELECT max(s.last_used_at) FROM session s WHERE s.user_id = u.id AND NOT s.pending), 'epoch')::timestamptz AS last_used_at,
       EXISTS (SELECT FROM totp t WHERE t.org_id = u.org_id AND t.user_id = u.id AND t.confirmed_at IS NOT NULL) AS two_factor
FROM "user" u WHERE u.org_id = @org_id AND u.id = ANY (@ids::bigint[]);

-- name: idOf :one
SELECT id FROM "user" WHERE org_id = @org_id AND erased_at IS NULL AND lower(username) = lower(@username);

-- Whoever changes somebody is held as well, so that two admins who take each other's role away come one after the other.
-- name: holdPeople :many
SELECT id, username, coalesce(email, '')::text AS email, role, coalesce(area, '')::text AS area, active, (password_hash = '')::boolean AS invited,
       (lower(username) = lower(@username))::boolean AS meant
FROM "user" WHERE org_id = @org_id AND erased_at IS NULL AND (lower(username) = lower(@username) OR id = @actor_id)
ORDER BY id FOR NO KEY UPDATE;

-- name: edit :exec
UPDATE "user" SET email = nullif(@email::text, ''), role = @role, area = nullif(@area::text, '') WHERE org_id = @org_id AND id = @id;

-- name: setActive :exec
UPDATE "user" SET active = @active WHERE org_id = @org_id AND id = @id;
