-- name: forgetReceipts :execrows
-- Global: a receipt is kept for a time, whosever it is. Few at once, so that no scan waits.
DELETE FROM scan_receipt WHERE (org_id, scan_id) IN (
    SELECT r.org_id, r.scan_id FROM scan_receipt r WHERE r.at < @before ORDER BY r.at LIMIT @most);

-- name: sweepNotices :execrows
-- Global: a notice is kept for a time, whosever it is. Few at once, so that nobody waits.
DELETE FROM notification WHERE (org_id, user_id, id) IN (
    SELECT n.org_id, n.user_id, n.id FROM notification n WHERE n.created_at < @before ORDER BY n.created_at LIMIT @most);
