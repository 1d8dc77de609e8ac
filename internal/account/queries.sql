-- Users are global: a name is unique across organizations.

-- name: findByName :one
SELECT id, org_id, username, role, coalesce(area, '')::text AS area, password_hash, active, session_epoch
FROM "user" WHERE lower(username) = lower(@username);

-- name: getStanding :one
SELECT org_id, username, role, coalesce(area, '')::text AS area, active, session_epoch FROM "user" WHERE id = @id;

-- name: insertUser :one
INSERT INTO "user" (org_id, username, email, role, area, password_hash)
VALUES (@org_id, @username, nullif(@email::text, ''), @role, nullif(@area::text, ''), @password_hash)
RETURNING id;

-- name: setPassword :execrows
UPDATE "user" SET password_hash = @password_hash, session_epoch = session_epoch + 1 WHERE org_id = @org_id AND id = @id;

-- name: raiseEpoch :execrows
UPDATE "user" SET session_epoch = session_epoch + 1 WHERE org_id = @org_id AND id = @id;
