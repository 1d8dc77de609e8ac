-- name: claimReceipt :many
-- Gives the id if nobody has used it yet.
INSERT INTO scan_receipt (org_id, scan_id, at) VALUES (@org_id, @scan_id, @at) ON CONFLICT DO NOTHING
RETURNING scan_id;

-- name: firstOutcome :one
SELECT s.event, s.outcome, s.code, coalesce(s.other, '') AS other, s.at
FROM scan_receipt r
JOIN scan s ON s.org_id = r.org_id AND s.at = r.at AND s.id = r.scan_id
WHERE r.org_id = @org_id AND r.scan_id = @scan_id;

-- name: lockParent :one
SELECT id, code, children, capacity FROM bag WHERE org_id = @org_id AND kind = 'parent' AND code = @code FOR UPDATE;

-- name: lockBill :one
SELECT id, number, number_key, description, capacity, linked, completed_at, status, created_by FROM bill
WHERE org_id = @org_id AND number_key = @number_key
FOR UPDATE;

-- name: isChild :one
SELECT EXISTS (SELECT FROM bag WHERE org_id = @org_id AND kind = 'child' AND code = @code);

-- name: billOf :one
-- The bill that a parent is on, read once the parent is locked.
SELECT b.id, b.number, bb.linked_at, bb.linked_by, u.username
FROM bill_bag bb
JOIN bill b ON b.org_id = bb.org_id AND b.id = bb.bill_id
JOIN "user" u ON u.id = bb.linked_by
WHERE bb.org_id = @org_id AND bb.bag_id = @bag_id;

-- name: insertBill :exec
INSERT INTO bill (org_id, number, number_key, description, capacity, created_by, created_at)
VALUES (@org_id, @number, @number_key, @description, @capacity, @created_by, @created_at);

-- name: updateBill :exec
UPDATE bill SET number = @number, number_key = @number_key, description = @description, capacity = @capacity
WHERE org_id = @org_id AND id = @id;

-- name: setLinked :exec
UPDATE bill SET linked = @linked WHERE org_id = @org_id AND id = @id;

-- name: setCompleted :exec
UPDATE bill SET completed_at = sqlc.narg('completed_at'), completed_by = sqlc.narg('completed_by') WHERE org_id = @org_id AND id = @id;

-- name: insertBillBag :exec
INSERT INTO bill_bag (org_id, bag_id, bill_id, linked_by, linked_at) VALUES (@org_id, @bag_id, @bill_id, @linked_by, @linked_at);

-- name: deleteBillBag :exec
DELETE FROM bill_bag WHERE org_id = @org_id AND bag_id = @bag_id;

-- name: freeParents :exec
DELETE FROM bill_bag WHERE org_id = @org_id AND bill_id = @bill_id;

-- name: deleteBill :exec
DELETE FROM bill WHERE org_id = @org_id AND id = @id;

-- name: insertEvents :exec
INSERT INTO scan (org_id, at, id, event, outcome, code, other, user_id, device)
SELECT @org_id, n.at, n.id, @event, @outcome, n.code, nullif(@other::text, ''), @user_id, @device
FROM (SELECT unnest(@ats::timestamptz[]) AS at, unnest(@ids::uuid[]) AS id, unnest(@codes::text[]) AS code) n;

-- name: describe :many
-- Bills with the sums over their parents. Weights are never kept on a bill.
SELECT b.id, b.number, b.description, b.status, b.capacity, b.linked, b.created_at, c.username AS created_by,
       b.completed_at, d.username AS completed_by,
       coalesce(t.children, 0)::bigint AS children, coalesce(t.grams, 0)::bigint AS grams, coalesce(t.expected, 0)::bigint AS expected
FROM bill b
JOIN "user" c ON c.id = b.created_by
LEFT JOIN "user" d ON d.id = b.completed_by
LEFT JOIN (
    SELECT bb.bill_id, sum(p.children) AS children, sum(p.weight_grams) AS grams, sum(p.capacity::bigint * p.child_grams) AS expected
    FROM bill_bag bb
    JOIN bag p ON p.org_id = bb.org_id AND p.kind = 'parent' AND p.id = bb.bag_id
    WHERE bb.org_id = @org_id AND bb.bill_id = ANY (@ids::bigint[])
    GROUP BY bb.bill_id
) t ON t.bill_id = b.id
WHERE b.org_id = @org_id AND b.id = ANY (@ids::bigint[]);

-- name: idOf :one
SELECT id FROM bill WHERE org_id = @org_id AND number_key = @number_key;

-- name: lines :many
SELECT p.code, p.children, p.capacity, p.status, p.weight_grams, coalesce(p.child_grams, 0)::integer AS child_grams, u.username AS linked_by, bb.linked_at
FROM bill b
JOIN bill_bag bb ON bb.org_id = b.org_id AND bb.bill_id = b.id
JOIN bag p ON p.org_id = bb.org_id AND p.kind = 'parent' AND p.id = bb.bag_id
JOIN "user" u ON u.id = bb.linked_by
WHERE b.org_id = @org_id AND b.id = @bill_id
ORDER BY bb.linked_at, p.code;

-- name: newest :many
SELECT id, number_key FROM bill WHERE org_id = @org_id AND id < @before ORDER BY id DESC LIMIT @most;

-- name: newestOfStatus :many
SELECT id, number_key FROM bill WHERE org_id = @org_id AND status = @status AND id < @before ORDER BY id DESC LIMIT @most;

-- name: numbersFrom :many
-- Numbers that begin with a prefix, as the range from the prefix to the first number behind all that begin with it.
SELECT id, number_key FROM bill
WHERE org_id = @org_id AND number_key >= @prefix AND number_key < @behind AND number_key > @after
  AND (sqlc.narg('status')::text IS NULL OR status = sqlc.narg('status'))
ORDER BY number_key LIMIT @most;
