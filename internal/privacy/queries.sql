-- name: find :one
SELECT id, username FROM "user" WHERE org_id = @org_id AND erased_at IS NULL AND lower(username) = lower(@username);

-- What is kept of a person, as JSON. A list that may be long comes in pages, the oldest first.

-- name: profileOf :one
SELECT to_jsonb(t)::jsonb AS json FROM (
    SELECT u.id, u.username, u.email, u.role, u.area, u.active, u.created_at, u.last_login_at,
           EXISTS (SELECT FROM totp f WHERE f.org_id = u.org_id AND f.user_id = u.id AND f.confirmed_at IS NOT NULL) AS two_factor,
           (SELECT o.name FROM organization o WHERE o.id = u.org_id) AS organization
    FROM "user" u WHERE u.org_id = @org_id AND u.id = @user_id) t;

-- name: sessionsOf :many
SELECT to_jsonb(t)::jsonb AS json FROM (
    SELECT s.device, s.address, s.created_at, s.last_used_at FROM session s JOIN "user" u ON u.id = s.user_id
    WHERE u.org_id = @org_id AND s.user_id = @user_id ORDER BY s.created_at) t;

-- name: tokensOf :many
SELECT to_jsonb(t)::jsonb AS json FROM (
    SELECT k.name, k.scopes, k.created_at, k.expires_at, k.last_used_at FROM api_token k
    WHERE k.org_id = @org_id AND k.user_id = @user_id ORDER BY k.id) t;

-- name: noticesOf :many
SELECT to_jsonb(t)::jsonb AS json FROM (
    SELECT n.kind, n.message, n.created_at, n.read_at FROM notification n
    WHERE n.org_id = @org_id AND n.user_id = @user_id ORDER BY n.id) t;

-- name: promotionsOf :many
SELECT to_jsonb(t)::jsonb AS json FROM (
    SELECT p.role, p.reason, p.status, p.note, p.created_at, p.answered_at FROM promotion_request p
    WHERE p.org_id = @org_id AND p.user_id = @user_id ORDER BY p.id) t;

-- name: billsOf :many
SELECT to_jsonb(t)::jsonb AS json FROM (
    SELECT b.number, b.created_by = @user_id AS created, coalesce(b.completed_by = @user_id, false) AS completed, b.created_at, b.completed_at FROM bill b
    WHERE b.org_id = @org_id AND (b.created_by = @user_id OR b.completed_by = @user_id) ORDER BY b.id) t;

-- name: doneBy :many
SELECT l."timestamp" AS at, l.id, (to_jsonb(l) - ARRAY['org_id'])::jsonb AS json FROM audit_log l
WHERE l.org_id = @org_id AND l.user_id = @user_id::bigint AND (l."timestamp", l.id) > (@after::timestamptz, @after_id::bigint)
ORDER BY l."timestamp", l.id LIMIT @most;

-- The address in an event that somebody else caused is theirs.
-- name: doneTo :many
SELECT l."timestamp" AS at, l.id,
       (to_jsonb(l) - CASE WHEN l.user_id IS NULL THEN ARRAY['org_id'] ELSE ARRAY['org_id', 'user_id', 'ip_address'] END)::jsonb AS json
FROM audit_log l
WHERE l.org_id = @org_id AND l.entity_type = 'user' AND l.entity_id = @entity_id AND l.user_id IS DISTINCT FROM @user_id::bigint
  AND (l."timestamp", l.id) > (@after::timestamptz, @after_id::bigint)
ORDER BY l."timestamp", l.id LIMIT @most;

-- name: scansBy :many
SELECT s.at, s.id, (to_jsonb(s) - ARRAY['org_id', 'user_id', 'xid', 'id'])::jsonb AS json FROM scan s
WHERE s.org_id = @org_id AND s.user_id = @user_id AND (s.at, s.id) > (@after::timestamptz, @after_id::uuid)
ORDER BY s.at, s.id LIMIT @most;

