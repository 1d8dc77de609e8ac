-- name: claimReceipts :many
-- Claims the ids that nobody has used yet, in the order of the ids. Whoever comes second waits here for the first to end.
INSERT INTO scan_receipt (org_id, scan_id, at)
SELECT @org_id, r.scan_id, r.at
FROM (SELECT unnest(@scan_ids::uuid[]) AS scan_id, unnest(@ats::timestamptz[]) AS at) r
ORDER BY r.scan_id
ON CONFLICT DO NOTHING
RETURNING scan_id;

-- name: firstOutcomes :many
SELECT s.id, s.event, s.outcome, s.code, coalesce(s.parent_code, '') AS parent_code, coalesce(s.other, '') AS other, s.at
FROM scan_receipt r
JOIN scan s ON s.org_id = r.org_id AND s.at = r.at AND s.id = r.scan_id
WHERE r.org_id = @org_id AND r.scan_id = ANY (@scan_ids::uuid[]);

-- name: lockBags :many
-- Locks bags in the order in which their codes are given, and no statement of the program gives them unsorted. One by one by
-- the whole unique key: a planner that has not yet met an organization would rather read all of its bags.
SELECT b.id, b.code, b.kind, b.area, b.capacity, b.child_grams, b.children, b.weight_grams, b.closed_by_hand
FROM (SELECT unnest(@codes::text[]) AS code) n
CROSS JOIN LATERAL (
    SELECT id, bag.code, kind, coalesce(area, '') AS area, capacity, coalesce(child_grams, 0)::integer AS child_grams, children, weight_grams,
           closed_by_hand
    FROM bag WHERE bag.org_id = @org_id AND bag.code = n.code FOR UPDATE) b;

-- name: linksOf :many
-- Where children are, read once they are locked.
SELECT c.code, p.code AS parent_code, l.weight_grams, l.linked_by, l.linked_at, u.username
FROM (SELECT unnest(@codes::text[]) AS code) n
CROSS JOIN LATERAL (SELECT id, bag.code FROM bag WHERE bag.org_id = @org_id AND bag.code = n.code OFFSET 0) c
CROSS JOIN LATERAL (SELECT parent_id, weight_grams, linked_by, linked_at FROM link WHERE link.org_id = @org_id AND link.child_id = c.id OFFSET 0) l
JOIN bag p ON p.org_id = @org_id AND p.kind = 'parent' AND p.id = l.parent_id
JOIN "user" u ON u.id = l.linked_by;

-- name: lockBillsOf :many
-- The bills of parents that are locked already, so that none is completed while a scan into it is under way.
SELECT p.code, b.number, (b.completed_at IS NOT NULL)::boolean AS completed
FROM (SELECT unnest(@codes::text[]) AS code) n
CROSS JOIN LATERAL (SELECT id, bag.code FROM bag WHERE bag.org_id = @org_id AND bag.code = n.code OFFSET 0) p
CROSS JOIN LATERAL (SELECT bill_id FROM bill_bag WHERE bill_bag.org_id = @org_id AND bill_bag.bag_id = p.id OFFSET 0) bb
JOIN bill b ON b.org_id = @org_id AND b.id = bb.bill_id
ORDER BY b.number_key
FOR SHARE OF b;

-- name: summaries :many
-- Parents in short, not locked: for a repeated scan that names another parent than the first time.
SELECT id, code, capacity, children, weight_grams, closed_by_hand
FROM bag
WHERE org_id = @org_id AND kind = 'parent' AND code = ANY (@codes::text[]);

-- name: insertBags :exec
INSERT INTO bag (org_id, kind, code, format_id, area, capacity, child_grams, children, weight_grams, linked, created_by, created_at, last_scan_at)
SELECT @org_id, n.kind, n.code, nullif(n.format_id, 0), nullif(n.area, ''), n.capacity, nullif(n.child_grams, 0), n.children,
       n.weight_grams, n.linked, n.created_by, n.at, n.at
