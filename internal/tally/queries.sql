-- name: add :exec
-- Adds to a row of each user that no other transaction holds, or starts one.
INSERT INTO tally (org_id, quarter, user_id, slot, parents, children, links, bills_new, bills_processing, bills_completed,
                   accepted, duplicate, refused)
SELECT @org_id, @quarter, d.user_id,
       coalesce((SELECT t.slot FROM tally t
                 WHERE t.org_id = @org_id AND t.quarter = @quarter AND t.user_id = d.user_id
                 ORDER BY t.slot LIMIT 1 FOR UPDATE SKIP LOCKED),
                floor(random() * 1000000)::integer),
       d.parents, d.children, d.links, d.bills_new, d.bills_processing, d.bills_completed, d.accepted, d.duplicate, d.refused
FROM (SELECT unnest(@user_ids::bigint[]) AS user_id, unnest(@parents::bigint[]) AS parents, unnest(@children::bigint[]) AS children,
             unnest(@links::bigint[]) AS links, unnest(@bills_new::bigint[]) AS bills_new,
             unnest(@bills_processing::bigint[]) AS bills_processing, unnest(@bills_completed::bigint[]) AS bills_completed,
             unnest(@accepted::bigint[]) AS accepted, unnest(@duplicate::bigint[]) AS duplicate, unnest(@refused::bigint[]) AS refused) d
ON CONFLICT (org_id, quarter, user_id, slot) DO UPDATE SET
    parents = tally.parents + excluded.parents, children = tally.children + excluded.children,
    links = tally.links + excluded.links, bills_new = tally.bills_new + excluded.bills_new,
    bills_processing = tally.bills_processing + excluded.bills_processing,
    bills_completed = tally.bills_completed + excluded.bills_completed,
    accepted = tally.accepted + excluded.accepted, duplicate = tally.duplicate + excluded.duplicate,
    refused = tally.refused + excluded.refused;

-- name: fold :execrows
-- Adds the quarters before a moment to the one row that holds all that is long past, and takes them away.
WITH past AS (
    DELETE FROM tally t WHERE t.org_id = @org_id AND t.quarter > 'epoch' AND t.quarter < @before RETURNING t.*
)
INSERT INTO tally (org_id, quarter, user_id, slot, parents, children, links, bills_new, bills_processing, bills_completed,
                   accepted, duplicate, refused)
SELECT past.org_id, 'epoch', 0, 0, sum(past.parents), sum(past.children), sum(past.links), sum(past.bills_new),
       sum(past.bills_processing), sum(past.bills_completed), sum(past.accepted), sum(past.duplicate), sum(past.refused)
FROM past GROUP BY past.org_id
ON CONFLICT (org_id, quarter, user_id, slot) DO UPDATE SET
    parents = tally.parents + excluded.parents, children = tally.children + excluded.children,
    links = tally.links + excluded.links, bills_new = tally.bills_new + excluded.bills_new,
    bills_processing = tally.bills_processing + excluded.bills_processing,
    bills_completed = tally.bills_completed + excluded.bills_completed,
    accepted = tally.accepted + excluded.accepted, duplicate = tally.duplicate + excluded.duplicate,
    refused = tally.refused + excluded.refused;
