-- name: getOrganization :one
SELECT id, name, time_zone FROM organization WHERE id = @org_id;

-- name: listFormats :many
SELECT id, name, parent_pattern, capacity, child_grams FROM bag_format WHERE org_id = @org_id ORDER BY id;

-- name: insertOrganization :one
INSERT INTO organization (name, time_zone) VALUES (@name, @time_zone) RETURNING id;

-- name: insertFormat :exec
INSERT INTO bag_format (org_id, name, parent_pattern, capacity, child_grams)
VALUES (@org_id, @name, @parent_pattern, @capacity, @child_grams);

-- Organizations are global: the commands of operators list them all.

-- name: listOrganizations :many
SELECT id, name, time_zone, created_at::timestamptz AS since FROM organization ORDER BY id;

-- name: getBilling :one
SELECT coalesce(b.standing, 'exempt')::text AS standing, b.trial_ends_at, b.past_due_since, coalesce(b.grace_days, 0)::integer AS grace_days, o.time_zone
FROM organization o LEFT JOIN billing b ON b.org_id = o.id WHERE o.id = @org_id;

-- name: lockOrganization :one
SELECT settings_version FROM organization WHERE id = @org_id FOR NO KEY UPDATE;

-- name: putBilling :exec
INSERT INTO billing (org_id, standing, trial_ends_at, past_due_since, grace_days)
VALUES (@org_id, @standing, sqlc.narg('trial_ends_at'), sqlc.narg('past_due_since'), sqlc.narg('grace_days'))
ON CONFLICT (org_id) DO UPDATE SET standing = excluded.standing, trial_ends_at = excluded.trial_ends_at,
    past_due_since = excluded.past_due_since, grace_days = excluded.grace_days, changed_at = now();

-- name: announce :exec
SELECT pg_notify('traitortrack_org', (@org_id::bigint)::text);

-- name: listAdmins :many
SELECT username FROM "user" WHERE org_id = @org_id AND role = 'admin' AND active ORDER BY lower(username) LIMIT 5;

-- name: knownCodes :many
SELECT kind, code FROM bag WHERE org_id = @org_id AND code > @after ORDER BY code LIMIT 10000;

-- name: setOrganization :one
UPDATE organization SET name = @name, time_zone = @time_zone, settings_version = settings_version + 1 WHERE id = @org_id RETURNING settings_version;

-- name: getSettings :one
SELECT name, time_zone, settings_version FROM organization WHERE id = @org_id;

-- name: updateFormat :execrows
UPDATE bag_format SET name = @name, parent_pattern = @parent_pattern, capacity = @capacity, child_grams = @child_grams
WHERE org_id = @org_id AND id = @id;

-- name: deleteFormats :exec
DELETE FROM bag_format WHERE org_id = @org_id AND id <> ALL (@keep::bigint[]);