FROM (SELECT unnest(@kinds::text[]) AS kind, unnest(@codes::text[]) AS code, unnest(@format_ids::bigint[]) AS format_id,
             unnest(@areas::text[]) AS area, unnest(@capacities::integer[]) AS capacity,
             unnest(@child_grams::integer[]) AS child_grams, unnest(@children::integer[]) AS children,
             unnest(@weights::bigint[]) AS weight_grams, unnest(@linked::boolean[]) AS linked,
             unnest(@created_by::bigint[]) AS created_by, unnest(@ats::timestamptz[]) AS at) n
ORDER BY n.kind DESC, n.code;

-- name: updateBags :exec
UPDATE bag b
SET children = n.children, weight_grams = n.weight_grams, closed_by_hand = n.closed_by_hand, linked = n.linked, last_scan_at = n.at
FROM (SELECT unnest(@kinds::text[]) AS kind, unnest(@ids::bigint[]) AS id, unnest(@children::integer[]) AS children,
             unnest(@weights::bigint[]) AS weight_grams, unnest(@closed_by_hand::boolean[]) AS closed_by_hand,
             unnest(@linked::boolean[]) AS linked, unnest(@ats::timestamptz[]) AS at) n
WHERE b.org_id = @org_id AND b.kind = n.kind AND b.id = n.id;

-- name: insertLinks :exec
-- Both bags are there: locked since the group was loaded, or inserted by the statement before.
INSERT INTO link (org_id, child_id, parent_id, weight_grams, linked_by, linked_at)
SELECT @org_id, c.id, p.id, n.weight_grams, n.linked_by, n.at
FROM (SELECT unnest(@children::text[]) AS child, unnest(@parents::text[]) AS parent, unnest(@weights::integer[]) AS weight_grams,
             unnest(@linked_by::bigint[]) AS linked_by, unnest(@ats::timestamptz[]) AS at) n
JOIN bag c ON c.org_id = @org_id AND c.code = n.child
JOIN bag p ON p.org_id = @org_id AND p.code = n.parent;

-- name: insertScans :exec
INSERT INTO scan (org_id, at, id, event, outcome, code, parent_code, other, user_id, device, device_at)
SELECT @org_id, n.at, n.id, n.event, n.outcome, n.code, nullif(n.parent_code, ''), nullif(n.other, ''), n.user_id, n.device,
       nullif(n.device_at, '0001-01-01 00:00:00+00')
FROM (SELECT unnest(@ats::timestamptz[]) AS at, unnest(@ids::uuid[]) AS id, unnest(@events::text[]) AS event,
             unnest(@outcomes::text[]) AS outcome, unnest(@codes::text[]) AS code, unnest(@parent_codes::text[]) AS parent_code,
             unnest(@others::text[]) AS other, unnest(@user_ids::bigint[]) AS user_id, unnest(@devices::text[]) AS device,
             unnest(@device_ats::timestamptz[]) AS device_at) n;

-- name: parentOf :one
SELECT p.code
FROM bag c
JOIN link l ON l.org_id = c.org_id AND l.child_id = c.id
JOIN bag p ON p.org_id = l.org_id AND p.kind = 'parent' AND p.id = l.parent_id
WHERE c.org_id = @org_id AND c.kind = 'child' AND c.code = @code;

-- name: deleteLink :exec
DELETE FROM link WHERE org_id = @org_id AND child_id = @child_id;

-- name: deleteBag :exec
DELETE FROM bag WHERE org_id = @org_id AND kind = @kind AND id = @id;

-- name: describe :many
-- What a page shows of some bags: where a child is, and the bill that a bag travels on.
SELECT b.id, b.code, b.kind, b.status, coalesce(f.name, '') AS format, coalesce(b.area, '') AS area, b.capacity, b.children,
       b.weight_grams, coalesce(b.child_grams, 0)::integer AS child_grams, b.closed_by_hand, b.created_at, b.last_scan_at,
       coalesce(p.code, '') AS parent_code, coalesce(l.weight_grams, 0)::integer AS link_grams, coalesce(on_bill.number, '') AS bill
