-- name: totals :one
-- The totals of an organization, what today added to them, and the scans of the last day.
SELECT coalesce(sum(parents), 0)::bigint AS parents,
       coalesce(sum(children), 0)::bigint AS children,
       coalesce(sum(links), 0)::bigint AS links,
       coalesce(sum(bills_new), 0)::bigint AS bills_new,
       coalesce(sum(bills_processing), 0)::bigint AS bills_processing,
       coalesce(sum(bills_completed), 0)::bigint AS bills_completed,
       coalesce(sum(accepted + duplicate + refused), 0)::bigint AS scans,
       coalesce(sum(accepted + duplicate + refused) FILTER (WHERE quarter >= @last_day), 0)::bigint AS scans_last_day,
       coalesce(sum(parents + children) FILTER (WHERE quarter >= @today), 0)::bigint AS bags_today,
       coalesce(sum(links) FILTER (WHERE quarter >= @today), 0)::bigint AS links_today,
       coalesce(sum(bills_new + bills_processing) FILTER (WHERE quarter >= @today), 0)::bigint AS bills_open_today,
       coalesce(sum(accepted + duplicate + refused) FILTER (WHERE quarter >= @today), 0)::bigint AS scans_today
FROM tally
WHERE org_id = @org_id;

-- name: activeUsers :one
-- How many of an organization's people have a session that was used since.
SELECT count(*)
FROM "user" u
WHERE u.org_id = @org_id AND u.active AND EXISTS (
    SELECT FROM session s
    WHERE s.user_id = u.id AND s.last_used_at >= @since AND s.expires_at > @now AND s.session_epoch = u.session_epoch);

-- name: quarters :many
-- The scans of each quarter of an hour since.
SELECT quarter, sum(accepted)::bigint AS accepted, sum(duplicate)::bigint AS duplicate, sum(refused)::bigint AS refused
FROM tally
WHERE org_id = @org_id AND quarter >= @since
GROUP BY quarter
ORDER BY quarter;

-- name: people :many
-- Who scanned today, the busiest first. Servers of before tally_person add rows of users to tally instead.
SELECT u.username, t.accepted, t.duplicate, t.refused, t.people
FROM (
    SELECT y.user_id, sum(y.accepted)::bigint AS accepted, sum(y.duplicate)::bigint AS duplicate, sum(y.refused)::bigint AS refused,
           count(*) OVER () AS people
    FROM (
        SELECT p.user_id, p.accepted, p.duplicate, p.refused FROM tally_person p
        WHERE p.org_id = @org_id AND p.day = date(timezone(@time_zone::text, @today::timestamptz))
        UNION ALL
        SELECT b.user_id, b.accepted, b.duplicate, b.refused FROM tally b
        WHERE b.org_id = @org_id AND b.quarter >= @today AND b.user_id > 0
    ) y
    GROUP BY y.user_id
    HAVING sum(y.accepted + y.duplicate + y.refused) > 0
    ORDER BY accepted DESC, y.user_id LIMIT @most
) t
JOIN "user" u ON u.id = t.user_id
ORDER BY t.accepted DESC, u.username;

-- name: openBills :many
-- How many open bills were created since each of some moments, given in their order, and before the next: bucket n begins
-- with moment n, and bucket 0 lies before them all.
SELECT width_bucket(b.created_at, @bounds::timestamptz[])::integer AS bucket, count(*)::bigint AS bills
FROM bill b
WHERE b.org_id = @org_id AND b.status IN ('new', 'processing')
GROUP BY 1;

-- name: oldestBills :many
-- The open bills of a status that have waited longest.
SELECT id, number, capacity, linked, status, created_at
FROM bill
WHERE org_id = @org_id AND status = @status
ORDER BY id LIMIT @most;

-- name: latest :many
SELECT s.at, s.outcome, s.code, coalesce(s.parent_code, '') AS parent_code, coalesce(u.username, '') AS username
FROM scan s
LEFT JOIN "user" u ON u.id = s.user_id
WHERE s.org_id = @org_id AND s.event = 'scan'
ORDER BY s.at DESC, s.id DESC
LIMIT @most;

-- name: findBag :many
SELECT code, kind, status FROM bag WHERE org_id = @org_id AND code = @code;

-- name: findBill :many
SELECT number, status FROM bill WHERE org_id = @org_id AND number_key = ANY (@keys::text[]);

-- name: bagsFrom :many
-- Bags whose codes begin with a prefix, as a range of the codes.
SELECT code, kind, status FROM bag
WHERE org_id = @org_id AND code >= @prefix AND code < @behind
ORDER BY code LIMIT @most;

-- name: billsFrom :many
-- Bills whose numbers begin with a prefix, as a range of their keys.
SELECT number, status FROM bill
WHERE org_id = @org_id AND number_key >= @prefix AND number_key < @behind
ORDER BY number_key LIMIT @most;

-- name: ledger :one
SELECT coalesce(sum(parents), 0)::bigint AS parents, coalesce(sum(children), 0)::bigint AS children,
       coalesce(sum(links), 0)::bigint AS links, coalesce(sum(bills_new), 0)::bigint AS bills_new,
       coalesce(sum(bills_processing), 0)::bigint AS bills_processing,
       coalesce(sum(bills_completed), 0)::bigint AS bills_completed, coalesce(sum(accepted), 0)::bigint AS accepted,
       coalesce(sum(duplicate), 0)::bigint AS duplicate, coalesce(sum(refused), 0)::bigint AS refused
FROM tally
WHERE org_id = @org_id;

-- name: countBags :one
-- The bags of a kind behind an id, as many as a step takes, and the last of them.
SELECT count(*) AS bags, coalesce(max(b.id), 0)::bigint AS last
FROM (SELECT id FROM bag WHERE org_id = @org_id AND kind = @kind AND id > @after ORDER BY id LIMIT @most) b;

-- name: countLinks :one
SELECT count(*) AS links, coalesce(max(l.child_id), 0)::bigint AS last
FROM (SELECT child_id FROM link WHERE org_id = @org_id AND child_id > @after ORDER BY child_id LIMIT @most) l;

-- name: countBills :one
SELECT count(*) FILTER (WHERE b.status = 'new') AS bills_new, count(*) FILTER (WHERE b.status = 'processing') AS bills_processing,
       count(*) FILTER (WHERE b.status = 'completed') AS bills_completed, coalesce(max(b.id), 0)::bigint AS last
FROM (SELECT id, status FROM bill WHERE org_id = @org_id AND id > @after ORDER BY id LIMIT @most) b;

-- name: stepOfScans :one
-- The time at which the step of scans that begins at a time ends: that of the scan so many behind it.
SELECT at FROM scan WHERE org_id = @org_id AND at >= @since ORDER BY at OFFSET @most LIMIT 1;

-- name: countScans :one
-- Codes that were none leave no row, so that refused is the least that it may be.
SELECT count(*) FILTER (WHERE outcome IN ('opened', 'resumed', 'linked')) AS accepted,
       count(*) FILTER (WHERE outcome = 'duplicate') AS duplicate,
       count(*) FILTER (WHERE outcome NOT IN ('opened', 'resumed', 'linked', 'duplicate')) AS refused
FROM scan WHERE org_id = @org_id AND at >= @since AND at < @before AND event = 'scan';