-- Erasing somebody.

-- name: takeTime :exec
-- Global: a setting of the transaction. Values of nobody known are searched from end to end.
SELECT set_config('statement_timeout', '0', true);

-- Whoever erases somebody has to be an admin still when their turn comes.
-- name: holdActor :one
SELECT (active AND role = 'admin')::boolean AS admin FROM "user" WHERE org_id = @org_id AND id = @id FOR NO KEY UPDATE;

-- name: hold :one
SELECT id, username, coalesce(email, '')::text AS email, role, coalesce(area, '')::text AS area, active, created_at
FROM "user" WHERE org_id = @org_id AND erased_at IS NULL AND lower(username) = lower(@username) FOR UPDATE;

-- Somebody may have chosen such a name before.
-- name: anonymize :one
UPDATE "user" u SET
    username = CASE WHEN EXISTS (SELECT FROM "user" o WHERE lower(o.username) = 'erased-' || u.id) THEN 'erased-' || u.id || '-' || left(gen_random_uuid()::text, 8)
                    ELSE 'erased-' || u.id END,
    email = NULL, area = NULL, password_hash = '', active = false, must_change_password = false, last_login_at = NULL, erased_at = @now::timestamptz,
    session_epoch = session_epoch + 1
WHERE u.org_id = @org_id AND u.id = @id RETURNING username;

-- name: eraseSessions :exec
DELETE FROM session s USING "user" u WHERE u.id = s.user_id AND u.org_id = @org_id AND s.user_id = @user_id;

-- name: eraseFactor :exec
DELETE FROM totp WHERE org_id = @org_id AND user_id = @user_id;

-- name: eraseTokens :exec
DELETE FROM api_token WHERE org_id = @org_id AND user_id = @user_id;

-- name: eraseLinks :exec
DELETE FROM password_link WHERE org_id = @org_id AND user_id = @user_id;

-- name: eraseNotices :exec
DELETE FROM notification WHERE org_id = @org_id AND (user_id = @user_id OR subject_id = @user_id::bigint);

-- name: erasePromotions :exec
UPDATE promotion_request SET reason = 'erased', note = NULL,
    status = CASE status WHEN 'open' THEN 'withdrawn' ELSE status END, answered_at = coalesce(answered_at, now())
WHERE org_id = @org_id AND user_id = @user_id;

-- Names in this table are global, and kept as hashes.
-- name: eraseLock :exec
-- Global: names are.
DELETE FROM login_lock WHERE name_hash = sha256(convert_to(lower(@username::text), 'UTF8'));

-- What names the person: values kept under their id; and among those of nobody known (a login under a name that nobody
-- had), their name, their mail address, and an address on the network that was theirs and nobody else's.
-- name: erasePersonal :execrows
WITH theirs AS MATERIALIZED (
    SELECT DISTINCT p.value ->> 'ip_address' AS ip FROM sealed.personal p WHERE p.org_id = @org_id AND p.user_id = @user_id::bigint AND p.value ? 'ip_address'
), alone AS MATERIALIZED (
    SELECT t.ip FROM theirs t WHERE NOT EXISTS (
        SELECT FROM sealed.personal o WHERE o.user_id <> @user_id::bigint AND o.value ->> 'ip_address' = t.ip)
)
UPDATE sealed.personal p SET value = '{}'
WHERE p.org_id = @org_id AND p.user_id = @user_id::bigint AND p.value <> '{}'
   OR p.user_id IS NULL AND p.org_id IN (0, @org_id) AND (
        p.value ->> 'ip_address' IN (SELECT a.ip FROM alone a)
        OR EXISTS (SELECT FROM jsonb_path_query(p.value, 'strict $.**') AS v (leaf)
                   WHERE jsonb_typeof(v.leaf) = 'string' AND lower(v.leaf #>> '{}') = ANY (@names::text[])));