FROM bag b
LEFT JOIN bag_format f ON f.org_id = b.org_id AND f.id = b.format_id
LEFT JOIN link l ON l.org_id = b.org_id AND l.child_id = b.id AND b.kind = 'child'
LEFT JOIN bag p ON p.org_id = b.org_id AND p.kind = 'parent' AND p.id = l.parent_id
LEFT JOIN LATERAL ( -- a step for each bag: as plain joins, they would be made over all bills
    SELECT bi.number FROM bill_bag bb JOIN bill bi ON bi.org_id = bb.org_id AND bi.id = bb.bill_id
    WHERE bb.org_id = b.org_id AND bb.bag_id = CASE WHEN b.kind = 'parent' THEN b.id ELSE l.parent_id END
    LIMIT 1) on_bill ON true
WHERE b.org_id = @org_id AND b.code = ANY (@codes::text[]);

-- name: childrenOf :many
SELECT c.code, l.weight_grams, u.username, l.linked_at
FROM link l
JOIN bag c ON c.org_id = l.org_id AND c.kind = 'child' AND c.id = l.child_id
JOIN "user" u ON u.id = l.linked_by
WHERE l.org_id = @org_id AND l.parent_id = @parent_id
ORDER BY l.linked_at, c.code;

-- name: newestOfKind :many
SELECT id, code FROM bag
WHERE org_id = @org_id AND kind = @kind AND id < @before
ORDER BY id DESC LIMIT @most;

-- name: newestOfStatus :many
SELECT id, code FROM bag
WHERE org_id = @org_id AND kind = @kind AND status = @status AND id < @before
ORDER BY id DESC LIMIT @most;

-- name: codesFrom :many
-- Codes that begin with a prefix, as the range from the prefix to the first code behind all that begin with it.
SELECT id, code FROM bag
WHERE org_id = @org_id AND code >= @prefix AND code < @behind AND code > @after
  AND (sqlc.narg('kind')::text IS NULL OR kind = sqlc.narg('kind'))
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
ORDER BY code LIMIT @most;

-- name: history :many
-- A bag's events as itself and, for a parent, those of others at it. Newest first, from before a time and id.
SELECT e.at, e.id, e.event, e.outcome, e.code, e.parent_code, e.other, e.device, e.device_at, coalesce(u.username, '') AS username
FROM (
    (SELECT s.at, s.id, s.event, s.outcome, s.code, coalesce(s.parent_code, '') AS parent_code, coalesce(s.other, '') AS other,
            s.device, s.device_at, s.user_id
     FROM scan s
     WHERE s.org_id = @org_id AND s.code = @code AND (s.at, s.id) < (@before_at::timestamptz, @before_id::uuid)
     ORDER BY s.at DESC, s.id DESC LIMIT @most)
    UNION
    (SELECT s.at, s.id, s.event, s.outcome, s.code, coalesce(s.parent_code, ''), coalesce(s.other, ''), s.device, s.device_at, s.user_id
     FROM scan s
     WHERE s.org_id = @org_id AND s.parent_code = @code AND (s.at, s.id) < (@before_at::timestamptz, @before_id::uuid)
     ORDER BY s.at DESC, s.id DESC LIMIT @most)
) e
LEFT JOIN "user" u ON u.id = e.user_id
ORDER BY e.at DESC, e.id DESC LIMIT @most;

-- name: recent :many
-- A user's own last scans, and whether the child of each still is where that scan put it. Where each child is is looked up one
-- by one: left to choose, the planner would rather read all bags.
SELECT s.at, s.id, s.event, s.outcome, s.code, coalesce(s.parent_code, '') AS parent_code, coalesce(s.other, '') AS other, s.device, s.device_at,
       coalesce(k.in_place, false)::boolean AS in_place
FROM (SELECT * FROM scan
      WHERE scan.org_id = @org_id AND scan.user_id = @user_id AND scan.event = 'scan'
      ORDER BY scan.at DESC, scan.id DESC LIMIT @most) s
LEFT JOIN LATERAL (SELECT true AS in_place
                   FROM bag c
                   JOIN link l ON l.org_id = c.org_id AND l.child_id = c.id
                   WHERE c.org_id = s.org_id AND c.code = s.code AND c.kind = 'child' AND l.linked_at = s.at AND s.outcome = 'linked'
                   LIMIT 1) k ON true
ORDER BY s.at DESC, s.id DESC;
