-- name: notifyAdmins :exec
INSERT INTO notification (org_id, user_id, kind, message, link, subject_id)
SELECT u.org_id, u.id, @kind, @message, nullif(@link::text, ''), nullif(@subject_id::bigint, 0)
FROM "user" u WHERE u.org_id = @org_id AND u.active AND (u.role = 'admin' OR u.id = @also) AND u.id <> @but_not;

-- name: notifyEveryAdmin :exec
INSERT INTO notification (org_id, user_id, kind, message, link, subject_id)
SELECT u.org_id, u.id, @kind, @message, nullif(@link::text, ''), nullif(@subject_id::bigint, 0)
FROM "user" u WHERE u.active AND u.role = 'admin';

-- Global: the deployment's admins who can be mailed.
-- name: listMailedAdmins :many
SELECT org_id, id FROM "user" WHERE active AND role = 'admin' AND email IS NOT NULL ORDER BY id;

-- name: notifyUser :exec
INSERT INTO notification (org_id, user_id, kind, message, link, subject_id)
VALUES (@org_id, @user_id, @kind, @message, nullif(@link::text, ''), nullif(@subject_id::bigint, 0));

-- name: listNotices :many
SELECT id, kind, message, coalesce(link, '')::text AS link, read_at, created_at FROM notification
WHERE org_id = @org_id AND user_id = @user_id AND id < @before ORDER BY id DESC LIMIT @most;

-- It counts no further than anybody wants to know.
-- name: countUnread :one
SELECT count(*) FROM (SELECT FROM notification WHERE org_id = @org_id AND user_id = @user_id AND read_at IS NULL LIMIT @most) unread;

-- name: openNotice :one
UPDATE notification SET read_at = coalesce(read_at, @now::timestamptz) WHERE org_id = @org_id AND user_id = @user_id AND id = @id
RETURNING coalesce(link, '')::text AS link;

-- name: markRead :exec
UPDATE notification SET read_at = @now::timestamptz WHERE org_id = @org_id AND user_id = @user_id AND id = ANY (@ids::bigint[]) AND read_at IS NULL;

-- name: markReadUpTo :exec
UPDATE notification SET read_at = @now::timestamptz WHERE org_id = @org_id AND user_id = @user_id AND id <= @up_to AND read_at IS NULL;

-- A link that was used, is too old or belongs to somebody who was shut out gets no token.
-- name: mintLink :one
UPDATE password_link l SET token_hash = @token_hash
FROM "user" u, organization o
WHERE l.org_id = @org_id AND l.id = @id AND l.used_at IS NULL AND l.expires_at > @now AND u.id = l.user_id AND u.active AND o.id = l.org_id
RETURNING l.purpose, l.expires_at, u.id AS user_id, u.username, coalesce(u.email, '')::text AS email, o.name AS organization, o.time_zone;

-- name: getRecipient :one
SELECT u.username, coalesce(u.email, '')::text AS email FROM "user" u WHERE u.org_id = @org_id AND u.id = @id AND u.active;
