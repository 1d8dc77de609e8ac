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
