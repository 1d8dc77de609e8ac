-- Whoever asks or answers holds the users whom it is about, in the order of their ids.
-- name: holdUsers :many
SELECT id, username, role, active FROM "user" WHERE org_id = @org_id AND id = ANY (@ids::bigint[]) ORDER BY id FOR NO KEY UPDATE;

-- name: insertRequest :one
INSERT INTO promotion_request (org_id, user_id, role, reason, created_at) VALUES (@org_id, @user_id, @role, @reason, @now) RETURNING id;

-- name: holdOpen :one
SELECT id, role FROM promotion_request WHERE org_id = @org_id AND user_id = @user_id AND status = 'open' FOR UPDATE;

-- name: withdraw :exec
UPDATE promotion_request SET status = 'withdrawn', answered_at = @now::timestamptz WHERE org_id = @org_id AND id = @id;

-- name: askerOf :one
SELECT user_id FROM promotion_request WHERE org_id = @org_id AND id = @id;

-- name: holdRequest :one
SELECT user_id, role, status FROM promotion_request WHERE org_id = @org_id AND id = @id FOR UPDATE;

-- name: answer :exec
UPDATE promotion_request SET status = @status, note = nullif(@note::text, ''), answered_by = @answered_by::bigint, answered_at = @now::timestamptz
WHERE org_id = @org_id AND id = @id;

-- name: setRole :exec
UPDATE "user" SET role = @role WHERE org_id = @org_id AND id = @id;

-- name: listRequests :many
SELECT r.id, u.username, u.role AS present_role, u.active, r.role, r.reason, r.status, coalesce(r.note, '')::text AS note,
       coalesce(a.username, '')::text AS answered_by, r.created_at, r.answered_at
FROM promotion_request r JOIN "user" u ON u.id = r.user_id LEFT JOIN "user" a ON a.id = r.answered_by
WHERE r.org_id = @org_id AND (sqlc.narg('status')::text IS NULL OR r.status = sqlc.narg('status')) AND r.id < @before
ORDER BY r.id DESC LIMIT @most;

-- name: ownRequests :many
SELECT r.id, u.username, u.role AS present_role, u.active, r.role, r.reason, r.status, coalesce(r.note, '')::text AS note,
       coalesce(a.username, '')::text AS answered_by, r.created_at, r.answered_at
FROM promotion_request r JOIN "user" u ON u.id = r.user_id LEFT JOIN "user" a ON a.id = r.answered_by
WHERE r.org_id = @org_id AND r.user_id = @user_id
ORDER BY r.id DESC LIMIT @most;

-- name: getRequest :one
SELECT r.id, u.username, u.role AS present_role, u.active, r.role, r.reason, r.status, coalesce(r.note, '')::text AS note,
       coalesce(a.username, '')::text AS answered_by, r.created_at, r.answered_at
FROM promotion_request r JOIN "user" u ON u.id = r.user_id LEFT JOIN "user" a ON a.id = r.answered_by
WHERE r.org_id = @org_id AND r.id = @id;

-- name: countOpen :one
SELECT count(*) FROM promotion_request WHERE org_id = @org_id AND status = 'open';
